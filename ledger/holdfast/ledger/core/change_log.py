"""Keys in the order of their last change, so that what is new is found by search.

A key that changes again leaves its former place empty; once most places are empty, all
are closed up. So noting costs the same however many there are, and reading only what is
read.
"""

from bisect import bisect_right
from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

_EMPTY_MIN: Final = 64

K = TypeVar("K", bound=Hashable)


class ChangeLog(Generic[K]):
    """When each of many keys changed last, as sequences that never fall."""

    def __init__(self) -> None:
        self._sequences: list[int] = []
        self._keys: list[K | None] = []
        self._places: dict[K, int] = {}

    def note(self, key: K, sequence: int) -> None:
        """Note that a key changed, not before any that was noted."""
        assert not self._sequences or sequence >= self._sequences[-1], "out of order"
        before = self._places.get(key)
        if before is not None:
            self._keys[before] = None
        self._places[key] = len(self._keys)
        self._keys.append(key)
        self._sequences.append(sequence)
        if len(self._keys) > 2 * len(self._places) + _EMPTY_MIN:
            self._close_up()

    def after(self, sequence: int) -> Iterator[K]:
        """Yield the keys that changed after a sequence, in order of their change.

        Nothing may be noted meanwhile.
        """
        for place in range(bisect_right(self._sequences, sequence), len(self._keys)):
            key = self._keys[place]
            if key is not None:
                yield key

    def has_news(self, sequence: int) -> bool:
        """Tell whether any key changed after a sequence."""
        return bool(self._sequences) and self._sequences[-1] > sequence

    def _close_up(self) -> None:
        kept = [
            (key, sequence)
            for key, sequence in zip(self._keys, self._sequences, strict=True)
            if key is not None
        ]
        self._keys = [key for key, _ in kept]
        self._sequences = [sequence for _, sequence in kept]
        self._places = {key: place for place, (key, _) in enumerate(kept)}
