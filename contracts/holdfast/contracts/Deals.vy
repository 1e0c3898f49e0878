# pragma version 0.4.3
# pragma evm-version cancun
# @license Apache-2.0
"""
@title  Deals: opened with the quotes of n vaults, funded, extended, closed, refunded
@notice A deal's escrow covers its whole capacity at its holders' prices until its
        end. It stays here until a settlement spends it or a refund returns it. Of the
        holders only a digest is kept: callers bring the list, events publish it.
"""

from ethereum.ercs import IERC20

import calendar
import merkle

initializes: calendar

interface Network:
    def network_id() -> bytes32: view
    def faucet_grains() -> uint256: view

interface Registry:
    def commit(
        holders: DynArray[Holder, HOLDERS_MAX], added: uint256
    ) -> DynArray[Party, HOLDERS_MAX]: nonpayable
    def release(
        holders: DynArray[Holder, HOLDERS_MAX], removed: uint256, last_epoch: uint256
    ): nonpayable

interface Settlement:
    def certified() -> (bytes32, uint256): view
    def is_settled(epoch: uint256) -> bool: view

struct Holder:
    vault: bytes32
    price: uint64

struct Party:
    account: address
    payout: address

struct Quote:
    vault: bytes32
    price: uint64
    valid_epoch: uint64
    v: uint8
    r: bytes32
    s: bytes32

struct Proof:
    party: uint8
    id: bytes32
    grains: uint64
    index: uint256
    path: DynArray[bytes32, merkle.PATH_MAX]

struct Owner:
    account: address        # 160 bits of the slot
    k: uint256              # 8
    opened_epoch: uint256   # 64
    refunded: bool          # 8

struct Terms:
    capacity: uint256       # 64
    end_epoch: uint256      # 64
    closed_epoch: uint256   # 64; NEVER while it is not closed
    escrow: uint256         # 64

struct Deal:
    owner: address
    k: uint256
    opened_epoch: uint256
    end_epoch: uint256
    closed_epoch: uint256
    capacity: uint256
    escrow: uint256
    refunded: bool
    holders_digest: bytes32

event DealOpened:
    deal: indexed(bytes32)
    owner: indexed(address)
    nonce: bytes32
    deal_key: bytes32
    k: uint256
    capacity: uint256
    opened_epoch: uint256
    end_epoch: uint256
    escrow: uint256
    holders: DynArray[Holder, HOLDERS_MAX]

event DealFunded:
    deal: indexed(bytes32)
    account: indexed(address)
    amount: uint256

event DealExtended:
    deal: indexed(bytes32)
    capacity: uint256
    end_epoch: uint256
    amount: uint256

event DealClosed:
    deal: indexed(bytes32)
    closed_epoch: uint256
    last_epoch: uint256

event DealRefunded:
    deal: indexed(bytes32)
    owner: indexed(address)
    amount: uint256
    spent: uint256

event EscrowSpent:
    amount: uint256

HOLDERS_MAX: constant(uint256) = 255
SUPPLY_MAX: constant(uint256) = 2**63 - 1
CAPACITY_MAX: constant(uint256) = 2**36
EPOCHS_MAX: constant(uint256) = 2**32
GIB: constant(uint256) = 2**30
U64: constant(uint256) = 2**64 - 1
NEVER: constant(uint256) = 2**64 - 1
S_MAX: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)
DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,bytes32 salt)"
)
QUOTE_TYPE: constant(bytes32) = keccak256(
    "Quote(bytes32 deal,bytes32 vault,uint64 price,uint64 capacity,uint64 endEpoch,uint64 validEpoch)"
)

network: public(immutable(address))
token: public(immutable(IERC20))
registry: public(immutable(Registry))
settlement: public(immutable(Settlement))
DOMAIN: immutable(bytes32)
DEVELOPMENT: immutable(bool)

# Locked in deals and not certified as spent.
escrowed: public(uint256)
_owners: HashMap[bytes32, uint256]
_terms: HashMap[bytes32, uint256]
_holders: HashMap[bytes32, bytes32]
# Who holds or is paid in the deal that this transaction opens.
_seen: transient(HashMap[bytes32, HashMap[bytes32, bool]])


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
    DEVELOPMENT = staticcall Network(network_).faucet_grains() > 0
    network_id: bytes32 = staticcall Network(network_).network_id()
    DOMAIN = keccak256(
        abi_encode(
            DOMAIN_TYPE, keccak256("Holdfast"), keccak256("1"), chain.id, network_id
        )
    )


