"""One stream of raw frames, seen from the vault: every wait has a deadline."""

import asyncio
from collections.abc import Iterable
from typing import Final

import grpc

from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.wire import frames

Context = grpc.aio.ServicerContext[bytes, bytes]

IDLE_SECONDS: Final = 900.0
INSIDE_SECONDS: Final = 300.0  # eight streams of 1 MiB frames over 0.25 Mbit/s


class FrameStream:
    """Reads and writes frames; raises RefusedError when the peer is idle too long."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._writing = asyncio.Lock()

    async def read(self, seconds: float = IDLE_SECONDS) -> bytes | None:
        """Return the next frame, or None when the peer has no more.

        An owner who looks for changed files may be quiet between two shards for a
        while, but not inside one.
        """
        try:
            async with asyncio.timeout(seconds):
                frame = await self._context.read()
        except TimeoutError as error:
            text = f"nothing was sent for {seconds:.0f} seconds; open a new stream"
            raise RefusedError(Refusal.UNTIMELY, text) from error
        return frame if isinstance(frame, bytes) else None  # the end is no bytes

    async def opening(self) -> frames.Opening:
        """Return the authority that the first frame shows."""
        frame = await self.read(INSIDE_SECONDS)
        if frame is None:
            raise RefusedError(Refusal.UNSIGNED, "the stream shows no authority")
        return frames.read_opening(frame)

    async def write(self, parts: Iterable[bytes]) -> None:
        """Send frames that belong together, one after the other."""
        async with self._writing:
            for frame in parts:
                try:
                    async with asyncio.timeout(INSIDE_SECONDS):
                        await self._context.write(frame)
                except TimeoutError as error:
                    text = "nothing was received any more"
                    raise RefusedError(Refusal.UNTIMELY, text) from error
