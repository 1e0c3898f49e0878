"""A call in a thread that is told to stop when whoever awaits it is cancelled."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def to_the_end(call: Callable[[], T], stop: Callable[[], None]) -> T:
    """Run a call in a thread; when cancelled, `stop` it and wait until it is over."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop()
        await asyncio.gather(running, return_exceptions=True)
        raise
