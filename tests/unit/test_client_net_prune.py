"""A client that dies at any call of a prune: what is kept is whole at every moment."""

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

from backup_owner import listing
from holdfast.client.async_client import AsyncClient
from holdfast.client.session_values import PruneResult
from sdk_on_market import client, files
from small_market import Market, market

# A prune of these backups makes 40 calls; dying after the last is no death.
POINTS = sorted(random.Random(5).sample(range(1, 40), 8))


def thin(source: Path) -> None:
    for path in sorted(source.rglob("file *"))[::3]:
        path.rename(path.with_name("kept " + path.name))
    for path in source.rglob("file *"):
        path.unlink()


async def thinned_out(one: AsyncClient, source: Path) -> None:
    """Back up, delete two of three files, back up again, forget the first."""
    first = await one.backup([source])
    thin(source)
    await one.backup([source])
    await one.forget([first.snapshot.id.hex()])


async def prune_until(
    place: Market, home: Path, calls: int | None
) -> PruneResult | None:
    """Prune, and die when the vaults have had so many calls; None if it died."""
    seen = 0
    dying = asyncio.Event()

    def count(_call: str) -> None:
        nonlocal seen
        seen += 1
        if seen == calls:
            dying.set()

    async with client(place, home) as one:
        await one.snapshots()
        for vault in place.vaults:
            vault.on_call = count
        pruning = asyncio.ensure_future(one.prune())
        death = asyncio.ensure_future(dying.wait())
        await asyncio.wait([pruning, death], return_when=asyncio.FIRST_COMPLETED)
        death.cancel()
        pruning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await pruning
    return None


async def held(place: Market, home: Path) -> int:
    async with client(place, home) as one:
        return sum(deal.held_bytes for deal in await one.deals())


async def restored(place: Market, home: Path, target: Path) -> bool:
    """Whether a machine that knows nothing yet restores the newest snapshot whole."""
    async with client(place, home) as new:
        return (await new.restore("latest", target)).complete


@pytest.mark.parametrize("point", POINTS)
def test_a_prune_that_died_lost_nothing_and_is_done_by_the_next_one(
    tmp_path: Path, point: int
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", count=12, size=200_000)
        home = tmp_path / "one"
        async with market(tmp_path, 8) as place:
            async with client(place, home) as one:
                await thinned_out(one, source)
            before = await held(place, tmp_path / "watcher")
            await prune_until(place, home, point)
            assert await restored(place, tmp_path / "two", tmp_path / "early")
            assert await prune_until(place, home, None) is not None
            assert await restored(place, tmp_path / "three", tmp_path / "late")
            after = await held(place, tmp_path / "watcher")
        # Each holder keeps a quarter: four files of 200 kB instead of twelve.
        assert before > 12 * 200_000 / 4
        assert after < 4 * 200_000 / 4 + 60_000
        for target in ("early", "late"):
            inside = tmp_path / target / source.relative_to("/")
            assert listing(inside) == listing(source)

    asyncio.run(story())


def test_the_points_are_within_a_prune(tmp_path: Path) -> None:
    async def story() -> int:
        source = files(tmp_path / "source", count=12, size=200_000)
        calls = 0

        def count(_call: str) -> None:
            nonlocal calls
            calls += 1

        async with (
            market(tmp_path, 8) as place,
            client(place, tmp_path / "one") as one,
        ):
            await thinned_out(one, source)
            for vault in place.vaults:
                vault.on_call = count
            await one.prune()
        return calls

    assert asyncio.run(story()) > POINTS[-1]


def test_a_prune_with_nothing_to_drop_asks_no_vault_to_sign_anything(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", count=3, size=1000)
        async with (
            market(tmp_path, 8) as place,
            client(place, tmp_path / "one") as one,
        ):
            await one.backup([source])
            calls: list[str] = []
            for vault in place.vaults:
                vault.on_call = calls.append
            assert await one.prune() == PruneResult(0, 0, 0)
            assert calls == []

    asyncio.run(story())
