"""What a second backup uploads, and what restic adds for the same change.

    python benchmarks/incremental.py [--scale 1.0] [--seed 1] [--runs 3] [--json]

Makes trees of files, `--runs` of each kind, backs each up with Holdfast and restic,
changes it (1 % of the files edited, bytes inserted, renames, deletions), and backs it
up again. Counted, and summed over the runs, are the bytes of the sealed chunks that the
second run hands over for upload, before erasure coding, and the growth of restic's
repository. No network is needed: what a backup hands over does not depend on who holds
it. Skips restic where it is missing.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from backup_owner import Owner
from memory_chunks import MemoryChunks

KIB, MIB = 1 << 10, 1 << 20
EDITED_SHARE = 0.01
RESTIC = shutil.which("restic")


def texts(dice: random.Random) -> Callable[[int], bytes]:
    """Return how to make text that compresses about as source code does."""
    words = [dice.randbytes(3 + n % 4).hex().encode() for n in range(4000)]
    weights = [1 / (rank + 10) for rank in range(len(words))]

    def make(size: int) -> bytes:
        lines = dice.choices(words, weights, k=size // 6)
        return b" ".join(lines)[:size]

    return make


def small_files(top: Path, dice: random.Random, scale: float) -> None:
    make = texts(dice)
    for number in range(int(4000 * scale)):
        size = int(dice.lognormvariate(8.5, 1.2)) + 1
        write(top / f"d{number % 97}/s{number % 7}/{number}.txt", make(size))


def documents(top: Path, dice: random.Random, scale: float) -> None:
    make = texts(dice)
    for number in range(int(400 * scale)):
        size = int(dice.uniform(50 * KIB, 900 * KIB))
        data = dice.randbytes(size) if number % 2 else make(size)
        write(top / f"{number % 23}/{number}.doc", data)


def large_files(top: Path, dice: random.Random, scale: float) -> None:
    for number in range(8):
        size = int(dice.uniform(20, 40) * scale * MIB)
        write(top / f"{number}.bin", dice.randbytes(size))


def mixed(top: Path, dice: random.Random, scale: float) -> None:
    small_files(top / "small", dice, scale / 2)
    documents(top / "documents", dice, scale / 4)
    large_files(top / "large", dice, scale / 4)


TREES = {
    "small files": small_files,
    "documents": documents,
    "large files": large_files,
    "mixed": mixed,
}


def change(top: Path, dice: random.Random) -> None:
    """Edit 1 % of the files, insert bytes in as many, rename and delete some."""
    files = sorted(path for path in top.rglob("*") if path.is_file())
    dice.shuffle(files)
    share = max(1, int(len(files) * EDITED_SHARE))
    edited, inserted, renamed, deleted = (
        files[part * share : (part + 1) * share] for part in range(4)
    )
    for path in edited:
        with path.open("r+b") as file:
            for _ in range(places_in(path)):
                file.seek(dice.randrange(path.stat().st_size))
                file.write(dice.randbytes(100))
    for path in inserted:
        for _ in range(places_in(path)):
            data = path.read_bytes()
            place = dice.randrange(len(data))
            path.write_bytes(data[:place] + dice.randbytes(300) + data[place:])
    for path in renamed:
        path.rename(path.with_name("renamed " + path.name))
    for path in deleted:
        path.unlink()
    folders = sorted(path for path in top.iterdir() if path.is_dir())
    if folders:
        chosen = dice.choice(folders)
        chosen.rename(chosen.with_name(chosen.name + " moved"))


def places_in(path: Path) -> int:
    """Return in how many places to change a file: one, and more in a large one."""
    return 1 + path.stat().st_size // (4 * MIB)


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


class Holdfast:
    """Counts the ciphertext of all chunks that backups hand over."""

    def __init__(self) -> None:
        self._owner = Owner(MemoryChunks())

    def back_up(self, source: Path) -> int:
        before = self._owner.chunks.stored_bytes
        self._owner.back_up(source)
        return self._owner.chunks.stored_bytes - before


class Restic:
    """Counts the bytes of restic's repository, which is a local folder."""

    def __init__(self, home: Path) -> None:
        self._repository = home / "repository"
        self._environment = os.environ | {
            "RESTIC_PASSWORD": "benchmark",
            "RESTIC_CACHE_DIR": str(home / "cache"),
            "RESTIC_REPOSITORY": str(self._repository),
        }
        self._run("init")

    def back_up(self, source: Path) -> int:
        before = self._size()
        self._run("backup", str(source))
        return self._size() - before

    def _run(self, *words: str) -> None:
        assert RESTIC is not None
        subprocess.run(
            [RESTIC, "--quiet", *words], env=self._environment, check=True, timeout=600
        )

    def _size(self) -> int:
        files = (path for path in self._repository.rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files)


def measure(name: str, seed: int, scale: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="holdfast-incremental-") as folder:
        home = Path(folder)
        source = home / "source"
        dice = random.Random(f"{name} {seed}")
        TREES[name](source, dice, scale)
        programs: dict[str, Holdfast | Restic] = {"holdfast": Holdfast()}
        if RESTIC:
            programs["restic"] = Restic(home)
        first = {who: program.back_up(source) for who, program in programs.items()}
        change(source, dice)
        second = {who: program.back_up(source) for who, program in programs.items()}
    return {
        "tree": name,
        **{who: {"first": first[who], "second": second[who]} for who in programs},
    }


def added(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums of several runs: single ones depend on where a change falls."""
    total = {"tree": runs[0]["tree"], "runs": len(runs)}
    for who in runs[0].keys() - {"tree"}:
        parts = ("first", "second")
        total[who] = {part: sum(run[who][part] for run in runs) for part in parts}
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tree", choices=[*TREES], action="append")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not RESTIC:
        print("restic is not installed here: `apt-get install restic` to compare")
    seeds = range(asked.seed, asked.seed + asked.runs)
    results = [
        added([measure(name, seed, asked.scale) for seed in seeds])
        for name in asked.tree or TREES
    ]
    if asked.json:
        print(json.dumps(results))
        return
    print(f"{'':14}{'first, bytes':>28}{'second, bytes':>28}")
    print(f"{'tree':14}{'holdfast':>14}{'restic':>14}{'holdfast':>14}{'restic':>14}")
    for row in results:
        print(line_of(row))


def line_of(row: dict[str, Any]) -> str:
    ours, theirs = row["holdfast"], row.get("restic")
    line = f"{row['tree']:14}"
    for run in ("first", "second"):
        line += f"{ours[run]:14,}" + (f"{theirs[run]:14,}" if theirs else f"{'-':>14}")
    if theirs:
        line += f"  {ours['second'] / theirs['second']:.3f} of restic's"
    return line


if __name__ == "__main__":
    main()