@external
@nonreentrant
def open(
    nonce: bytes32,
    deal_key: bytes32,
    k: uint256,
    capacity: uint256,
    end_epoch: uint256,
    quotes: DynArray[Quote, HOLDERS_MAX],
):
    """
    @notice Open a deal of the caller with the vaults that signed the quotes, in order.
    @param nonce With the owner it makes the deal's id.
    @param deal_key The Ed25519 key that signs heads and grants.
    @param capacity Bytes for each holder.
    """
    deal: bytes32 = sha256(concat(convert(msg.sender, bytes20), nonce))
    assert self._owners[deal] == 0, "deal exists"
    assert 0 < k and k <= len(quotes), "holders refused"
    epoch: uint256 = calendar._epoch()
    self._check_terms(capacity, end_epoch, epoch)
    holders: DynArray[Holder, HOLDERS_MAX] = self._holders_of(quotes)
    each: uint256 = self._price_of_epoch(holders, capacity)
    escrow: uint256 = each * (end_epoch - epoch)
    assert escrow <= SUPPLY_MAX, "balance too low"

    self._owners[deal] = self._pack_owner(
        Owner(account=msg.sender, k=k, opened_epoch=epoch, refunded=False)
    )
    self._terms[deal] = self._pack_terms(
        Terms(
            capacity=capacity, end_epoch=end_epoch, closed_epoch=NEVER, escrow=escrow
        )
    )
    self._holders[deal] = keccak256(abi_encode(holders))
    self.escrowed += escrow
    log DealOpened(
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
    parties: DynArray[Party, HOLDERS_MAX] = extcall registry.commit(holders, capacity)
    self._check_quotes(deal, capacity, end_epoch, epoch, quotes, parties)
    self._check_distinct(deal, holders, parties)
    self._take(escrow)


@external
@nonreentrant
def fund(deal: bytes32, amount: uint256):
    """
    @notice Add grains of the caller to a deal's escrow, whoever owns it.
    """
    assert 0 < amount and amount <= SUPPLY_MAX, "amount refused"
    terms: Terms = self._running(deal, calendar._epoch())
    terms.escrow += amount
    assert terms.escrow <= SUPPLY_MAX, "balance too low"
    self._terms[deal] = self._pack_terms(terms)
    self.escrowed += amount
    log DealFunded(deal=deal, account=msg.sender, amount=amount)
    self._take(amount)


@external
@nonreentrant
def extend(
    deal: bytes32,
    capacity: uint256,
    end_epoch: uint256,
    quotes: DynArray[Quote, HOLDERS_MAX],
):
    """
    @notice Give the caller's deal a later end or a larger capacity, at the old prices
            and with new quotes of its holders, in order.
    """
    epoch: uint256 = calendar._epoch()
    owner: Owner = self._owned(deal)
    old: Terms = self._running(deal, epoch)
    assert capacity >= old.capacity and end_epoch >= old.end_epoch, "deal shrinks"
    grows: bool = capacity > old.capacity or end_epoch > old.end_epoch
    assert grows, "deal unchanged"
    self._check_terms(capacity, end_epoch, epoch)
    holders: DynArray[Holder, HOLDERS_MAX] = self._holders_of(quotes)
    self._require_holders(deal, holders)

    each: uint256 = self._price_of_epoch(holders, capacity)
    before: uint256 = self._price_of_epoch(holders, old.capacity)
    growth: uint256 = each * (end_epoch - epoch) - before * (old.end_epoch - epoch)
    # What was funded before counts: the escrow of the whole life is always enough.
    life: uint256 = each * (end_epoch - owner.opened_epoch)
    lacking: uint256 = life - old.escrow if life > old.escrow else 0
    amount: uint256 = min(growth, lacking)
    assert old.escrow + amount <= SUPPLY_MAX, "balance too low"

    self._terms[deal] = self._pack_terms(
        Terms(
            capacity=capacity,
            end_epoch=end_epoch,
            closed_epoch=NEVER,
            escrow=old.escrow + amount,
        )
    )
    self.escrowed += amount
    log DealExtended(
        deal=deal, capacity=capacity, end_epoch=end_epoch, amount=amount
    )
    added: uint256 = capacity - old.capacity
    parties: DynArray[Party, HOLDERS_MAX] = extcall registry.commit(holders, added)
    self._check_quotes(deal, capacity, end_epoch, epoch, quotes, parties)
    self._take(amount)


@external
@nonreentrant
def close(deal: bytes32):
    """
    @notice End the caller's deal with the current period.
    """
    epoch: uint256 = calendar._epoch()
    owner: Owner = self._owned(deal)
    terms: Terms = self._running(deal, epoch)
    terms.closed_epoch = epoch
    self._terms[deal] = self._pack_terms(terms)
    log DealClosed(
        deal=deal, closed_epoch=epoch, last_epoch=self._last_epoch(terms)
    )


@external
@nonreentrant
def refund(
    deal: bytes32,
    holders: DynArray[Holder, HOLDERS_MAX],
    proofs: DynArray[Proof, 2],
):
    """
    @notice Return to its owner what an ended deal did not spend, and free its holders'
            stakes; anybody may ask.
    @param proofs The deal's leaf in the newest settlement; or, when it has none, what
           leaves no room for it: the two leaves beside its place, or the one at the
           end where it would stand, or nothing when the tree is empty.
    """
    assert self._owners[deal] != 0, "deal unknown"
    owner: Owner = self._unpack_owner(self._owners[deal])
    assert not owner.refunded, "already refunded"
    terms: Terms = self._unpack_terms(self._terms[deal])
    last: uint256 = self._last_epoch(terms)
    assert staticcall settlement.is_settled(last), "unsettled"
    self._require_holders(deal, holders)
    spent: uint256 = min(self._proved_spent(deal, proofs), terms.escrow)
    amount: uint256 = terms.escrow - spent
    assert amount <= self.escrowed, "overdrawn"

    self.escrowed -= amount
    terms.escrow = spent
    owner.refunded = True
    self._terms[deal] = self._pack_terms(terms)
    self._owners[deal] = self._pack_owner(owner)
    log DealRefunded(deal=deal, owner=owner.account, amount=amount, spent=spent)
    extcall registry.release(holders, terms.capacity, last)
    assert extcall token.transfer(owner.account, amount), "token refused"


@external
@nonreentrant
def spend(amount: uint256):
    """
    @notice Hand what a settlement says was spent to the settlement contract.
    """
    assert msg.sender == settlement.address, "only settlement"
    assert amount <= self.escrowed, "above the escrow"
    self.escrowed -= amount
    log EscrowSpent(amount=amount)
    assert extcall token.transfer(msg.sender, amount), "token refused"


@external
@view
def deal(id: bytes32) -> Deal:
    """
    @notice One deal; its owner is zero when there is none.
    """
    owner: Owner = self._unpack_owner(self._owners[id])
    terms: Terms = self._unpack_terms(self._terms[id])
    return Deal(
        owner=owner.account,
        k=owner.k,
        opened_epoch=owner.opened_epoch,
        end_epoch=terms.end_epoch,
        closed_epoch=terms.closed_epoch,
        capacity=terms.capacity,
        escrow=terms.escrow,
        refunded=owner.refunded,
        holders_digest=self._holders[id],
    )


# ------------------------------------------------------------------ details


@internal
@pure
def _check_terms(capacity: uint256, end_epoch: uint256, epoch: uint256):
    assert 0 < capacity and capacity <= CAPACITY_MAX, "capacity refused"
    assert epoch < end_epoch and end_epoch <= epoch + EPOCHS_MAX, "end refused"


@internal
@pure
def _holders_of(
    quotes: DynArray[Quote, HOLDERS_MAX],
) -> DynArray[Holder, HOLDERS_MAX]:
    holders: DynArray[Holder, HOLDERS_MAX] = []
    for quote: Quote in quotes:
        assert convert(quote.price, uint256) <= SUPPLY_MAX, "price refused"
        holders.append(Holder(vault=quote.vault, price=quote.price))
    return holders


@internal
@view
def _check_quotes(
    deal: bytes32,
    capacity: uint256,
    end_epoch: uint256,
    epoch: uint256,
    quotes: DynArray[Quote, HOLDERS_MAX],
    parties: DynArray[Party, HOLDERS_MAX],
):
    """
    Every quote is signed (EIP-712) by its vault's account, for these terms.
    """
    i: uint256 = 0
    for quote: Quote in quotes:
        assert convert(quote.valid_epoch, uint256) >= epoch, "quote expired"
        assert convert(quote.s, uint256) <= S_MAX, "quote not signed"
        body: bytes32 = keccak256(
            abi_encode(
                QUOTE_TYPE,
                deal,
                quote.vault,
                quote.price,
                capacity,
                end_epoch,
                quote.valid_epoch,
            )
        )
        digest: bytes32 = keccak256(concat(x"1901", DOMAIN, body))
        signer: address = ecrecover(digest, quote.v, quote.r, quote.s)
        assert signer != empty(address), "quote not signed"
        assert signer == parties[i].account, "quote not signed"
        i += 1


@internal
def _check_distinct(
    deal: bytes32,
    holders: DynArray[Holder, HOLDERS_MAX],
    parties: DynArray[Party, HOLDERS_MAX],
):
    """
    No vault twice, and, outside development networks, no payout account twice.
    """
    i: uint256 = 0
    for holder: Holder in holders:
        assert not self._seen[deal][holder.vault], "vault twice"
        self._seen[deal][holder.vault] = True
        if not DEVELOPMENT:
            payout: bytes32 = convert(parties[i].payout, bytes32)
            assert not self._seen[deal][payout], "payout twice"
            self._seen[deal][payout] = True
        i += 1


@internal
@view
def _require_holders(deal: bytes32, holders: DynArray[Holder, HOLDERS_MAX]):
    assert keccak256(abi_encode(holders)) == self._holders[deal], "not the holders"


@internal
@pure
def _price_of_epoch(
    holders: DynArray[Holder, HOLDERS_MAX], capacity: uint256
) -> uint256:
    """
    What the whole capacity costs for an epoch, rounded up for each holder.
    """
    total: uint256 = 0
    for holder: Holder in holders:
        total += (capacity * convert(holder.price, uint256) + GIB - 1) // GIB
    return total


@internal
@view
def _proved_spent(deal: bytes32, proofs: DynArray[Proof, 2]) -> uint256:
    """
    What the newest settlement says the deal spent; nothing, if its leaf is absent.
    """
    root: bytes32 = empty(bytes32)
    count: uint256 = 0
    root, count = staticcall settlement.certified()
    if len(proofs) == 0:
        assert count == 0, "absence not proved"
        return 0
    for proof: Proof in proofs:
        leads: bytes32 = merkle._root(
            proof.party, proof.id, proof.grains, proof.index, count, proof.path
        )
        assert leads == root, "proof refused"
    first: int256 = self._compare(proofs[0], deal)
    if len(proofs) == 1:
        if first == 0:
            return convert(proofs[0].grains, uint256)
        before: bool = first > 0 and proofs[0].index == 0
        behind: bool = first < 0 and proofs[0].index == count - 1
        assert before or behind, "absence not proved"
        return 0
    between: bool = first < 0 and self._compare(proofs[1], deal) > 0
    assert between, "absence not proved"
    assert proofs[1].index == proofs[0].index + 1, "absence not proved"
    return 0


@internal
@pure
def _compare(proof: Proof, deal: bytes32) -> int256:
    """
    Tell whether a leaf stands before (-1), at (0) or behind (1) the deal's place.
    """
    if proof.party != merkle.DEAL_LEAF:
        return -1 if proof.party < merkle.DEAL_LEAF else 1
    left: uint256 = convert(proof.id, uint256)
    right: uint256 = convert(deal, uint256)
    if left == right:
        return 0
    return -1 if left < right else 1


@internal
@view
def _owned(deal: bytes32) -> Owner:
    word: uint256 = self._owners[deal]
    assert word != 0, "deal unknown"
    owner: Owner = self._unpack_owner(word)
    assert owner.account == msg.sender, "not the owner"
    return owner


@internal
@view
def _running(deal: bytes32, epoch: uint256) -> Terms:
    """
    Return the terms of a deal that has neither been closed nor ended.
    """
    word: uint256 = self._owners[deal]
    assert word != 0, "deal unknown"
    assert not self._unpack_owner(word).refunded, "already refunded"
    terms: Terms = self._unpack_terms(self._terms[deal])
    assert terms.closed_epoch == NEVER, "deal ended"
    assert epoch < terms.end_epoch, "deal ended"
    return terms


@internal
@view
def _last_epoch(terms: Terms) -> uint256:
    """
    The first epoch that is no longer paid.
    """
    if terms.closed_epoch == NEVER:
        return terms.end_epoch
    period: uint256 = calendar._period_of(terms.closed_epoch)
    return min(terms.end_epoch, calendar._first_epoch(period + 1))


@internal
def _take(amount: uint256):
    assert extcall token.transferFrom(msg.sender, self, amount), "token refused"


@internal
@pure
def _pack_owner(owner: Owner) -> uint256:
    word: uint256 = convert(owner.account, uint256) | owner.k << 160
    word |= owner.opened_epoch << 168
    return word | convert(owner.refunded, uint256) << 232


@internal
@pure
def _unpack_owner(word: uint256) -> Owner:
    return Owner(
        account=convert(word & (2**160 - 1), address),
        k=(word >> 160) & 255,
        opened_epoch=(word >> 168) & U64,
        refunded=word >> 232 == 1,
    )


@internal
@pure
def _pack_terms(terms: Terms) -> uint256:
    word: uint256 = terms.capacity | terms.end_epoch << 64
    return word | terms.closed_epoch << 128 | terms.escrow << 192


@internal
@pure
def _unpack_terms(word: uint256) -> Terms:
    return Terms(
        capacity=word & U64,
        end_epoch=(word >> 64) & U64,
        closed_epoch=(word >> 128) & U64,
        escrow=word >> 192,
    )
