"""Checkpoints: what a vault says it holds, signed before it knows the challenge.

The entries, one for each deal, make a Merkle-sum tree whose sum is the bytes
present; what is declared missing is neither sampled nor paid. Neighbours sign
acknowledgements; a majority of them makes the checkpoint stand.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.protocol.encoding import (
    BYTES32,
    BYTES64,
    U8,
    U32,
    U64,
    Codec,
    Format,
    Reader,
    sequence,
)
from holdfast.protocol.errors import ProtocolError, SignatureInvalidError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import verify
from holdfast.protocol.placement import majority
from holdfast.protocol.signing import Signed, SignedFormat
from holdfast.protocol.sums import SumNode, SumTree, sum_leaf
from holdfast.protocol.units import DealId, Digest, NetworkId, VaultId

SPANS_MAX: Final = 4096
ENTRIES_MAX: Final = 1 << 20
GROUP_MAX: Final = 64


class CheckpointError(ProtocolError):
    """A checkpoint or its evidence does not hold."""


@frozen
class Entry:
    """What a vault holds of one deal, under one head.

    `missing` are (first byte, byte count) spans of the manifest's byte space,
    ascending and apart; what they cover is declared lost. A span may cover more
    than was lost: that only costs the vault pay.
    """

    deal: DealId
    index: int
    head: Digest
    sequence: int
    root: Digest
    count: int
    held_bytes: int
    missing: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        end = 0
        for place, (first, length) in enumerate(self.missing):
            if length <= 0 or first < end or (place and first == end):
                raise ValueError("missing spans must be ascending and apart")
            end = first + length
        if end > self.held_bytes:
            raise ValueError("a missing span ends beyond the deal's bytes")

    @property
    def present_bytes(self) -> int:
        """The bytes that can be sampled and are paid."""
        return self.held_bytes - sum(length for _, length in self.missing)

    def place_of(self, offset: int) -> int:
        """Return where the present byte `offset` lies in the manifest's byte space."""
        for first, length in self.missing:
            if offset < first:
                break
            offset += length
        return offset

    def lacks(self, first: int, length: int) -> bool:
        """Return whether one declared span covers these bytes."""
        starts = [start for start, _ in self.missing]
        place = bisect_right(starts, first) - 1
        if place < 0:
            return False
        start, covered = self.missing[place]
        return first + length <= start + covered


def _write_span(span: tuple[int, int]) -> bytes:
    return U64.write(span[0]) + U64.write(span[1])


def _read_span(reader: Reader) -> tuple[int, int]:
    return U64.read(reader), U64.read(reader)


ENTRY = Format(
    Entry,
    kind=30,
    version=1,
    deal=BYTES32,
    index=U8,
    head=BYTES32,
    sequence=U64,
    root=BYTES32,
    count=U32,
    held_bytes=U64,
    missing=sequence(Codec(_write_span, _read_span), SPANS_MAX),
)


@frozen
class Entries:
    """A vault's entries in their one order: by deal, each deal once."""

    items: tuple[Entry, ...]

    def __post_init__(self) -> None:
        deals = [entry.deal for entry in self.items]
        if deals != sorted(set(deals)):
            raise ValueError("entries must be sorted by deal, each deal once")

    def tree(self) -> SumTree:
        """Return the Merkle-sum tree over the entries."""
        return SumTree([entry_leaf(entry) for entry in self.items])


ENTRIES = Format(Entries, kind=31, version=1, items=sequence(ENTRY.bare(), ENTRIES_MAX))


def entry_leaf(entry: Entry) -> SumNode:
    """Return the checkpoint leaf of an entry: it sums the bytes present."""
    return sum_leaf(ENTRY.encode(entry), entry.present_bytes)


@frozen
class Checkpoint:
    """A vault's claim for `epoch`: the root, count and sum of its entries."""

    vault: VaultId
    epoch: int
    root: Digest
    count: int
    present_bytes: int

    def digest(self) -> Digest:
        """Return the hash by which acknowledgements and votes name it."""
        return Digest(hashlib.sha256(CHECKPOINT.format.encode(self)).digest())


CHECKPOINT = SignedFormat(
    Format(
        Checkpoint,
        kind=32,
        version=1,
        vault=BYTES32,
        epoch=U64,
        root=BYTES32,
        count=U32,
        present_bytes=U64,
    )
)
SignedCheckpoint = Signed[Checkpoint]


def checkpoint_of(vault: VaultId, epoch: int, entries: Entries) -> Checkpoint:
    """Return the checkpoint that commits to `entries`."""
    root = entries.tree().root
    return Checkpoint(vault, epoch, Digest(root.hash), len(entries.items), root.sum)


@frozen
class Acknowledgement:
    """What a neighbour signs: it has the entries of this checkpoint."""

    vault: VaultId
    epoch: int
    checkpoint: Digest


