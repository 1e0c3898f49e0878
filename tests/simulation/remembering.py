"""Pure functions that remember, for the time of a story: twenty vaults ask the same.

What is remembered by identity is kept, so its id stays its own; values of the
protocol never change. Only what succeeded is remembered of a check.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from holdfast.protocol import checkpoint, encoding, faults, placement
from holdfast.vault.core import proof_store, rechecking

REMEMBERED_MAX = 20_000
CHECKS = (
    (checkpoint, "check_standing"),
    (checkpoint, "check_certificate"),
    (faults, "check_miss"),
)


def remembered() -> Iterator[tuple[Any, str, Any]]:
    """Yield what to patch: target, name, and the function that remembers."""
    yield placement, "neighbours", lru_cache(1 << 16)(placement.neighbours)
    yield placement, "committee", _committee()
    yield rechecking, "is_drawn", lru_cache(1 << 15)(rechecking.is_drawn)
    yield proof_store, "name_of", _of_one(proof_store.name_of)
    yield checkpoint, "entry_leaf", lru_cache(1 << 14)(checkpoint.entry_leaf)
    yield checkpoint.Checkpoint, "digest", _of_one(checkpoint.Checkpoint.digest)
    yield checkpoint.Entries, "tree", _of_one(checkpoint.Entries.tree)
    yield encoding.Format, "encode", _of_two(encoding.Format.encode)
    for home, name in CHECKS:
        check = getattr(home, name)
        remembering = _check(check)
        for module_name, module in sorted(sys.modules.items()):
            ours = module_name.startswith("holdfast.")
            if ours and vars(module).get(name) is check:
                yield module, name, remembering


def _committee() -> Callable[..., tuple[Any, ...]]:
    draw = lru_cache(4096)(placement.committee)

    def committee(registry: Sequence[Any], beacon: Any, size: int) -> tuple[Any, ...]:
        return draw(tuple(registry), beacon, size)

    return committee


def _of_one(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    known: dict[int, tuple[Any, Any]] = {}

    def remembering(value: Any) -> Any:
        found = known.get(id(value))
        if found is not None:
            return found[1]
        if len(known) > REMEMBERED_MAX:
            known.clear()
        result = function(value)
        known[id(value)] = (value, result)
        return result

    return remembering


def _of_two(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Remember a method of few long-lived objects, by the identity of its argument."""
    known: dict[tuple[int, int], tuple[Any, Any]] = {}

    def remembering(self: Any, value: Any) -> Any:
        key = (id(self), id(value))
        found = known.get(key)
        if found is not None:
            return found[1]
        if len(known) > REMEMBERED_MAX:
            known.clear()
        result = function(self, value)
        known[key] = (value, result)
        return result

    return remembering


def _check(check: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[tuple[int, tuple[Any, ...], tuple[Any, ...]], tuple[Any, Any]] = {}

    def remembering(
        value: Any,
        network: Any,
        group: Sequence[Any],
        identities: Any,
        *stand_ins: Sequence[Any],
    ) -> Any:
        key = (id(value), tuple(group), tuple(map(tuple, stand_ins)))
        found = known.get(key)
        if found is not None:
            return found[1]
        if len(known) > REMEMBERED_MAX:
            known.clear()
        result = check(value, network, group, identities, *stand_ins)
        known[key] = (value, result)
        return result

    return remembering
