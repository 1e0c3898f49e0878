"""Pure functions that remember, for the time of a story: twenty vaults ask the same.

What is remembered by identity is kept, so its id stays its own; values of the
protocol never change. Only what succeeded is remembered of a check.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from holdfast.ledger.core import questions, slots
from holdfast.protocol import (
    answer,
    challenge,
    checkpoint,
    earnings,
    encoding,
    faults,
    manifest,
    merkle,
    placement,
    settlement,
    signing,
    sums,
)
from holdfast.protocol.placement import distance
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

CHECKS = (
    (checkpoint, "check_standing"),
    (checkpoint, "check_certificate"),
    (faults, "check_miss"),
)
FORMATS = (signing.SignedFormat, "message"), (encoding.Format, "encode")


def remembered() -> Iterator[tuple[Any, str, Any]]:
    """Yield what to patch: target, name, and the function that remembers."""
    yield placement, "neighbours", lru_cache(1 << 16)(placement.neighbours)
    yield placement, "committee", _of_members(placement.committee)
    yield placement, "stand_ins", _of_members(placement.stand_ins)
    yield placement, "monitored", _monitored()
    yield slots, "rank", rank_once()
    yield rechecking, "is_drawn", lru_cache(1 << 15)(rechecking.is_drawn)
    yield proof_store.ProofStore, "_check", _check_proof()
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
    yield from everywhere(earnings, "summed", _summed)
    for name in ("leaves", "tree"):
        yield settlement.Totals, name, _of_totals(getattr(settlement.Totals, name))
    yield from everywhere(questions, "question_of", _question)
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


def everywhere(
    home: Any, name: str, remember: Callable[[Any], Any]
) -> Iterator[tuple[Any, str, Any]]:
    """Yield a patch for each module that has a function, whatever it calls it."""
    function = getattr(home, name)
    remembering = remember(function)
    for module_name, module in sorted(sys.modules.items()):
        if not module_name.startswith("holdfast."):
            continue
        for alias, value in list(vars(module).items()):
            if value is function:
                yield module, alias, remembering


def _of_members(draw: Callable[..., Any]) -> Callable[..., Any]:
    known = lru_cache(1 << 14)(draw)

    def drawn(members: Sequence[Any], *about: Any) -> Any:
        return known(tuple(members), *about)

    return drawn


def _monitored() -> Callable[..., tuple[Any, ...]]:
    """Turn all groups round once, for everybody who asks whom it watches."""

    @lru_cache(64)
    def watchers(
        registry: tuple[Any, ...], others: tuple[Any, ...], beacon: Any, size: int
    ) -> dict[Any, tuple[Any, ...]]:
        found: dict[Any, list[Any]] = {}
        for other in others:
            for member in placement.neighbours(registry, other, beacon, size):
                found.setdefault(member, []).append(other)
        return {member: tuple(watched) for member, watched in found.items()}

    def monitored(
        registry: Sequence[Any], others: Iterable[Any], vault: Any, *drawn: Any
    ) -> tuple[Any, ...]:
        return watchers(tuple(registry), tuple(others), *drawn).get(vault, ())

    return monitored


def rank_once() -> Callable[..., int | None]:
    """Rank all candidates of a deal once for everybody who has the same registry."""
    memory = Memory()

    def places(ledger: Any, deal: Any, epoch: int) -> dict[Any, int]:
        members = ledger.registry(epoch)
        able = [one for one in members if slots.is_candidate(ledger, deal, one, epoch)]
        able.sort(key=lambda one: distance(one, deal.id))
        return {vault: place for place, vault in enumerate(able)}

    def remembering(ledger: Any, deal: Any, vault: Any, epoch: int) -> int | None:
        # Whoever changes its standing changes every registry made before.
        members = ledger.registry(epoch)
        key = (id(members), id(deal), epoch)
        found = memory.get(key, (members, deal), places, ledger, deal, epoch)
        place: int | None = found.get(vault)
        return place

    return remembering


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


def _summed(sums: Callable[..., Any]) -> Callable[..., Any]:
    """Sum once what all members of a committee count."""
    memory = Memory()

    def remembering(base: Any, proved: Any, deal_of: Any, params: Any) -> Any:
        counted, shared = tuple(proved), deal_of.__self__._deals
        named = (tuple((one.epoch, one.vault, id(one.entries)) for one in counted),)
        key = (_content(base), named, id(shared))
        return memory.get(key, (counted, shared), sums, base, counted, deal_of, params)

    return remembering


def _of_totals(method: Callable[..., Any]) -> Callable[..., Any]:
    """Remember a method of totals by what they are: each member has its own."""
    memory = Memory()

    def remembering(totals: Any) -> Any:
        return memory.get(_content(totals), None, method, totals)

    return remembering


def _content(totals: Any) -> tuple[Any, ...]:
    return (*totals.earned.items(), *totals.spent.items(), totals.replaced)


def _question(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Ask once for everybody who shares the ledger's tables."""
    memory = Memory()

    def remembering(ledger: Any, asked: Any) -> Any:
        shared = ledger._deals
        key = (id(shared), id(asked))
        return memory.get(key, (shared, asked), ask, ledger, asked)

    return remembering


def _challenge(draw: Callable[..., Any]) -> Callable[..., Any]:
    memory = Memory()

    def remembering(
        network: Any, epoch: int, beacon: Any, value: Any, leaves: int
    ) -> Any:
        key = (epoch, beacon, id(value), leaves)
        return memory.get(key, value, draw, network, epoch, beacon, value, leaves)

    return remembering


def _check_proof() -> Callable[..., None]:
    """Check what is pushed once for everybody who shares the ledger's tables."""
    check = proof_store.ProofStore._check
    memory = Memory()

    def remembering(store: Any, certificate: Any, entries: Any) -> None:
        shared = store._ledger._deals
        key = (id(certificate), id(entries), id(shared))
        kept = (certificate, entries, shared)
        memory.get(key, kept, check, store, certificate, entries)

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
