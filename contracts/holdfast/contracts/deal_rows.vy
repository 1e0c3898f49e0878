# pragma version 0.4.3
# @license Apache-2.0
"""
@title  The rows of deals, two slots and a digest of the holders for each, and what
        anybody can read of them
"""

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

U64: constant(uint256) = 2**64 - 1
NEVER: constant(uint256) = 2**64 - 1

_owners: HashMap[bytes32, uint256]
_terms: HashMap[bytes32, uint256]
# keccak256 of the list of holders
_holders: HashMap[bytes32, bytes32]


@external
@view
def deal(id: bytes32) -> Deal:
    """
    @notice One deal; its owner is zero when there is none.
    """
    owner: Owner = self._owner(id)
    terms: Terms = self._terms_of(id)
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


@internal
@view
def _exists(deal: bytes32) -> bool:
    return self._owners[deal] != 0


@internal
@view
def _owner(deal: bytes32) -> Owner:
    word: uint256 = self._owners[deal]
    return Owner(
        account=convert(word & (2**160 - 1), address),
        k=(word >> 160) & 255,
        opened_epoch=(word >> 168) & U64,
        refunded=word >> 232 == 1,
    )


@internal
def _put_owner(deal: bytes32, owner: Owner):
    word: uint256 = convert(owner.account, uint256) | owner.k << 160
    word |= owner.opened_epoch << 168
    self._owners[deal] = word | convert(owner.refunded, uint256) << 232


@internal
@view
def _terms_of(deal: bytes32) -> Terms:
    word: uint256 = self._terms[deal]
    return Terms(
        capacity=word & U64,
        end_epoch=(word >> 64) & U64,
        closed_epoch=(word >> 128) & U64,
        escrow=word >> 192,
    )


@internal
def _put_terms(deal: bytes32, terms: Terms):
    word: uint256 = terms.capacity | terms.end_epoch << 64
    self._terms[deal] = word | terms.closed_epoch << 128 | terms.escrow << 192
