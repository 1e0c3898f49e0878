"""Very many files and a very large one: they come back, in little memory."""

import asyncio
import random
import re
import sys
from pathlib import Path

import pytest

from backup_owner import listing, within
from holdfast.protocol.units import GIB, MIB
from holdfast_shell import PROGRAM, Shell
from served_market import served_market

FILES = 100_000
SPARSE_BYTES = 10 * 10**9
ISLANDS = (0, 3 * 10**9 + 17, SPARSE_BYTES - 1000)
MEMORY_MIB_MAX = 500
# The only child of this process is the program, so its peak is the program's.
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(f"peak {peak // 1024} MiB, exit code {code}")
"""


def make_files(top: Path) -> None:
    dice = random.Random(1)
    for number in range(FILES):
        if number % 500 == 0:
            folder = top / f"{number % 7}" / f"folder {number}"
            folder.mkdir(parents=True)
        (folder / f"file {number}").write_bytes(dice.randbytes(dice.randrange(600)))


def make_sparse(path: Path) -> None:
    path.parent.mkdir()
    with path.open("wb") as file:
        for place in ISLANDS:
            file.seek(place)
            file.write(island(place))
        file.truncate(SPARSE_BYTES)


def island(place: int) -> bytes:
    return random.Random(place).randbytes(900)


def check_sparse(path: Path) -> None:
    status = path.stat()
    assert status.st_size == SPARSE_BYTES
    assert status.st_blocks * 512 < MIB
    with path.open("rb") as file:
        for place in ISLANDS:
            file.seek(place)
            assert file.read(900) == island(place)


async def peak_mib(shell: Shell, *words: str | Path) -> int:
    """Run a command that must succeed; return the most memory it had, in MiB."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        MEASURED,
        PROGRAM,
        *map(str, words),
        env=shell.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    found = re.search(r"peak (\d+) MiB, exit code 0", said)
    assert found, said
    return int(found[1])


@pytest.mark.long
def test_a_hundred_thousand_files_and_ten_gigabytes_of_hole_take_little_memory(
    tmp_path: Path,
) -> None:
    async def story() -> dict[str, int]:
        source = tmp_path / "source"
        await asyncio.to_thread(make_files, source / "many")
        await asyncio.to_thread(make_sparse, source / "one" / "sparse")
        async with served_market(tmp_path) as served:
            shell = served.machine(tmp_path / "machine")
            new = served.machine(tmp_path / "new")
            target = tmp_path / "target"
            return {
                "first backup": await peak_mib(shell, "backup", source),
                "second backup": await peak_mib(shell, "backup", source),
                "restore": await peak_mib(new, "restore", "latest", "-t", target),
                "forget and prune": await peak_mib(
                    shell, "forget", "--keep-last", "1", "--prune"
                ),
            }

    assert SPARSE_BYTES > 9 * GIB
    peaks = asyncio.run(story())
    there = within(tmp_path / "target", tmp_path / "source")
    assert listing(there / "many") == listing(tmp_path / "source" / "many")
    check_sparse(there / "one" / "sparse")
    print(peaks)  # noqa: T201 # the figures of the promise
    assert max(peaks.values()) < MEMORY_MIB_MAX, peaks
