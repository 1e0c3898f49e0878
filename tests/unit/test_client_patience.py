"""How long a client waits for one holder, beside the others; and for a frame."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast.client.core.fetch_times import HolderTimes
from holdfast.client.core.patience import Gaps, patience
from holdfast.client.fetch_line import FetchLine
from holdfast.client.network_errors import VaultMisbehavedError
from holdfast.protocol.units import MIB
from market_steps import payloads, stored
from small_market import market


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], 300.0),
        ([0.1, 0.2, 0.1], 20.0),
        ([16.0, 15.0, 17.0], 64.0),
        ([900.0, 800.0, 900.0], 300.0),
        ([0.1, 0.1, 0.1, 0.1, 900.0, 900.0, 900.0], 20.0),  # a minority is stuck
        ([0.1, 900.0], 20.0),
    ],
)
def test_the_others_silence_says_how_long_one_may_be_silent(
    others: list[float], expected: float
) -> None:
    assert patience(others, 20.0, 300.0) == expected


def test_the_longest_gap_of_a_while_counts() -> None:
    gaps = Gaps()
    assert gaps.longest_since(0) is None
    for ended, seconds in ((10, 5.0), (20, 9.0), (30, 7.0), (31, 1.0), (32, 1.5)):
        gaps.add(ended, seconds)
    assert gaps.longest_since(0) == 9.0
    assert gaps.longest_since(20) == 9.0
    assert gaps.longest_since(21) == 7.0
    assert gaps.longest_since(31) == 1.5
    assert gaps.longest_since(33) is None
    assert gaps.last == 1.5


class Impatient(HolderTimes):
    """Gives a holder up after a moment."""

    def is_stalled(self, index: int, now: float) -> bool:
        return self._parts.silence(index, now) > 0.1


def test_a_holder_that_sends_nothing_is_given_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with market(tmp_path, 4) as place, place.client() as book:
            deal, ids = await stored(place, book, payloads(1))
            place.vaults[0].faults.serves_nothing = True
            index = deal.index_of(place.vaults[0].vault)
            assert index is not None
            with ThreadPoolExecutor(1) as pool:
                line = FetchLine(book, deal, index, pool, Impatient(4, MIB))
                with pytest.raises(VaultMisbehavedError, match="sent nothing for too"):
                    await line.fetch(ids[0], memoryview(bytearray(9)), checked=False)
                await line.close()

    asyncio.run(story())
