"""The operator's clock: it begins every epoch, as soon as it can."""

import asyncio
import time
from typing import Final

from holdfast.ledger.embedded import EmbeddedLedger
from holdfast.protocol.network import NetworkParams

LONGEST_SLEEP_SECONDS: Final = 60.0


def seconds_until_epoch(params: NetworkParams, now: float) -> float:
    """Return how long it is from `now` until the next epoch begins, above zero."""
    return params.epoch_start(max(params.epoch_at(now), -1) + 1) - now


async def keep_time(ledger: EmbeddedLedger) -> None:
    """Begin each epoch when its time has come, until cancelled.

    It never sleeps longer than a minute, so that a clock that was set, or a machine
    that slept, is noticed.
    """
    while True:
        ledger.begin_epoch()
        left = seconds_until_epoch(ledger.params, time.time())
        await asyncio.sleep(min(left, LONGEST_SLEEP_SECONDS))
