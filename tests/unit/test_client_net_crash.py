"""A client that dies at any call of a backup: the next one goes on where it was."""

import asyncio
import contextlib
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backup_owner import listing
from holdfast.client.async_client import AsyncClient
from holdfast.client.upload_options import (
    UploadOptions,
)
from sdk_on_market import client, files
from small_market import PATIENT, Market, market

# A backup of these files makes 120 calls; its heads are signed at 33, 57 and 88.
POINTS = [1, 8, 9, 20, 33, 40, 47, 52, 57, 66, 80, 90, 96, 104, 112, 118]


class Eager(AsyncClient):
    """Signs a head every megabyte, so that a small backup has several."""

    def _options(self, *arguments: Any, **named: Any) -> UploadOptions:
        return replace(super()._options(*arguments, **named), limits=PATIENT)


async def backup_until(
    place: Market, home: Path, source: Path, calls: int | None
) -> bool:
    """Back up, and die when the vaults have had so many calls; tell whether done."""
    seen = 0
    dying = asyncio.Event()

    def count(_call: str) -> None:
        nonlocal seen
        seen += 1
        if seen == calls:
            dying.set()

    for vault in place.vaults:
        vault.on_call = count
    async with client(place, home, kind=Eager) as one:
        backup = asyncio.ensure_future(one.backup([source]))
        death = asyncio.ensure_future(dying.wait())
        await asyncio.wait([backup, death], return_when=asyncio.FIRST_COMPLETED)
        death.cancel()
        done = backup.done()
        backup.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await backup
    return done


@pytest.mark.parametrize(
    ("point", "cache_lost"),
    [(point, place % 2 == 1) for place, point in enumerate(POINTS)],
)
def test_a_backup_that_died_is_done_by_the_next_one(
    tmp_path: Path, point: int, cache_lost: bool
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", count=20, size=900_000)
        home = tmp_path / "one"
        async with market(tmp_path, 8) as place:
            await backup_until(place, home, source, point)
            if cache_lost:
                shutil.rmtree(home / "cache", ignore_errors=True)
            assert await backup_until(place, home, source, None)
            async with client(place, tmp_path / "two") as two:
                deals = await two.deals()
                report = await two.restore("latest", tmp_path / "target")
                assert report.complete
        paid = [deal for deal in deals if deal.held_bytes]
        assert len(paid) == 1
        # Once everything, and a little for the state: nothing is stored twice.
        size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
        assert paid[0].held_bytes < 1.02 * size / 4 + 100_000
        if not cache_lost:
            assert len(deals) == 1
        inside = tmp_path / "target" / source.relative_to("/")
        assert listing(inside) == listing(source)

    asyncio.run(story())


def test_what_was_acknowledged_is_known_again_although_files_changed(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", count=20, size=900_000)
        home = tmp_path / "one"
        async with market(tmp_path, 8) as place:
            await backup_until(place, home, source, 90)
            # It comes first, so that everything behind it is packed otherwise.
            (source / "a new file").write_bytes(os.urandom(900_000))
            assert await backup_until(place, home, source, None)
            async with client(place, tmp_path / "two") as two:
                (deal,) = await two.deals()
                assert (await two.restore("latest", tmp_path / "target")).complete
        assert deal.held_bytes < 1.15 * 21 * 900_000 / 4

    asyncio.run(story())
