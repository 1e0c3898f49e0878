"""A vault's shards of one deal, and its honest answers, without any disk."""

import random
from dataclasses import dataclass, field

from examples import DEAL_ID, DEAL_PAIR, NETWORK, STANDING, VAULTS
from holdfast.protocol import merkle
from holdfast.protocol.answer import Answer, EntryProof, LeafProof
from holdfast.protocol.challenge import Challenge
from holdfast.protocol.checkpoint import (
    CHECKPOINT,
    Entries,
    Entry,
    StandingCheckpoint,
    checkpoint_of,
)
from holdfast.protocol.chunk import EncodedChunk, encode_chunk
from holdfast.protocol.manifest import HEAD, Manifest, ManifestEntry, next_head
from holdfast.protocol.units import LEAF_BYTES


@dataclass
class Held:
    """Shards `index` of random chunks of a 2-of-4 deal."""

    seed: int = 1
    index: int = 1
    sizes: tuple[int, ...] = (100_000, 1, 40_000, 65_536)
    missing: tuple[tuple[int, int], ...] = ()
    chunks: list[EncodedChunk] = field(init=False)

    def __post_init__(self) -> None:
        dice = random.Random(self.seed)
        self.chunks = [encode_chunk(dice.randbytes(size), 2, 4) for size in self.sizes]
        self.manifest = Manifest(
            2, 4, tuple(ManifestEntry(c.id, c.header.length) for c in self.chunks)
        )
        self.head = HEAD.sign(
            next_head(DEAL_ID, None, self.manifest, bytes(256)), NETWORK, DEAL_PAIR
        )
        self.entry = Entry(
            DEAL_ID,
            self.index,
            self.head.value.digest(),
            1,
            self.manifest.root,
            len(self.chunks),
            self.manifest.held_bytes,
            self.missing,
        )
        self.checkpoint = checkpoint_of(VAULTS[0].vault_id, 8, Entries((self.entry,)))

    def challenge(self, leaves: int = 16) -> Challenge:
        """Return a challenge on what is held."""
        return Challenge(b"\x09" * 32, self.checkpoint.present_bytes, leaves)

    def answer(self, asked: Challenge) -> Answer:
        """Return the honest answer."""
        signed = CHECKPOINT.sign(self.checkpoint, NETWORK, VAULTS[0].identity)
        standing = StandingCheckpoint(signed, STANDING.acknowledgements)
        leaves = tuple(self.leaf(offset) for offset in asked.offsets())
        return Answer(8, standing, (EntryProof(self.entry, 0, (), self.head),), leaves)

    def leaf(self, offset: int) -> LeafProof:
        """Return the proof of the leaf that holds the present byte `offset`."""
        tree = self.manifest.tree
        place, inside = tree.find(self.entry.place_of(offset))
        chunk = self.chunks[place]
        shard = chunk.shards[self.index]
        number = inside // LEAF_BYTES
        return LeafProof(
            0,
            place,
            chunk.id,
            tree.path(place),
            chunk.proof(self.index),
            merkle.path(merkle.leaf_hashes(shard), number),
            bytes(shard[number * LEAF_BYTES : (number + 1) * LEAF_BYTES]),
        )
