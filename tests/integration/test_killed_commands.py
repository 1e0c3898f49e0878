"""The real program, killed with SIGKILL at random moments: nothing kept is lost."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from backup_owner import listing, within
from holdfast.protocol.units import ChunkId
from holdfast_shell import Shell
from sdk_on_market import client, files
from served_market import Served, run, served_market, start

FORGET_AND_PRUNE = ("forget", "--keep-last", "2", "--prune")
CALLS_OF_A_PRUNE = 55
SERVED_CHUNKS = 5  # root, trees, and at least two of the five with data
T = TypeVar("T")
KEPT_BYTES_MAX = 1_700_000  # of each holder, after the last prune


async def killed_at(
    served: Served, shell: Shell, call: int, delay: float, *words: str
) -> bool:
    """Run a command and kill it `delay` seconds after vaults had `call` calls.

    Returns whether that was before its end.
    """
    seen = 0
    reached = asyncio.Event()

    def count(_call: object) -> None:
        nonlocal seen
        seen += 1
        if seen == call:
            reached.set()

    served.on_call(count)
    process = await start(shell, *words)
    over = asyncio.ensure_future(process.communicate())
    moment = asyncio.ensure_future(reached.wait())
    await asyncio.wait([over, moment], return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait([over], timeout=delay)
    if process.returncode is None:
        process.kill()
    moment.cancel()
    await over
    served.on_call(_ignore)
    return process.returncode == -signal.SIGKILL


async def backed_up(served: Served, home: Path, source: Path) -> bytes:
    async with client(served.market, home) as one:
        return bytes((await one.backup([source])).snapshot.id)


async def check_kept(served: Served, home: Path, kept: dict[bytes, object]) -> None:
    """Have a machine that knows nothing restore every kept snapshot, and compare."""
    async with client(served.market, home) as new:
        known = {bytes(named.id) for named in await new.snapshots()}
        assert known >= kept.keys()
        for snapshot, files_then in kept.items():
            target = home / snapshot.hex()
            report = await new.restore(snapshot.hex(), target)
            assert report.failures == ()
            (source,) = target.rglob("source")
            assert listing(source) == files_then


def thin_out(source: Path, dice: random.Random, round_number: int) -> None:
    """Replace some files, so that what is forgotten leaves packs half dead."""
    for path in sorted(source.rglob("file *")):
        if dice.random() < 0.6:
            path.unlink()
    for number in range(4):
        path = source / f"file {round_number} {number}"
        path.write_bytes(dice.randbytes(100_000))


async def prune_story(top: Path, seed: int, rounds: int) -> int:
    """Back up, forget and prune again and again, killed each time; return kills."""
    dice = random.Random(seed)
    source = files(top / "source", count=12, size=150_000)
    kept: dict[bytes, object] = {}
    kills = 0
    async with served_market(top) as served:
        machine = served.machine(top / "machine")
        for number in range(2):
            await backed_up(served, top / "machine", source)
            thin_out(source, dice, -number)
        for number in range(1, rounds + 1):
            thin_out(source, dice, number)
            snapshot = await backed_up(served, top / "machine", source)
            kept[snapshot] = listing(source)
            kept = dict(list(kept.items())[-2:])
            call = dice.randint(1, CALLS_OF_A_PRUNE)
            delay = dice.choice([0, 0, dice.uniform(0, 0.05)])
            kills += await killed_at(served, machine, call, delay, *FORGET_AND_PRUNE)
            await check_kept(served, top / f"new {number}", kept)
        code, said = await run(machine, *FORGET_AND_PRUNE)
        assert code == 0, said
        await check_kept(served, top / "last", kept)
        async with client(served.market, top / "watcher") as one:
            assert len(await one.snapshots()) == len(kept)
            held = sum(deal.held_bytes for deal in await one.deals())
    assert held < KEPT_BYTES_MAX
    return kills


def test_a_forget_and_prune_that_is_killed_loses_nothing_that_is_kept(
    tmp_path: Path,
) -> None:
    assert asyncio.run(prune_story(tmp_path, seed=1, rounds=2)) >= 1


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
def test_prunes_killed_all_the_time_lose_nothing_that_is_kept(
    tmp_path: Path, seed: int
) -> None:
    assert asyncio.run(prune_story(tmp_path, seed, rounds=15)) >= 8


def test_a_killed_restore_goes_on_and_fetches_nothing_that_is_whole(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", count=40, size=1_000_000)
        restore = ("restore", "latest", "--target", str(tmp_path / "target"))
        async with served_market(tmp_path) as served:
            await backed_up(served, tmp_path / "one", source)
            machine = served.machine(tmp_path / "machine")
            there = within(tmp_path / "target", source)
            await restore_and_die(
                served, machine, restore, lambda: finished(there, source)
            )
            whole = finished(there, source)
            before = [path.stat().st_ino for path in whole]
            (code, said), again = await fetched_by(
                served, run(machine, *restore, "--overwrite", "if-changed")
            )
            assert code == 0, said
            assert [path.stat().st_ino for path in whole] == before
            assert listing(there) == listing(source)
            async with client(served.market, tmp_path / "watcher") as one:
                (everything,) = (await one.chunks_by_deal()).values()
        assert again < everything.keys()

    asyncio.run(story())


def test_no_lock_outlives_its_holder_and_two_machines_write_at_once(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", count=8, size=100_000)
        async with served_market(tmp_path) as served:
            here = served.machine(tmp_path / "here")
            there = served.machine(tmp_path / "there")
            assert await killed_at(served, here, 16, 0, "backup", str(source))
            both = await asyncio.gather(
                run(here, "backup", source, "--host", "here"),
                run(there, "backup", source, "--host", "there"),
            )
            assert [code for code, _ in both] == [0, 0], both
            async with client(served.market, tmp_path / "watcher") as one:
                made = await one.snapshots()
            assert {named.snapshot.host for named in made} >= {"here", "there"}

    asyncio.run(story())


async def restore_and_die(
    served: Served,
    machine: Shell,
    words: tuple[str, ...],
    progress: Callable[[], list[Path]],
) -> None:
    """Restore from the first chunks asked for, and kill it when a file is whole."""
    first: dict[ChunkId, None] = {}

    def withholds(chunk: ChunkId) -> bool:
        if len(first) < SERVED_CHUNKS:
            first[chunk] = None
        return chunk not in first

    withhold(served, withholds)
    process = await start(machine, *words)
    while not progress():
        assert process.returncode is None
        await asyncio.sleep(0.01)
    process.kill()
    await process.communicate()
    assert process.returncode == -signal.SIGKILL


async def fetched_by(served: Served, command: Awaitable[T]) -> tuple[T, set[ChunkId]]:
    """Return what the command does, and the chunks that vaults were asked for."""
    asked: set[ChunkId] = set()

    def note(chunk: ChunkId) -> bool:
        asked.add(chunk)
        return False

    withhold(served, note)
    return await command, asked


def withhold(served: Served, withholds: Callable[[ChunkId], bool]) -> None:
    for vault in served.market.vaults:
        vault.withholds = withholds


def finished(there: Path, source: Path) -> list[Path]:
    """The restored files that have their time, which is given last, and their data."""
    originals = (source / path.relative_to(there) for path in there.rglob("file *"))
    pairs = [(there / path.relative_to(source), path) for path in originals]
    return [
        path
        for path, original in pairs
        if path.stat().st_mtime_ns == original.stat().st_mtime_ns
        and path.read_bytes() == original.read_bytes()
    ]


def _ignore(_call: object) -> None:
    """Count nothing."""
