"""Answers: every challenged leaf with its path up to the checkpoint.

leaf → shard → chunk → manifest → entry → checkpoint. The answer is public and
complete: whoever has the beacon and the registry can judge it again.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from holdfast.protocol import merkle
from holdfast.protocol.challenge import Challenge
from holdfast.protocol.checkpoint import (
    ENTRY,
    STANDING,
    Checkpoint,
    Entry,
    StandingCheckpoint,
    entry_leaf,
)
from holdfast.protocol.chunk import SHARD_PROOF, ShardProof
from holdfast.protocol.encoding import (
    BYTES32,
    U16,
    U32,
    U64,
    Codec,
    Format,
    Reader,
    sequence,
    variable,
)
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import (
    HEAD,
    ManifestEntry,
    SignedHead,
)
from holdfast.protocol.manifest import (
    entry_leaf as manifest_leaf,
)
from holdfast.protocol.signing import Signed, SignedFormat
from holdfast.protocol.sums import SumNode, root_from_path
from holdfast.protocol.units import LEAF_BYTES, ChunkId, DealId, Digest, NetworkId

LEAVES_MAX: Final = 1024
PATH_MAX: Final = 64
SHARD_PATH_MAX: Final = 16


class AnswerError(ProtocolError):
    """An answer does not prove what its challenge asked."""


def _write_node(node: SumNode) -> bytes:
    return BYTES32.write(node.hash) + U64.write(node.sum)


def _read_node(reader: Reader) -> SumNode:
    return SumNode(BYTES32.read(reader), U64.read(reader))


SUM_PATH: Final = sequence(Codec(_write_node, _read_node), PATH_MAX)


@frozen
class EntryProof:
    """One entry with its place and path in the checkpoint, and its signed head."""

    entry: Entry
    place: int
    path: tuple[SumNode, ...]
    head: SignedHead


@frozen
class LeafProof:
    """One leaf of one shard; `entry` counts in the answer's entry proofs.

    `place` and `manifest_path` lead the chunk to the entry's root, `shard` leads
    the shard to the chunk, `leaf_path` leads the leaf to the shard.
    """

    entry: int
    place: int
    chunk: ChunkId
    manifest_path: tuple[SumNode, ...]
    shard: ShardProof
    leaf_path: tuple[bytes, ...]
    data: bytes


ENTRY_PROOF = Format(
    EntryProof,
    kind=40,
    version=1,
    entry=ENTRY.bare(),
    place=U32,
    path=SUM_PATH,
    head=HEAD.nested(),
)
LEAF_PROOF = Format(
    LeafProof,
    kind=41,
    version=1,
    entry=U16,
    place=U32,
    chunk=BYTES32,
    manifest_path=SUM_PATH,
    shard=SHARD_PROOF.bare(),
    leaf_path=sequence(BYTES32, SHARD_PATH_MAX),
    data=variable(LEAF_BYTES),
)


@frozen
class Answer:
    """A vault's answer for `epoch`, leaf by leaf in the order of the challenge."""

    epoch: int
    standing: StandingCheckpoint
    entries: tuple[EntryProof, ...]
    leaves: tuple[LeafProof, ...]

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that it proves."""
        return self.standing.checkpoint.value


ANSWER = SignedFormat(
    Format(
        Answer,
        kind=42,
        version=1,
        epoch=U64,
        standing=STANDING.nested(),
        entries=sequence(ENTRY_PROOF.bare(), LEAVES_MAX),
        leaves=sequence(LEAF_PROOF.bare(), LEAVES_MAX),
    )
)


def answer_id(answer: Signed[Answer]) -> Digest:
    """Return what votes name an answer by: the SHA-256 of its signature.

    The signature commits the vault to the whole answer, and nobody else can make it.
    """
    return Digest(hashlib.sha256(answer.signature).digest())


def check_answer(
    answer: Answer,
    asked: Challenge,
    network: NetworkId,
    deal_keys: Mapping[DealId, bytes],
) -> None:
    """Raise AnswerError or another ProtocolError unless every leaf is proved.

    The caller has checked the answer's signature and its standing checkpoint.
    `deal_keys` are the ledger's keys of the deals that the entries name.
    """
    covered = [
        _check_entry(proof, answer, network, deal_keys) for proof in answer.entries
    ]
    offsets = asked.offsets()
    if len(offsets) != len(answer.leaves):
        raise AnswerError(
            f"{len(answer.leaves)} leaves where {len(offsets)} were asked"
        )
    for offset, leaf in zip(offsets, answer.leaves, strict=True):
        if leaf.entry >= len(covered):
            raise AnswerError("a leaf names an entry that is not there")
        entry = answer.entries[leaf.entry].entry
        inside = offset - covered[leaf.entry]
        if not 0 <= inside < entry.present_bytes:
            raise AnswerError("a leaf is of another entry than the challenge asked")
        _check_leaf(leaf, entry, entry.place_of(inside))


def _check_entry(
    proof: EntryProof, answer: Answer, network: NetworkId, keys: Mapping[DealId, bytes]
) -> int:
    checkpoint, entry, head = answer.checkpoint, proof.entry, proof.head.value
    leaf = entry_leaf(entry)
    root, before = root_from_path(leaf, proof.place, checkpoint.count, proof.path)
    if (root.hash, root.sum) != (checkpoint.root, checkpoint.present_bytes):
        raise AnswerError("an entry is not part of the checkpoint")
    key = keys.get(entry.deal)
    if key is None:
        raise AnswerError("an entry is of a deal that the ledger does not know")
    HEAD.verify(proof.head, network, key)
    stated = (entry.deal, entry.sequence, entry.root, entry.count, entry.held_bytes)
    if entry.head != head.digest() or stated != (
        head.deal,
        head.sequence,
        head.root,
        head.count,
        head.held_bytes,
    ):
        raise AnswerError("an entry does not follow its head")
    return before


def _check_leaf(leaf: LeafProof, entry: Entry, offset: int) -> None:
    header = leaf.shard.header
    node = manifest_leaf(ManifestEntry(leaf.chunk, header.length), header.k, header.n)
    root, before = root_from_path(node, leaf.place, entry.count, leaf.manifest_path)
    if (root.hash, root.sum) != (entry.root, entry.held_bytes):
        raise AnswerError("a leaf's chunk is not part of the manifest")
    inside = offset - before
    if not 0 <= inside < header.shard_bytes:
        raise AnswerError("a leaf is of another chunk than the challenge asked")
    if leaf.shard.index != entry.index:
        raise AnswerError("a leaf is of another holder's shard")
    wanted = inside // LEAF_BYTES
    if len(leaf.data) != min(LEAF_BYTES, header.shard_bytes - wanted * LEAF_BYTES):
        raise AnswerError("a leaf has the wrong length")
    count = merkle.leaf_count(header.shard_bytes)
    leaf_hash = merkle.leaf_hash(leaf.data)
    shard_root = merkle.root_from_path(leaf_hash, wanted, count, leaf.leaf_path)
    if leaf.shard.chunk_of(shard_root) != leaf.chunk:
        raise AnswerError("a leaf does not belong to its chunk")
