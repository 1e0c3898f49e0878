# pragma version 0.4.3
# pragma evm-version cancun
# @license Apache-2.0
"""
@title  The registry: staked vaults, how they enter and leave, and their committees
@notice A vault enters once, with the consent of its identity key and proof that it
        has its BLS key. Stakes stay here until they are withdrawn; only a certified
        settlement can slash them. Nobody owns this contract.
"""

from ethereum.ercs import IERC20

import bls
import calendar
import quotes
import roster
import stakes
import vault_events
import vault_rows

initializes: calendar
initializes: roster[calendar := calendar]
initializes: vault_rows
initializes: stakes[vault_rows := vault_rows]
exports: (roster.vault_at, roster.count, vault_rows.vault)

interface Network:
    def network_id() -> bytes32: view
    def committee_size() -> uint256: view
    def unbonding_epochs() -> uint256: view
    def least_stake() -> uint256: view

interface Identity:
    def verify(key: bytes32, message: Bytes[278], signature: Bytes[64]) -> bool: view

interface Certificates:
    def enroll(
        number: uint256, account: address, key: Bytes[128], possession: Bytes[256]
    ): nonpayable

interface Settlement:
    def is_settled(epoch: uint256) -> bool: view

SUPPLY_MAX: constant(uint256) = 2**63 - 1
STEPS_MAX: constant(uint256) = 1024
# "HF", kind 66, version 1: the encoding of a Consent.
CONSENT_PREFIX: constant(Bytes[4]) = x"48464201"

network: public(immutable(address))
token: public(immutable(IERC20))
identity: public(immutable(Identity))
certificates: public(immutable(Certificates))
deals: public(immutable(address))
settlement: public(immutable(Settlement))
NETWORK_ID: immutable(bytes32)
COMMITTEE_SIZE: immutable(uint256)
UNBONDING_EPOCHS: immutable(uint256)
LEAST_STAKE: immutable(uint256)


@deploy
def __init__(
    network_: address,
    token_: address,
    identity_: address,
    certificates_: address,
    deals_: address,
    settlement_: address,
):
    """
    @param identity_ Verifies Ed25519 signatures.
    @param certificates_ Keeps the keys that certificates are checked with.
    @param deals_ Where the deals contract will be.
    @param settlement_ Where the settlement contract will be.
    """
    calendar.__init__(network_)
    stakes.__init__(network_)
    network = network_
    token = IERC20(token_)
    identity = Identity(identity_)
    certificates = Certificates(certificates_)
    deals = deals_
    settlement = Settlement(settlement_)
    NETWORK_ID = staticcall Network(network_).network_id()
    COMMITTEE_SIZE = staticcall Network(network_).committee_size()
    UNBONDING_EPOCHS = staticcall Network(network_).unbonding_epochs()
    LEAST_STAKE = staticcall Network(network_).least_stake()


@external
@nonreentrant
def register(
    identity_key: bytes32,
    bls_key: Bytes[128],
    possession: Bytes[256],
    payout: address,
    stake: uint256,
    consent: Bytes[64],
):
    """
    @notice Stake grains of the caller on a new vault and list it.
    @param bls_key A point of G1, 128 bytes as EIP-2537 has them.
    @param possession A point of G2, 256 bytes: that the vault has the BLS key.
    @param consent The identity key's Ed25519 signature over the encoded Consent.
    """
    vault: bytes32 = sha256(identity_key)
    self._require_amount(stake)
    assert stake >= LEAST_STAKE, "below the least stake"
    assert payout != empty(address), "zero address"
    assert not vault_rows._exists(vault), "vault registered"
    key: Bytes[48] = bls._compress_key(bls._pack(bls_key))
    proof: Bytes[96] = bls._compress_signature(possession)
    message: Bytes[278] = concat(
        b"holdfast signed v1",
        NETWORK_ID,
        CONSENT_PREFIX,
        convert(msg.sender, bytes20),
        identity_key,
        key,
        proof,
        convert(payout, bytes20),
        convert(convert(stake, uint64), bytes8),
    )
    consented: bool = staticcall identity.verify(identity_key, message, consent)
    assert consented, "consent refused"

    epoch: uint256 = calendar._epoch()
    number: uint256 = roster._enter(vault, epoch)
    vault_rows._put_standing(
        vault,
        vault_rows.Standing(
            account=msg.sender,
            joined_epoch=epoch,
            left_epoch=vault_rows.NEVER,
            listing=vault_rows.Listing.ACTIVE,
        ),
    )
    vault_rows._put_payment(vault, vault_rows.Payment(payout=payout, claimed=0, number=number))
    vault_rows._put_stake(vault, vault_rows.Stake(grains=stake, committed_bytes=0, free_epoch=0))
    log vault_events.Registered(
        vault=vault,
        account=msg.sender,
        number=number,
        identity_key=identity_key,
        bls_key=key,
        possession=proof,
        payout=payout,
        consent=consent,
        joined_epoch=epoch,
    )
    log vault_events.Staked(vault=vault, amount=stake)
    extcall certificates.enroll(number, msg.sender, bls_key, possession)
    self._take(msg.sender, stake)