@frozen
class Vote:
    """What a neighbour signs: it verified the answer of `epoch` on this checkpoint.

    `answer` names that one answer (`answer.answer_id`), so a false vote convicts.
    """

    vault: VaultId
    epoch: int
    checkpoint: Digest
    answer: Digest


ACKNOWLEDGEMENT = SignedFormat(
    Format(
        Acknowledgement,
        kind=33,
        version=1,
        vault=BYTES32,
        epoch=U64,
        checkpoint=BYTES32,
    )
)
VOTE = SignedFormat(
    Format(
        Vote,
        kind=34,
        version=2,
        vault=BYTES32,
        epoch=U64,
        checkpoint=BYTES32,
        answer=BYTES32,
    )
)


@frozen
class Signature:
    """One member's signature of what the statement beside it says."""

    signer: VaultId
    signature: bytes


SIGNATURE = Format(Signature, kind=35, version=1, signer=BYTES32, signature=BYTES64)
SIGNATURES: Final = sequence(SIGNATURE.bare(), GROUP_MAX)


@frozen
class StandingCheckpoint:
    """A checkpoint with the acknowledgements that make it stand."""

    checkpoint: SignedCheckpoint
    acknowledgements: tuple[Signature, ...]


STANDING = Format(
    StandingCheckpoint,
    kind=36,
    version=1,
    checkpoint=CHECKPOINT.nested(),
    acknowledgements=SIGNATURES,
)


@frozen
class StorageCertificate:
    """A majority's votes that a vault's `answer` proved its checkpoint in `epoch`."""

    epoch: int
    checkpoint: SignedCheckpoint
    answer: Digest
    votes: tuple[Signature, ...]


STORAGE_CERTIFICATE = Format(
    StorageCertificate,
    kind=37,
    version=2,
    epoch=U64,
    checkpoint=CHECKPOINT.nested(),
    answer=BYTES32,
    votes=SIGNATURES,
)


def check_majority(
    message: bytes,
    signatures: Sequence[Signature],
    group: Sequence[VaultId],
    identities: Mapping[VaultId, bytes],
) -> None:
    """Raise CheckpointError unless a majority of `group` signed `message`.

    Each signer counts once; a signature that does not verify, or a stranger's,
    makes the whole invalid, so that a certificate has no room for junk.
    """
    signers = {item.signer for item in signatures}
    if len(signers) != len(signatures) or not signers <= set(group):
        raise CheckpointError("a signer stands twice or is not in the group")
    if len(signers) < majority(len(group)):
        raise CheckpointError("less than a majority of the group signed")
    for item in signatures:
        key = identities.get(item.signer)
        if key is None:
            raise CheckpointError("a signer is not in the registry")
        try:
            verify(key, message, item.signature)
        except SignatureInvalidError as error:
            raise CheckpointError("a signature of the group is wrong") from error


def check_either_majority(
    message: bytes,
    signatures: Sequence[Signature],
    group: Sequence[VaultId],
    identities: Mapping[VaultId, bytes],
    stand_ins: Sequence[VaultId],
) -> None:
    """Raise CheckpointError unless a majority of the group or its stand-ins signed."""
    if stand_ins and not {item.signer for item in signatures} <= set(group):
        group = stand_ins
    check_majority(message, signatures, group, identities)


def check_standing(
    standing: StandingCheckpoint,
    network: NetworkId,
    group: Sequence[VaultId],
    identities: Mapping[VaultId, bytes],
    stand_ins: Sequence[VaultId] = (),
) -> Checkpoint:
    """Return the checkpoint if it is signed and acknowledged by a majority.

    A majority of the `stand_ins`, if there are any, is as good as one of the group.
    """
    checkpoint = standing.checkpoint.value
    key = identities.get(checkpoint.vault)
    if key is None:
        raise CheckpointError("the vault is not in the registry")
    CHECKPOINT.verify(standing.checkpoint, network, key)
    said = Acknowledgement(checkpoint.vault, checkpoint.epoch, checkpoint.digest())
    message = ACKNOWLEDGEMENT.message(said, network)
    signed = standing.acknowledgements
    check_either_majority(message, signed, group, identities, stand_ins)
    return checkpoint


def check_certificate(
    certificate: StorageCertificate,
    network: NetworkId,
    group: Sequence[VaultId],
    identities: Mapping[VaultId, bytes],
    stand_ins: Sequence[VaultId] = (),
) -> Checkpoint:
    """Return the checkpoint if it is signed and voted for by a majority.

    A majority of the `stand_ins`, if there are any, is as good as one of the group.
    """
    checkpoint = certificate.checkpoint.value
    key = identities.get(checkpoint.vault)
    if key is None:
        raise CheckpointError("the vault is not in the registry")
    CHECKPOINT.verify(certificate.checkpoint, network, key)
    said = Vote(
        checkpoint.vault, certificate.epoch, checkpoint.digest(), certificate.answer
    )
    message = VOTE.message(said, network)
    check_either_majority(message, certificate.votes, group, identities, stand_ins)
    return checkpoint
