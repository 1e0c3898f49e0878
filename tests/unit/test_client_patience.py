"""How long a client waits for one holder, beside the others; and for a frame."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast.client import fetch_line
from holdfast.client.core.patience import patience
from holdfast.client.deal_source import DealSource
from holdfast.client.network_errors import VaultMisbehavedError
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


def test_a_holder_that_sends_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_line, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(fetch_line, "STALL_SECONDS_MAX", 0.4)

    async def story() -> None:
        async with market(tmp_path, 4) as place, place.client() as book:
            deal, ids = await stored(place, book, payloads(1))
            place.vaults[0].faults.serves_nothing = True
            index = deal.index_of(place.vaults[0].vault)
            assert index is not None
            with ThreadPoolExecutor(1) as pool:
                line = DealSource(book, deal, pool).lines[index]
                with pytest.raises(VaultMisbehavedError, match="sent nothing for 0"):
                    await line.fetch(ids[0], memoryview(bytearray(9)), checked=False)
                await line.close()

    asyncio.run(story())
