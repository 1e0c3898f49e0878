# pragma version 0.4.3
# @license Apache-2.0
"""
@title  The rows of vaults, three slots for each, and what anybody can read of them
"""

flag Listing:
    ACTIVE
    UNBONDING
    WITHDRAWN
    EJECTED

struct Standing:
    account: address        # 160 bits of the slot
    joined_epoch: uint256   # 32
    left_epoch: uint256     # 32; NEVER while it is active
    listing: Listing        # 8

struct Payment:
    payout: address         # 160
    claimed: uint256        # 64
    number: uint256         # 32

struct Stake:
    grains: uint256         # 64
    committed_bytes: uint256  # 128
    free_epoch: uint256     # 64: when the last deal that it gave back was over for it

struct Vault:
    number: uint256
    account: address
    payout: address
    stake: uint256
    committed_bytes: uint256
    listing: Listing
    joined_epoch: uint256
    left_epoch: uint256
    free_epoch: uint256
    claimed: uint256

U64: constant(uint256) = 2**64 - 1
NEVER: constant(uint256) = 2**32 - 1

_standings: HashMap[bytes32, uint256]
_payments: HashMap[bytes32, uint256]
_stakes: HashMap[bytes32, uint256]


@external
@view
def vault(id: bytes32) -> Vault:
    """
    @notice One row; its listing is 0 when there is no such vault.
    """
    standing: Standing = self._standing(id)
    payment: Payment = self._payment(id)
    stake: Stake = self._stake(id)
    return Vault(
        number=payment.number,
        account=standing.account,
        payout=payment.payout,
        stake=stake.grains,
        committed_bytes=stake.committed_bytes,
        listing=standing.listing,
        joined_epoch=standing.joined_epoch,
        left_epoch=standing.left_epoch,
        free_epoch=stake.free_epoch,
        claimed=payment.claimed,
    )


@internal
@view
def _exists(vault: bytes32) -> bool:
    return self._standings[vault] != 0


@internal
@view
def _standing(vault: bytes32) -> Standing:
    word: uint256 = self._standings[vault]
    return Standing(
        account=convert(word & (2**160 - 1), address),
        joined_epoch=(word >> 160) & (2**32 - 1),
        left_epoch=(word >> 192) & (2**32 - 1),
        listing=convert((word >> 224) & 15, Listing),
    )


@internal
def _put_standing(vault: bytes32, standing: Standing):
    word: uint256 = convert(standing.account, uint256)
    word |= standing.joined_epoch << 160
    word |= standing.left_epoch << 192
    self._standings[vault] = word | convert(standing.listing, uint256) << 224


@internal
@view
def _payment(vault: bytes32) -> Payment:
    word: uint256 = self._payments[vault]
    return Payment(
        payout=convert(word & (2**160 - 1), address),
        claimed=(word >> 160) & U64,
        number=word >> 224,
    )


@internal
def _put_payment(vault: bytes32, payment: Payment):
    word: uint256 = convert(payment.payout, uint256)
    self._payments[vault] = word | payment.claimed << 160 | payment.number << 224


@internal
@view
def _stake(vault: bytes32) -> Stake:
    word: uint256 = self._stakes[vault]
    return Stake(
        grains=word & U64,
        committed_bytes=(word >> 64) & (2**128 - 1),
        free_epoch=word >> 192,
    )


@internal
def _put_stake(vault: bytes32, stake: Stake):
    self._stakes[vault] = (
        stake.grains | stake.committed_bytes << 64 | stake.free_epoch << 192
    )
