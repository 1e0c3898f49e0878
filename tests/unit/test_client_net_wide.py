"""Wide policies: many holders, and as many of them dead as the code allows."""

import asyncio
import os
from pathlib import Path

import pytest

from holdfast.client.download import Download
from holdfast.client.upload import Upload
from holdfast.protocol.units import KIB
from small_market import PATIENT, market


@pytest.mark.parametrize(
    ("k", "n"), [(10, 20), pytest.param(29, 80, marks=pytest.mark.long)]
)
def test_any_k_of_many_holders_give_everything_back(
    k: int, n: int, tmp_path: Path
) -> None:
    async def story() -> None:
        chunks = [os.urandom(300 * KIB + place) for place in range(3)]
        async with market(tmp_path, n) as place:
            options = place.options(k=k, n=n, limits=PATIENT)
            async with place.client() as book:
                async with Upload(book, options) as upload:
                    ids = await asyncio.to_thread(
                        lambda: [upload.add(chunk) for chunk in chunks]
                    )
                    deal = await upload.commit(b"\5" * 256, [bytes(256)])
                assert len(place.holders(deal.id)) == n
            for vault in place.holders(deal.id)[: n - k]:
                await vault.stop()
            async with place.client(name="other") as book:
                download = Download(book)
                (known,) = await book.deals()
                state = await book.state(known)
                manifest = await book.manifest(known, state.head, state.answered)
                download.learn(known, manifest)
                try:
                    found = [bytes(await download.get(chunk)) for chunk in ids]
                finally:
                    await download.close()
        assert found == chunks

    asyncio.run(story())
