"""The workloads that store files: each system in turn, on the same files."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trees
from bare_pipeline import BarePipeline
from command_times import CommandLine
from figures import Samples
from owner import Spent
from retiring import retire
from systems import REBUILD_EPOCH_SECONDS, Holdfast, Restic, System
from tahoe_system import PROGRAM, Tahoe

GIB: Final = 1 << 30
MB: Final = 1_000_000
DEAD: Final = 4
SMALL_FILES: Final = 2000
REBUILD_RUNS_MAX: Final = 3
WARM_UP: Final = 1 / 4
"""Of a workload's data; a run of each system that is not counted."""


@dataclass(frozen=True)
class Source:
    """A tree to store."""

    path: Path
    data_bytes: int
    files: int = 0


@dataclass(frozen=True)
class Load:
    """What a workload stores: `make` makes it for one run."""

    name: str
    make: Callable[[Path, int], Source]
    unchanged: bool = False


class Storing:
    """The systems that run, and what they store and bring back.

    `size` is in MiB. A system that fails is ended: Holdfast is started anew before
    the next workload, the others are left out of it.
    """

    def __init__(
        self,
        top: Path,
        size: int,
        runs: int,
        samples: Samples,
        wanted: set[str],
        epoch_seconds: int,
    ) -> None:
        self._top = top
        self._size = size
        self._runs = runs
        self._samples = samples
        self._wanted = wanted
        self._epoch_seconds = epoch_seconds
        self._systems: list[System] = []

    def start(self, workload: str) -> None:
        """Start the systems that do not run yet, and warm them up."""
        epoch_seconds = self._epoch_seconds
        if workload == "rebuild":
            epoch_seconds = min(epoch_seconds, REBUILD_EPOCH_SECONDS)
        self._end_other_epochs(epoch_seconds)
        makes: dict[str, Callable[[Path], System]] = {
            Holdfast.name: lambda place: Holdfast(place, epoch_seconds)
        }
        if shutil.which("restic"):
            makes[Restic.name] = Restic
        if PROGRAM.exists():
            makes[Tahoe.name] = Tahoe
        running = {system.name for system in self._systems}
        for name, make in makes.items():
            if name in self._wanted - running:
                self._start(name, make)

    def close(self) -> None:
        while self._systems:
            self._systems.pop().close()

    def random(self) -> None:
        with self._bare() as bare:
            self._trips(Load("random-1GiB", self._random), bare)

    def mixed(self) -> None:
        """Time also a second backup of what has not changed."""
        self._trips(Load("mixed-1GiB", self._mixed, unchanged=True))

    def small(self) -> None:
        self._trips(Load("small-2000", self._small))

    def degraded(self) -> None:
        """Restore while n - k holders are dead; start them again."""
        holdfast = self.holdfast
        with self._doing("degraded", holdfast), self._made(self._random) as source:
            holdfast.store(source.path)
            holdfast.kill(DEAD)
            for _ in range(self._runs):
                spent = self._restored(holdfast, source)
                self._note("degraded", "holdfast", source, "download", spent)
            holdfast.revive()
            holdfast.drop()

    def rebuild(self) -> None:
        """Have one holder lose all it has; the others give it back."""
        for system in [*self._systems]:
            if isinstance(system, Holdfast | Tahoe):
                with self._doing("rebuild", system):
                    self._rebuild(system)

    def commands(self) -> None:
        """Time what people type, and the first byte of what was stored."""
        place, holdfast = self._top / "commands", self.holdfast
        with self._doing("commands", holdfast):
            place.mkdir()
            line = CommandLine(place, holdfast.network.network_file)
            for _ in range(self._runs):
                for metric, word in (
                    ("help_ms", "--help"),
                    ("snapshots_ms", "snapshots"),
                ):
                    spent = line.milliseconds(word)
                    self._samples.add("commands", "holdfast", metric, "ms", spent)
                first = 1000 * holdfast.first_byte().seconds
                self._samples.add("commands", "holdfast", "first_byte_ms", "ms", first)

    @property
    def holdfast(self) -> Holdfast:
        """The network, or RuntimeError where it did not start."""
        for system in self._systems:
            if isinstance(system, Holdfast):
                return system
        raise RuntimeError("the network did not start")

    def _end_other_epochs(self, epoch_seconds: int) -> None:
        for system in [*self._systems]:
            if isinstance(system, Holdfast) and system.epoch_seconds != epoch_seconds:
                self._systems.remove(system)
                system.close()

    def _start(self, name: str, make: Callable[[Path], System]) -> None:
        place = self._top / name
        shutil.rmtree(place, ignore_errors=True)
        try:
            system = make(place)
        except Exception as error:  # noqa: BLE001 # the others go on
            self._failed("start", name, error)
            return
        self._systems.append(system)
        with self._doing("warm-up", system), self._made(self._warm_up) as source:
            system.store(source.path)
            self._restored(system, source)
            system.drop()

    @contextmanager
    def _bare(self) -> Iterator[BarePipeline | None]:
        if BarePipeline.name not in self._wanted:
            yield None
            return
        with BarePipeline(self._top / "bare") as bare:
            yield bare

    def _trips(self, load: Load, bare: BarePipeline | None = None) -> None:
        """Store and restore in each run, with all systems on the same files."""
        for run in range(1, self._runs + 1):
            left = [system for system in self._systems if run <= system.runs_max]
            with self._made(load.make, run) as source:
                for system in left:
                    with self._doing(load.name, system):
                        self._trip(load, system, source)
                if bare:
                    (file,) = source.path.iterdir()
                    os.sync()
                    spent = bare.store(file)
                    self._note(load.name, bare.name, source, "upload", spent)

    def _trip(self, load: Load, system: System, source: Source) -> None:
        up = self._stored(system, source)
        self._note(load.name, system.name, source, "upload", up)
        if load.unchanged and not isinstance(system, Tahoe):  # it stores all again
            again = self._stored(system, source).seconds
            name, metric = system.name, "unchanged_backup_s"
            self._samples.add(load.name, name, metric, "s", again)
        down = self._restored(system, source)
        self._note(load.name, system.name, source, "download", down)
        peak = max(up.peak_rss_mib, down.peak_rss_mib)
        self._samples.add(load.name, system.name, "peak_rss_MiB", "MiB", peak)
        system.drop()

    def _rebuild(self, system: Holdfast | Tahoe) -> None:
        with self._made(self._random) as source:
            size = source.data_bytes
            system.store(source.path)
        for _ in range(min(self._runs, REBUILD_RUNS_MAX, system.runs_max)):
            rate = system.rebuild(size)
            self._samples.add("rebuild", system.name, "rebuild_MBps", "MB/s", rate)
        system.drop()

    def _stored(self, system: System, source: Source) -> Spent:
        os.sync()  # what others left to be written is not this one's to wait for
        return system.store(source.path)

    def _restored(self, system: System, source: Source) -> Spent:
        target = self._top / "target"
        os.sync()
        try:
            spent = system.restore(target)
            inside = target / source.path.relative_to("/")
            subprocess.run(["diff", "-r", str(source.path), str(inside)], check=True)
        finally:
            retire(target, self._top / "gone")
        return spent

    def _note(
        self, workload: str, system: str, source: Source, way: str, spent: Spent
    ) -> None:
        def add(metric: str, unit: str, value: float) -> None:
            self._samples.add(workload, system, metric, unit, value)

        size = source.data_bytes
        add(f"{way}_MBps", "MB/s", size / spent.seconds / MB)
        if source.files:
            add(f"{way}_files_per_s", "1/s", source.files / spent.seconds)
        each = spent.cpu_seconds * GIB / size
        prefix = "" if way == "upload" else f"{way}_"
        add(f"{prefix}cpu_seconds_per_GiB", "CPU s/GiB", each)

    @contextmanager
    def _doing(self, workload: str, system: System) -> Iterator[None]:
        """End a system that fails, and go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 # the others go on
            self._failed(workload, system.name, error)
            self._systems.remove(system)
            system.close()

    def _failed(self, workload: str, name: str, error: Exception) -> None:
        self._samples.fail(workload, name, error)
        if name != Holdfast.name:
            self._wanted.discard(name)

    @contextmanager
    def _made(
        self, make: Callable[[Path, int], Source], run: int = 0
    ) -> Iterator[Source]:
        path = self._top / "source"
        try:
            yield make(path, run)
        finally:
            retire(path, self._top / "gone")

    def _warm_up(self, path: Path, run: int) -> Source:
        mib = max(int(self._size * WARM_UP), 1)
        return Source(path, trees.random_file(path, mib, run))

    def _random(self, path: Path, run: int) -> Source:
        return Source(path, trees.random_file(path, self._size, run))

    def _mixed(self, path: Path, run: int) -> Source:
        return Source(path, trees.mixed_tree(path, self._size, run))

    def _small(self, path: Path, run: int) -> Source:
        count = max(SMALL_FILES * min(self._size, 1024) // 1024, 20)
        return Source(path, trees.small_files(path, count, run), count)
