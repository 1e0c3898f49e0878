"""Two thousand small files through the whole client: what is stored and paid."""

import asyncio
import random
from pathlib import Path

import zstandard

from holdfast.protocol.units import KIB, MIB
from sdk_on_market import client
from small_market import market

FILES = 2000
OVERHEAD_MAX = 1.1


def fill(source: Path) -> int:
    """Make the files; return what they are compressed, each for itself."""
    dice = random.Random(7)
    compressor = zstandard.ZstdCompressor(level=1)
    compressed = 0
    for number in range(FILES):
        path = source / f"{number % 40}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = dice.randbytes(10 * KIB).hex().encode()  # halves when compressed
        path.write_bytes(data)
        compressed += len(compressor.compress(data))
    return compressed


def test_two_thousand_files_of_20_kib_are_one_deal_and_a_tenth_more_at_most(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        compressed = fill(tmp_path / "source")
        async with (
            market(tmp_path, 9) as place,
            client(place, tmp_path / "one") as one,
        ):
            result = await one.backup([tmp_path / "source"])
            by_deal = await one.chunks_by_deal()
            (status,) = await one.deals()
        (chunks,) = by_deal.values()
        stored = sum(chunks.values())
        assert stored <= OVERHEAD_MAX * compressed, f"{stored} for {compressed} bytes"
        assert result.bytes_uploaded == stored
        # Packs of 8 MiB, and one each for the directories and the state.
        assert len(chunks) <= stored // (7 * MIB) + 3
        assert status.held_bytes <= stored // status.deal.k + len(chunks)

    asyncio.run(story())
