# pragma version 0.4.3
# pragma evm-version cancun
# @license Apache-2.0
"""
@title  Deals: opened with the quotes of n vaults, funded, extended, closed, refunded;
        a lost holder's place is taken by who rebuilt its shards
@notice A deal's escrow covers its whole capacity at its holders' prices until its
        end. It stays here until a settlement spends it or a refund returns it. Of the
        holders only a digest is kept: callers bring the list, events publish it.
"""

from ethereum.ercs import IERC20

import calendar
import deal_events
import deal_rows
import leaves
import merkle
import quotes

initializes: calendar
initializes: deal_rows
initializes: quotes
exports: deal_rows.deal

interface Network:
    def network_id() -> bytes32: view
    def faucet_grains() -> uint256: view

interface Registry:
    def commit(
        holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX], added: uint256
    ) -> DynArray[quotes.Party, quotes.HOLDERS_MAX]: nonpayable
    def release(
        holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX], removed: uint256, last_epoch: uint256
    ): nonpayable
    def hand_over(
        holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX],
        index: uint256,
        vault: bytes32,
        size: uint256,
        distinct: bool,
    ): nonpayable

interface Settlement:
    def certified() -> (bytes32, uint256): view
    def is_settled(epoch: uint256) -> bool: view

SUPPLY_MAX: constant(uint256) = 2**63 - 1
CAPACITY_MAX: constant(uint256) = 2**36
EPOCHS_MAX: constant(uint256) = 2**32

network: public(immutable(address))
token: public(immutable(IERC20))
registry: public(immutable(Registry))
settlement: public(immutable(Settlement))
DEVELOPMENT: immutable(bool)

# Locked in deals and not certified as spent.
escrowed: public(uint256)


@deploy
def __init__(
    network_: address, token_: address, registry_: address, settlement_: address
):
    """
    @param settlement_ Where the settlement contract will be.
    """
    calendar.__init__(network_)
    network = network_
    token = IERC20(token_)
    registry = Registry(registry_)
    settlement = Settlement(settlement_)
    quotes.__init__(staticcall Network(network_).network_id())
    DEVELOPMENT = staticcall Network(network_).faucet_grains() > 0


@external
@nonreentrant
def open(
    nonce: bytes32,
    deal_key: bytes32,
    k: uint256,
    capacity: uint256,
    end_epoch: uint256,
    offers: DynArray[quotes.Quote, quotes.HOLDERS_MAX],
):
    """
    @notice Open a deal of the caller with the vaults that signed the quotes, in order.
    @param nonce With the owner it makes the deal's id.
    @param deal_key The Ed25519 key that signs heads and grants.
    @param capacity Bytes for each holder.
    """
    deal: bytes32 = sha256(concat(convert(msg.sender, bytes20), nonce))
    assert not deal_rows._exists(deal), "deal exists"
    assert 0 < k and k <= len(offers), "holders refused"
    epoch: uint256 = calendar._epoch()
    self._check_terms(capacity, end_epoch, epoch)
    holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX] = quotes._holders(offers)
    each: uint256 = quotes._price_of_epoch(holders, capacity)
    escrow: uint256 = each * (end_epoch - epoch)
    assert escrow <= SUPPLY_MAX, "balance too low"

    deal_rows._put_owner(
        deal,
        deal_rows.Owner(
            account=msg.sender, k=k, opened_epoch=epoch, refunded=False
        ),
    )
    deal_rows._put_terms(
        deal,
        deal_rows.Terms(
            capacity=capacity,
            end_epoch=end_epoch,
            closed_epoch=deal_rows.NEVER,
            escrow=escrow,
        ),
    )
    deal_rows._holders[deal] = keccak256(abi_encode(holders))
    self.escrowed += escrow
    log deal_events.DealOpened(
        deal=deal,
        owner=msg.sender,
        nonce=nonce,
        deal_key=deal_key,
        k=k,
        capacity=capacity,
        opened_epoch=epoch,
        end_epoch=end_epoch,
        escrow=escrow,
        holders=holders,
    )
    parties: DynArray[quotes.Party, quotes.HOLDERS_MAX] = extcall registry.commit(holders, capacity)
    quotes._check(deal, capacity, end_epoch, epoch, offers, parties)
    quotes._check_distinct(deal, holders, parties, not DEVELOPMENT)
    self._take(escrow)