@external
@nonreentrant
def add_stake(vault: bytes32, amount: uint256):
    """
    @notice Add grains of the caller to the stake of the caller's active vault.
    """
    self._require_amount(amount)
    standing: vault_rows.Standing = self._owned(vault)
    assert standing.listing == vault_rows.Listing.ACTIVE, "vault left"
    stake: vault_rows.Stake = vault_rows._stake(vault)
    stake.grains += amount
    vault_rows._put_stake(vault, stake)
    log vault_events.Staked(vault=vault, amount=amount)
    self._take(msg.sender, amount)


@external
@nonreentrant
def unbond(vault: bytes32):
    """
    @notice Take the caller's vault out of the registry; its stake stays locked.
    """
    standing: vault_rows.Standing = self._owned(vault)
    assert standing.listing == vault_rows.Listing.ACTIVE, "vault left"
    epoch: uint256 = calendar._epoch()
    standing.listing = vault_rows.Listing.UNBONDING
    standing.left_epoch = epoch
    vault_rows._put_standing(vault, standing)
    roster._leave(vault_rows._payment(vault).number, epoch)
    log vault_events.Unbonded(vault=vault, left_epoch=epoch)


@external
@nonreentrant
def withdraw(vault: bytes32):
    """
    @notice Return what is left of the stake of the caller's vault, once it has left,
            its deals are refunded or others', and settled, and the time of unbonding
            is over.
    """
    standing: vault_rows.Standing = self._owned(vault)
    stake: vault_rows.Stake = vault_rows._stake(vault)
    assert stake.grains > 0, "nothing to withdraw"
    assert standing.left_epoch != vault_rows.NEVER, "vault active"
    assert stake.committed_bytes == 0, "deals open"
    free: uint256 = max(standing.left_epoch, stake.free_epoch)
    assert calendar._epoch() >= free + UNBONDING_EPOCHS, "stake locked"
    assert staticcall settlement.is_settled(free), "unsettled"

    amount: uint256 = stake.grains
    stake.grains = 0
    vault_rows._put_stake(vault, stake)
    if standing.listing == vault_rows.Listing.UNBONDING:
        standing.listing = vault_rows.Listing.WITHDRAWN
        vault_rows._put_standing(vault, standing)
    log vault_events.Withdrawn(vault=vault, amount=amount)
    assert extcall token.transfer(msg.sender, amount), "token refused"


@external
def advance(steps: uint256):
    """
    @notice Bring the snapshot up to the current period, at most `steps` vaults of it.
            A settlement does this too; it is needed alone only after a great many
            vaults have come or gone within one period.
    """
    roster._advance(min(steps, STEPS_MAX), calendar._epoch())


# ------------------------------------------------- for the other contracts


@external
@nonreentrant
def commit(
    holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX], added: uint256
) -> DynArray[quotes.Party, quotes.HOLDERS_MAX]:
    """
    @notice Let active vaults vouch for so many more bytes each; only Deals may.
    @return The account and the payout account of each.
    """
    assert msg.sender == deals, "only deals"
    parties: DynArray[quotes.Party, quotes.HOLDERS_MAX] = []
    for holder: quotes.Holder in holders:
        account: address = stakes._commit(holder.vault, added)
        payout: address = vault_rows._payment(holder.vault).payout
        parties.append(quotes.Party(account=account, payout=payout))
    return parties


@external
@nonreentrant
def release(
    holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX],
    removed: uint256,
    last_epoch: uint256,
):
    """
    @notice Take the bytes of a refunded deal off its holders; only Deals may.
    """
    assert msg.sender == deals, "only deals"
    for holder: quotes.Holder in holders:
        stakes._release(holder.vault, removed, last_epoch)


