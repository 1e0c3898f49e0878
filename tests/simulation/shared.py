"""What follows from the ledger's tables alone, found once for all who share them.

Vaults that followed the ledger equally far share its tables (`following.py`), so their
identity says who has to come to the same result.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from holdfast.ledger.core import questions, slots
from holdfast.protocol import earnings, placement, settlement
from holdfast.protocol.placement import distance
from holdfast.vault.core import proof_store
from simulation.memory import Memory
from simulation.patching import everywhere


def shared() -> Iterator[tuple[Any, str, Any]]:
    """Yield what to patch: target, name, and the function that remembers."""
    yield placement, "neighbours", lru_cache(1 << 16)(placement.neighbours)
    yield placement, "committee", _of_members(placement.committee)
    yield placement, "stand_ins", _of_members(placement.stand_ins)
    yield placement, "monitored", _monitored()
    yield slots, "rank", rank_once()
    yield proof_store.ProofStore, "_check", _check_proof()
    yield from everywhere(questions, "question_of", _question)
    yield from everywhere(earnings, "summed", _summed)
    for name in ("leaves", "tree"):
        yield settlement.Totals, name, _of_totals(getattr(settlement.Totals, name))


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
