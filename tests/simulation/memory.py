"""A bounded memory of what functions returned, keyed by the identity of values."""

from collections.abc import Callable
from typing import Any

REMEMBERED_MAX = 20_000


class Memory:
    """Results by key; `kept` are the values whose ids the key is made of.

    `known` maps each key to its kept values and its result: who asks often looks there
    first.
    """

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[Any, tuple[Any, Any]] = {}

    def get(
        self, key: Any, kept: Any, function: Callable[..., Any], *arguments: Any
    ) -> Any:
        """Return the result known under a key, or ask for it; errors pass through."""
        found = self.known.get(key)
        if found is not None:
            return found[1]
        result = function(*arguments)
        if len(self.known) > REMEMBERED_MAX:
            self.known.clear()
        self.known[key] = (kept, result)
        return result


def by_identity(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Remember a function of one value."""
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
