"""Pure functions that remember, for the time of a story: twenty vaults ask the same.

What is remembered by identity is kept, so its id stays its own; values of the
protocol never change. Only what succeeded is remembered of a check.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from holdfast.protocol import (
    answer,
    challenge,
    checkpoint,
    encoding,
    faults,
    manifest,
    merkle,
    signing,
    sums,
)
from holdfast.protocol.units import LEAF_BYTES
from holdfast.vault import leaf_reading
from holdfast.vault.core import (
    answering,
    checkpointing,
    declared,
    proof_store,
    rechecking,
)
from simulation.memory import Memory, by_identity
from simulation.patching import everywhere
from simulation.shared import shared

CHECKS = (
    (checkpoint, "check_standing"),
    (checkpoint, "check_certificate"),
    (faults, "check_miss"),
)
FORMATS = (signing.SignedFormat, "message"), (encoding.Format, "encode")


def remembered() -> Iterator[tuple[Any, str, Any]]:
    """Yield what to patch: target, name, and the function that remembers."""
    yield from shared()
    yield rechecking, "is_drawn", lru_cache(1 << 15)(rechecking.is_drawn)
    yield proof_store, "name_of", by_identity(proof_store.name_of)
    yield checkpoint.Checkpoint, "digest", by_identity(checkpoint.Checkpoint.digest)
    yield checkpoint.Entries, "tree", by_identity(checkpoint.Entries.tree)
    for owner, name in FORMATS:
        yield owner, name, _of_format(getattr(owner, name))
    yield encoding.Format, "decode", lru_cache(1 << 15)(encoding.Format.decode)
    yield (
        signing.SignedFormat,
        "decode",
        lru_cache(1 << 15)(signing.SignedFormat.decode),
    )
    yield from everywhere(answer, "answer_id", by_identity)
    yield from everywhere(challenge, "challenge", _challenge)
    yield challenge.Challenge, "offsets", by_identity(challenge.Challenge.offsets)
    yield manifest.Head, "digest", by_identity(manifest.Head.digest)
    yield leaf_reading, "_prove", _prove()
    yield answer, "_check_leaf", _check_leaf()
    yield from everywhere(checkpoint, "entry_leaf", lru_cache(1 << 14))
    yield from everywhere(manifest, "entry_leaf", lru_cache(1 << 14))
    yield from everywhere(checkpointing, "acknowledgement_message", _said)
    yield from everywhere(answering, "vote_message", _voted)
    yield from everywhere(declared, "applied", _applied)
    yield from everywhere(checkpoint, "checkpoint_of", _checkpoint_of)
    for home, name in CHECKS:
        yield from everywhere(home, name, _check)


def _of_format(method: Callable[..., bytes]) -> Callable[..., bytes]:
    """Remember a method of few long-lived objects, by the identity of its argument."""
    memory = Memory()
    known = memory.known

    def remembering(self: Any, value: Any, *network: Any) -> Any:
        key = (id(self), id(value))
        if (found := known.get(key)) is not None:
            return found[1]
        return memory.get(key, value, method, self, value, *network)

    return remembering


def _prove() -> Callable[..., Any]:
    """Give the same proof object for the same leaf, so that others know it again."""
    prove = leaf_reading._prove
    memory = Memory()

    def remembering(leaf: Any, shard: Any, tree: merkle.Tree) -> Any:
        _, wanted, whole, place, inside = leaf
        key = (id(shard), id(whole), wanted.entry, place, inside // LEAF_BYTES)
        return memory.get(key, (shard, whole), prove, leaf, shard, tree)

    return remembering


def _check_leaf() -> Callable[..., None]:
    """Know a leaf again under the same head, at any byte of its that is asked for."""
    check = answer._check_leaf
    memory = Memory()

    def bytes_of(leaf: Any, entry: Any, offset: int) -> tuple[int, int]:
        check(leaf, entry, offset)
        header = leaf.shard.header
        stated = manifest.ManifestEntry(leaf.chunk, header.length)
        node = manifest.entry_leaf(stated, header.k, header.n)
        _, before = sums.root_from_path(
            node, leaf.place, entry.count, leaf.manifest_path
        )
        start = (offset - before) // LEAF_BYTES * LEAF_BYTES + before
        return start, start + len(leaf.data)

    def remembering(leaf: Any, entry: Any, offset: int) -> None:
        key = (id(leaf), entry.root, entry.count, entry.held_bytes, entry.index)
        first, end = memory.get(key, leaf, bytes_of, leaf, entry, offset)
        if not first <= offset < end:
            check(leaf, entry, offset)

    return remembering


def _challenge(draw: Callable[..., Any]) -> Callable[..., Any]:
    memory = Memory()

    def remembering(
        network: Any, epoch: int, beacon: Any, value: Any, leaves: int
    ) -> Any:
        key = (epoch, beacon, id(value), leaves)
        return memory.get(key, value, draw, network, epoch, beacon, value, leaves)

    return remembering


def _said(message: Callable[..., bytes]) -> Callable[..., bytes]:
    memory = Memory()

    def remembering(me: Any, value: Any) -> Any:
        return memory.get(id(value), value, message, me, value)

    return remembering


def _voted(message: Callable[..., bytes]) -> Callable[..., bytes]:
    memory = Memory()

    def remembering(me: Any, *vote: Any) -> Any:
        return memory.get(vote, None, message, me, *vote)

    return remembering


def _applied(applied: Callable[..., Any]) -> Callable[..., Any]:
    memory = Memory()

    def remembering(before: Any, change: Any) -> Any:
        key = (id(before), id(change.changed), change.removed)
        kept = (before, change.changed)
        return memory.get(key, kept, applied, before, change)

    return remembering


def _checkpoint_of(make: Callable[..., Any]) -> Callable[..., Any]:
    memory = Memory()

    def remembering(vault: Any, epoch: int, entries: Any) -> Any:
        key = (vault, epoch, id(entries))
        return memory.get(key, entries, make, vault, epoch, entries)

    return remembering


def _check(check: Callable[..., Any]) -> Callable[..., Any]:
    memory = Memory()
    known = memory.known

    def remembering(
        value: Any,
        network: Any,
        group: Sequence[Any],
        identities: Any,
        *stand_ins: Sequence[Any],
    ) -> Any:
        # Groups and stand-ins are drawn once for all vaults, so they are the same.
        key = (id(value), id(group), *map(id, stand_ins))
        if (found := known.get(key)) is not None:
            return found[1]
        kept = (value, group, stand_ins)
        return memory.get(
            key, kept, check, value, network, group, identities, *stand_ins
        )

    return remembering