@external
@nonreentrant
def fund(deal: bytes32, amount: uint256):
    """
    @notice Add grains of the caller to a deal's escrow, whoever owns it.
    """
    assert 0 < amount and amount <= SUPPLY_MAX, "amount refused"
    terms: deal_rows.Terms = self._running(deal, calendar._epoch())
    terms.escrow += amount
    assert terms.escrow <= SUPPLY_MAX, "balance too low"
    deal_rows._put_terms(deal, terms)
    self.escrowed += amount
    log deal_events.DealFunded(deal=deal, account=msg.sender, amount=amount)
    self._take(amount)


@external
@nonreentrant
def extend(
    deal: bytes32,
    capacity: uint256,
    end_epoch: uint256,
    offers: DynArray[quotes.Quote, quotes.HOLDERS_MAX],
):
    """
    @notice Give the caller's deal a later end or a larger capacity, at the old prices
            and with new quotes of its holders, in order.
    """
    epoch: uint256 = calendar._epoch()
    owner: deal_rows.Owner = self._owned(deal)
    old: deal_rows.Terms = self._running(deal, epoch)
    assert capacity >= old.capacity and end_epoch >= old.end_epoch, "deal shrinks"
    grows: bool = capacity > old.capacity or end_epoch > old.end_epoch
    assert grows, "deal unchanged"
    self._check_terms(capacity, end_epoch, epoch)
    holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX] = quotes._holders(offers)
    self._require_holders(deal, holders)

    each: uint256 = quotes._price_of_epoch(holders, capacity)
    before: uint256 = quotes._price_of_epoch(holders, old.capacity)
    growth: uint256 = each * (end_epoch - epoch) - before * (old.end_epoch - epoch)
    # What was funded before counts: the escrow of the whole life is always enough.
    life: uint256 = each * (end_epoch - owner.opened_epoch)
    lacking: uint256 = life - old.escrow if life > old.escrow else 0
    amount: uint256 = min(growth, lacking)
    assert old.escrow + amount <= SUPPLY_MAX, "balance too low"

    deal_rows._put_terms(
        deal,
        deal_rows.Terms(
            capacity=capacity,
            end_epoch=end_epoch,
            closed_epoch=deal_rows.NEVER,
            escrow=old.escrow + amount,
        ),
    )
    self.escrowed += amount
    log deal_events.DealExtended(
        deal=deal, capacity=capacity, end_epoch=end_epoch, amount=amount
    )
    added: uint256 = capacity - old.capacity
    parties: DynArray[quotes.Party, quotes.HOLDERS_MAX] = extcall registry.commit(holders, added)
    quotes._check(deal, capacity, end_epoch, epoch, offers, parties)
    self._take(amount)


@external
@nonreentrant
def close(deal: bytes32):
    """
    @notice End the caller's deal with the current period.
    """
    epoch: uint256 = calendar._epoch()
    owner: deal_rows.Owner = self._owned(deal)
    terms: deal_rows.Terms = self._running(deal, epoch)
    terms.closed_epoch = epoch
    deal_rows._put_terms(deal, terms)
    log deal_events.DealClosed(
        deal=deal, closed_epoch=epoch, last_epoch=self._last_epoch(terms)
    )


@external
@nonreentrant
def refund(
    deal: bytes32,
    holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX],
    proofs: DynArray[leaves.Proof, 2],
):
    """
    @notice Return to its owner what an ended deal did not spend, and free its holders'
            stakes; anybody may ask.
    @param proofs The deal's leaf in the newest settlement; or, when it has none, what
           leaves no room for it: the two leaves beside its place, or the one at the
           end where it would stand, or nothing when the tree is empty.
    """
    terms: deal_rows.Terms = self._kept(deal)
    owner: deal_rows.Owner = deal_rows._owner(deal)
    last: uint256 = self._last_epoch(terms)
    assert staticcall settlement.is_settled(last), "unsettled"
    self._require_holders(deal, holders)
    root: bytes32 = empty(bytes32)
    count: uint256 = 0
    root, count = staticcall settlement.certified()
    spent: uint256 = min(leaves._spent(deal, proofs, root, count), terms.escrow)
    amount: uint256 = terms.escrow - spent
    assert amount <= self.escrowed, "overdrawn"

    self.escrowed -= amount
    terms.escrow = spent
    owner.refunded = True
    deal_rows._put_terms(deal, terms)
    deal_rows._put_owner(deal, owner)
    log deal_events.DealRefunded(deal=deal, owner=owner.account, amount=amount, spent=spent)
    extcall registry.release(holders, terms.capacity, last)
    assert extcall token.transfer(owner.account, amount), "token refused"


