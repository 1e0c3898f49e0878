"""The limits of what shards may take of this machine's connection, in bytes a second.

All holders share one limit, and nobody holds it while a holder dawdles: bytes are
paid for before they are sent, and a holder that takes none costs the others nothing.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import field
from typing import Final

from holdfast.client.core.token_bucket import TokenBucket
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import FRAME_BYTES_MAX, KIB

_SLICE_SECONDS: Final = 1.0
_GAP_SECONDS: Final = 5.0


def _nobody() -> None:
    pass


class Limiter:
    """Passes so many bytes a second; 0 is no limit."""

    def __init__(
        self,
        bytes_per_second: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bucket = TokenBucket(bytes_per_second) if bytes_per_second else None
        self._clock = clock

    async def pass_through(
        self, size: int, held_back: Callable[[], None] = _nobody
    ) -> None:
        """Return when `size` bytes may pass; tells each second that they may not yet.

        Cancelled, it takes nothing.
        """
        bucket = self._bucket
        if bucket is None:
            return
        left = bucket.take(size, self._clock())
        due = self._clock() + left
        try:
            while left > 0:
                await asyncio.sleep(min(left, _SLICE_SECONDS))
                held_back()
                left = due - self._clock()
        except asyncio.CancelledError:
            bucket.give_back(size)
            raise

    def frame_bytes(self, streams: int) -> int:
        """Return how long frames may be so that none of the streams rests for long.

        A vault that sees nothing for minutes inside a shard ends the stream.
        """
        if self._bucket is None:
            return FRAME_BYTES_MAX
        fair = int(self._bucket.rate * _GAP_SECONDS / streams)
        return min(max(fair, KIB), FRAME_BYTES_MAX)


@frozen
class Bandwidth:
    """The limits of one client."""

    upload: Limiter = field(default_factory=Limiter)
    download: Limiter = field(default_factory=Limiter)


NO_LIMITS: Final = Bandwidth()


def bandwidth(upload_kib: int, download_kib: int) -> Bandwidth:
    """Return limits of so many KiB a second; 0 is none."""
    return Bandwidth(Limiter(upload_kib * KIB), Limiter(download_kib * KIB))
