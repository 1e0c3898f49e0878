"""Settlements: what every vault earned and every deal spent so far, certified.

The leaves are cumulative totals, so a missed period needs no state: the next
tree contains it. The committee signs a statement with the root and the two
totals; a contract can check it with one BLS certificate.
"""

import hashlib
from collections.abc import Iterable, Mapping

from holdfast.protocol.encoding import (
    BYTES32,
    U8,
    U32,
    U64,
    Format,
    fixed,
    sequence,
    variable,
)
from holdfast.protocol.frozen import frozen
from holdfast.protocol.settlement_tree import SettlementTree
from holdfast.protocol.units import DealId, Digest, Grains, NetworkId, VaultId

EJECTIONS_MAX = 64
COMMITTEE_MAX = 1024
PATH_MAX = 64
VAULT_LEAF = 1
DEAL_LEAF = 2
REPLACEMENT_LEAF = 3


@frozen
class Total:
    """One leaf: what a vault has earned, or a deal has spent, up to a period.

    `party` is VAULT_LEAF or DEAL_LEAF and says whose `id` it is; a leaf of party
    REPLACEMENT_LEAF names a replacement.
    """

    party: int
    id: bytes
    grains: Grains


TOTAL = Format(Total, kind=10, version=1, party=U8, id=BYTES32, grains=U64)


@frozen
class Ejection:
    """A vault thrown out by a judged case, and how much of its stake is slashed."""

    vault: VaultId
    slashed: Grains
    case_digest: Digest


@frozen
class Replacement:
    """`vault` took over one index of a deal from `lost`, with shards rebuilt.

    It becomes the holder once it is shown to the ledger, and is paid from then on.
    """

    deal: DealId
    index: int
    lost: VaultId
    vault: VaultId

    def leaf(self) -> "Total":
        """Return its leaf in a settlement tree: named by hash, worth nothing."""
        named = hashlib.sha256(REPLACEMENT.encode(self)).digest()
        return Total(REPLACEMENT_LEAF, named, 0)


EJECTION = Format(
    Ejection, kind=11, version=1, vault=BYTES32, slashed=U64, case_digest=BYTES32
)
REPLACEMENT = Format(
    Replacement,
    kind=12,
    version=2,
    deal=BYTES32,
    index=U8,
    lost=BYTES32,
    vault=BYTES32,
)


@frozen
class Statement:
    """What the committee of `period` + 1 certifies about everything up to `period`.

    `count` leaves make the SHA-256 `root`; totals are cumulative grains.
    """

    network: NetworkId
    period: int
    root: Digest
    count: int
    earned_total: Grains
    spent_total: Grains
    ejections: tuple[Ejection, ...] = ()

    def digest(self) -> Digest:
        """Return the message that members sign with BLS."""
        return Digest(hashlib.sha256(STATEMENT.encode(self)).digest())


STATEMENT = Format(
    Statement,
    kind=13,
    version=1,
    network=BYTES32,
    period=U64,
    root=BYTES32,
    count=U32,
    earned_total=U64,
    spent_total=U64,
    ejections=sequence(EJECTION.bare(), EJECTIONS_MAX),
)


@frozen
class Certificate:
    """A majority of the committee behind a statement.

    Bit r of `signers` (bit 0 is the lowest of the first byte) stands for the
    member of rank r; `signature` is the BLS aggregate of their signatures.
    """

    statement: Statement
    signers: bytes
    signature: bytes

    def ranks(self) -> tuple[int, ...]:
        """Return the ranks whose bit is set, ascending."""
        return tuple(
            place
            for place in range(8 * len(self.signers))
            if self.signers[place // 8] >> place % 8 & 1
        )


CERTIFICATE = Format(
    Certificate,
    kind=14,
    version=1,
    statement=STATEMENT.bare(),
    signers=variable(COMMITTEE_MAX // 8),
    signature=fixed(96),
)


def signers_bitmap(ranks: Iterable[int], size: int) -> bytes:
    """Return the bitmap of `ranks` in a committee of `size` members."""
    bitmap = bytearray(-(-size // 8))
    for rank in ranks:
        bitmap[rank // 8] |= 1 << rank % 8
    return bytes(bitmap)


@frozen
class Totals:
    """All cumulative totals: vault → earned grains, deal → spent grains.

    `replaced` are the replacements that the ledger may now be shown.
    """

    earned: Mapping[VaultId, Grains]
    spent: Mapping[DealId, Grains]
    replaced: tuple[Replacement, ...] = ()

    def leaves(self) -> tuple[Total, ...]:
        """Return the leaves in their one order: vaults, deals, replacements, by id."""
        vaults = (
            Total(VAULT_LEAF, key, self.earned[key]) for key in sorted(self.earned)
        )
        deals = (Total(DEAL_LEAF, key, self.spent[key]) for key in sorted(self.spent))
        replaced = (item.leaf() for item in self.replaced)
        return (*vaults, *deals, *sorted(replaced, key=lambda leaf: leaf.id))

    def tree(self) -> SettlementTree:
        """Return the tree over the encoded leaves."""
        return SettlementTree([TOTAL.encode(leaf) for leaf in self.leaves()])


@frozen
class TotalProof:
    """One leaf with its place and path in a settlement tree."""

    total: Total
    index: int
    count: int
    path: tuple[bytes, ...]


TOTAL_PROOF = Format(
    TotalProof,
    kind=15,
    version=1,
    total=TOTAL.bare(),
    index=U32,
    count=U32,
    path=sequence(BYTES32, PATH_MAX),
)


def prove_total(totals: Totals, party: int, key: bytes) -> TotalProof | None:
    """Return the proof of one leaf, or None when the tree has no such leaf."""
    leaves = totals.leaves()
    for index, leaf in enumerate(leaves):
        if leaf.party == party and leaf.id == key:
            return TotalProof(leaf, index, len(leaves), totals.tree().path(index))
    return None