@external
@nonreentrant
def replace(
    deal: bytes32,
    holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX],
    index: uint256,
    lost: bytes32,
    vault: bytes32,
    place: uint256,
    path: DynArray[bytes32, merkle.PATH_MAX],
):
    """
    @notice Put the vault that rebuilt a lost holder's shards in its place, at its
            price; anybody may ask.
    @param holders The deal's holders as they are, `lost` at `index` among them.
    @param place Where the replacement's leaf is in the newest settlement; `path`
           leads from there to the root.
    """
    terms: deal_rows.Terms = self._kept(deal)
    epoch: uint256 = calendar._epoch()
    assert epoch < self._last_epoch(terms), "deal ended"
    self._require_holders(deal, holders)
    assert index < len(holders), "index refused"
    assert holders[index].vault == lost, "place taken"
    root: bytes32 = empty(bytes32)
    count: uint256 = 0
    root, count = staticcall settlement.certified()
    named: bytes32 = leaves._replacement(deal, index, lost, vault)
    leads: bytes32 = merkle._root(
        merkle.REPLACEMENT_LEAF, named, 0, place, count, path
    )
    assert leads == root, "proof refused"

    changed: DynArray[quotes.Holder, quotes.HOLDERS_MAX] = holders
    changed[index].vault = vault
    deal_rows._holders[deal] = keccak256(abi_encode(changed))
    log deal_events.HolderReplaced(
        deal=deal,
        index=index,
        lost=lost,
        vault=vault,
        price=convert(holders[index].price, uint256),
        epoch=epoch,
    )
    extcall registry.hand_over(
        holders, index, vault, terms.capacity, not DEVELOPMENT
    )


@external
@nonreentrant
def spend(amount: uint256):
    """
    @notice Hand what a settlement says was spent to the settlement contract.
    """
    assert msg.sender == settlement.address, "only settlement"
    assert amount <= self.escrowed, "above the escrow"
    self.escrowed -= amount
    log deal_events.EscrowSpent(amount=amount)
    assert extcall token.transfer(msg.sender, amount), "token refused"


# ------------------------------------------------------------------ details


@internal
@pure
def _check_terms(capacity: uint256, end_epoch: uint256, epoch: uint256):
    assert 0 < capacity and capacity <= CAPACITY_MAX, "capacity refused"
    assert epoch < end_epoch and end_epoch <= epoch + EPOCHS_MAX, "end refused"


@internal
@view
def _require_holders(deal: bytes32, holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX]):
    assert keccak256(abi_encode(holders)) == deal_rows._holders[deal], "not the holders"


@internal
@view
def _owned(deal: bytes32) -> deal_rows.Owner:
    assert deal_rows._exists(deal), "deal unknown"
    owner: deal_rows.Owner = deal_rows._owner(deal)
    assert owner.account == msg.sender, "not the owner"
    return owner


@internal
@view
def _kept(deal: bytes32) -> deal_rows.Terms:
    """
    Return the terms of a deal whose escrow did not go back to its owner.
    """
    assert deal_rows._exists(deal), "deal unknown"
    assert not deal_rows._owner(deal).refunded, "already refunded"
    return deal_rows._terms_of(deal)


@internal
@view
def _running(deal: bytes32, epoch: uint256) -> deal_rows.Terms:
    """
    Return the terms of a deal that has neither been closed nor ended.
    """
    terms: deal_rows.Terms = self._kept(deal)
    assert terms.closed_epoch == deal_rows.NEVER, "deal ended"
    assert epoch < terms.end_epoch, "deal ended"
    return terms


@internal
@view
def _last_epoch(terms: deal_rows.Terms) -> uint256:
    """
    The first epoch that is no longer paid.
    """
    if terms.closed_epoch == deal_rows.NEVER:
        return terms.end_epoch
    period: uint256 = calendar._period_of(terms.closed_epoch)
    return min(terms.end_epoch, calendar._first_epoch(period + 1))


@internal
def _take(amount: uint256):
    assert extcall token.transferFrom(msg.sender, self, amount), "token refused"