@external
@nonreentrant
def hand_over(
    holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX],
    index: uint256,
    vault: bytes32,
    size: uint256,
    distinct: bool,
):
    """
    @notice Let an active vault vouch for the bytes of a deal in the place of a holder
            that was ejected or is leaving; only Deals may.
    @param distinct Whether no other holder may be paid where the vault is.
    """
    assert msg.sender == deals, "only deals"
    lost: bytes32 = holders[index].vault
    listing: vault_rows.Listing = vault_rows._standing(lost).listing
    assert listing in (
        vault_rows.Listing.EJECTED | vault_rows.Listing.UNBONDING
    ), "holder not lost"
    payout: address = vault_rows._payment(vault).payout
    for holder: quotes.Holder in holders:
        assert holder.vault != vault, "vault twice"
        if distinct and holder.vault != lost:
            other: address = vault_rows._payment(holder.vault).payout
            assert other != payout, "payout twice"
    stakes._commit(vault, size)
    stakes._release(lost, size, calendar._epoch())


@external
@nonreentrant
def take_claim(vault: bytes32, total: uint256) -> vault_rows.Payment:
    """
    @notice Note that a vault has claimed up to `total`; only Settlement may.
    @return The payout account, the amount now due, and the vault's number.
    """
    assert msg.sender == settlement.address, "only settlement"
    assert vault_rows._exists(vault), "vault unknown"
    payment: vault_rows.Payment = vault_rows._payment(vault)
    assert total > payment.claimed, "nothing to claim"
    due: uint256 = total - payment.claimed
    payment.claimed = total
    vault_rows._put_payment(vault, payment)
    log vault_events.Claimed(vault=vault, payout=payment.payout, amount=due)
    return vault_rows.Payment(payout=payment.payout, claimed=due, number=payment.number)


@external
@nonreentrant
def eject(vault: bytes32, slashed: uint256) -> uint256:
    """
    @notice Throw a vault out and slash its stake; only Settlement may. A stake that
            was withdrawn meanwhile cannot be slashed.
    @return What was slashed; `pay_slashed` hands it over.
    """
    assert msg.sender == settlement.address, "only settlement"
    assert vault_rows._exists(vault), "ejection refused"
    standing: vault_rows.Standing = vault_rows._standing(vault)
    assert standing.listing != vault_rows.Listing.EJECTED, "ejection refused"
    stake: vault_rows.Stake = vault_rows._stake(vault)
    amount: uint256 = min(slashed, stake.grains)
    stake.grains -= amount
    vault_rows._put_stake(vault, stake)
    if standing.left_epoch == vault_rows.NEVER:
        standing.left_epoch = calendar._epoch()
        roster._leave(vault_rows._payment(vault).number, standing.left_epoch)
    standing.listing = vault_rows.Listing.EJECTED
    vault_rows._put_standing(vault, standing)
    log vault_events.VaultEjected(vault=vault, slashed=amount, left_epoch=standing.left_epoch)
    return amount


@external
@nonreentrant
def pay_slashed(amount: uint256):
    """
    @notice Hand what was slashed to the settlement contract, which asks for it.
    """
    assert msg.sender == settlement.address, "only settlement"
    assert extcall token.transfer(msg.sender, amount), "token refused"


# ---------------------------------------------------------------- questions


@external
@view
def committee(beacon: bytes32) -> DynArray[uint256, 128]:
    """
    @notice The numbers of the current period's committee by rank, drawn with `beacon`.
    """
    assert roster._is_current(calendar._epoch()), "registry behind"
    return roster._draw(beacon, COMMITTEE_SIZE)


@external
@view
def is_empty() -> bool:
    """
    @notice Whether the current period's snapshot is known to have nobody in it.
    """
    return roster._is_current(calendar._epoch()) and roster._load().live == 0


# ------------------------------------------------------------------ details


@internal
@pure
def _require_amount(amount: uint256):
    assert 0 < amount and amount <= SUPPLY_MAX, "amount refused"


@internal
def _take(account: address, amount: uint256):
    assert extcall token.transferFrom(account, self, amount), "token refused"


@internal
@view
def _owned(vault: bytes32) -> vault_rows.Standing:
    assert vault_rows._exists(vault), "vault unknown"
    standing: vault_rows.Standing = vault_rows._standing(vault)
    assert standing.account == msg.sender, "not the owner"
    return standing

