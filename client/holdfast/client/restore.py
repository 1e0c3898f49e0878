"""A restore: from a snapshot's tree to files, chunk by chunk.

Each chunk is read once, in the order in which files first need it, and its blobs go
to every file that wants them. What an unreadable chunk holds is lost to the files
that need it and to no others.
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from holdfast.client.blob_reader import BlobReader
from holdfast.client.core.index import Location
from holdfast.client.restore_files import OpenFiles
from holdfast.client.restore_foresight import UntouchedTree
from holdfast.client.restore_layout import PIECE_FIELDS, Layout
from holdfast.client.restore_target import TargetTree
from holdfast.client.restore_values import (
    OnProgress,
    Overwrite,
    RestoreFailure,
    RestoreJob,
    RestoreProgress,
    RestoreReport,
    no_progress,
)
from holdfast.client.restore_verify import verify_file
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import ChunkId

__all__ = [
    "OnProgress",
    "Overwrite",
    "RestoreFailure",
    "RestoreJob",
    "RestoreProgress",
    "RestoreReport",
    "foresee",
    "no_progress",
    "restore",
]

_PREFETCH_CHUNKS: Final = 8


def restore(
    job: RestoreJob, reader: BlobReader, progress: OnProgress = no_progress
) -> RestoreReport:
    """Restore and report; raises OSError only if the target itself cannot be made."""
    with TargetTree(job.target) as target:
        run = _Restore(job, reader, target, progress)
        run.layout.lay_out()
        run.write_files()
        run.link_groups()
        run.finish_directories()
        if job.verify:
            run.verify_files()
        return run.report()


def foresee(job: RestoreJob, reader: BlobReader) -> RestoreReport:
    """Return what a restore would do, having read the tree and written nothing.

    Its failures are what the index does not know; lost chunks show in a restore only.
    """
    failures = _Failures()
    layout = Layout(job, reader, UntouchedTree(job.target), failures.add)
    layout.lay_out()
    return RestoreReport(
        files=len(layout.files),
        directories=len(layout.directories),
        others=layout.others + len(layout.links),
        skipped=layout.skipped,
        bytes_written=layout.bytes_total,
        failures=tuple(failures.found),
    )


class _Failures:
    def __init__(self) -> None:
        self.found: list[RestoreFailure] = []

    def add(
        self,
        path: bytes,
        reason: str | OSError,
        *,
        lost: bool,
        chunk: ChunkId | None = None,
        kept: bool = False,
    ) -> None:
        number = None
        if isinstance(reason, OSError):
            number = reason.errno
            reason = reason.strerror or str(reason)
        self.found.append(RestoreFailure(path, reason, lost, chunk, number, kept))


class _Restore:
    def __init__(
        self,
        job: RestoreJob,
        reader: BlobReader,
        target: TargetTree,
        progress: OnProgress,
    ) -> None:
        self._job = job
        self._reader = reader
        self._target = target
        self._progress = progress
        self._failures = _Failures()
        self.layout = Layout(job, reader, target, self._failures.add)
        self._out = OpenFiles(target, self.layout.files, self._failures.add)
        self._verified = 0

    # The files, in the order of the chunks.

    def write_files(self) -> None:
        for number, file in enumerate(self.layout.files):
            if not file.pieces_left:
                self._out.write_empty(number)
        chunks = list(self.layout.pieces)
        for place, chunk in enumerate(chunks):
            self._reader.prefetch(chunks[place : place + _PREFETCH_CHUNKS])
            self._write_chunk(chunk, self.layout.pieces.pop(chunk))
            self._tell()
        self._out.close()

    def _write_chunk(self, chunk: ChunkId, flat: "array[int]") -> None:
        pieces = sorted(_triples(flat))
        record = self._reader.index.pack(chunk)
        assert record is not None
        for row, same in groupby(pieces, key=lambda piece: piece[0]):
            wanted = [(number, offset) for _, number, offset in same]
            where = Location(chunk, row, record.length(row))
            try:
                data = self._reader.view(record.blob(row), where)
            except HoldfastError as error:
                self._out.lose(wanted, error, keep=self._job.keep_damaged)
                continue
            for number, offset in wanted:
                self._out.write(number, offset, data)

    # Last what depends on everything else being there.

    def link_groups(self) -> None:
        for link in self.layout.links:
            try:
                self._target.link(link.first, link.directory, link.name)
            except OSError as error:
                self._failures.add(link.path, error, lost=True)

    def finish_directories(self) -> None:
        for path, number, node in reversed(self.layout.directories):
            try:
                for error in self._target.finish_directory(number, node):
                    self._failures.add(path, error, lost=False)
            except OSError as error:
                self._failures.add(path, error, lost=False)

    def verify_files(self) -> None:
        for file in self.layout.files:
            if file.failed:
                continue
            wrong = verify_file(file, self._reader, self._target)
            if wrong:
                self._failures.add(file.path, wrong, lost=True)
            else:
                self._verified += 1
            self._tell()

    def report(self) -> RestoreReport:
        self._tell()
        layout = self.layout
        return RestoreReport(
            files=self._out.files_done,
            directories=len(layout.directories),
            others=layout.others + len(layout.links),
            skipped=layout.skipped,
            bytes_written=self._out.bytes_written,
            failures=tuple(self._failures.found),
            verified=self._verified,
            bytes_found=layout.bytes_found,
        )

    def _tell(self) -> None:
        self._progress(
            RestoreProgress(
                files=self._out.files_done,
                files_total=len(self.layout.files),
                bytes_written=self._out.bytes_written,
                bytes_total=self.layout.bytes_total,
                files_verified=self._verified,
            )
        )


def _triples(flat: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    for at in range(0, len(flat), PIECE_FIELDS):
        yield flat[at], flat[at + 1], flat[at + 2]
