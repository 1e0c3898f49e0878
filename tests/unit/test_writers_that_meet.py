"""Two clients that change one repository at the same instant, in time that is made."""

import asyncio
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast.client.network_errors import StateMovedError
from holdfast.client.storage import Storage
from slow_link import play


class Shared:
    """What both change: a change fails when the other's overlaps with it."""

    def __init__(self, takes_seconds: float) -> None:
        self.generation = 0
        self._takes = takes_seconds
        self._writing: set[object] = set()
        self._met: set[object] = set()

    async def change(self) -> None:
        """Take a while, and fail if anybody else changed it meanwhile."""
        me = object()
        self._writing.add(me)
        if len(self._writing) > 1:
            self._met |= self._writing
        await asyncio.sleep(self._takes)
        self._writing.remove(me)
        if me in self._met:
            raise StateMovedError("another client was at it")
        self.generation += 1


class Writer(Storage):
    """A client's storage that looks at what is shared."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def look(self) -> Any:
        return SimpleNamespace(generation=self._shared.generation, memos=frozenset())

    async def repository(self, view: Any) -> Any:
        made = SimpleNamespace(memo=b"", obsolete=frozenset(), repository=None)
        return SimpleNamespace(commit=lambda *_: made)

    async def change(self) -> None:
        """Commit once."""
        upload: Any = SimpleNamespace(commit=lambda *_: self._shared.change())
        view = await self.look()
        update: Any = None
        await self._commit(upload, view, await self.repository(view), update)


async def here(call: Callable[..., Any], *words: Any) -> Any:
    """Stand in for a thread."""
    return call(*words)


@pytest.mark.parametrize("takes_seconds", [0.05, 20.0])
def test_writers_that_meet_get_out_of_each_others_way(
    takes_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "to_thread", here)

    async def story() -> None:
        shared = Shared(takes_seconds)
        await asyncio.gather(*(Writer(shared).change() for _ in range(2)))
        assert shared.generation == 2

    for seed in range(50):
        random.seed(seed)
        play(story())
