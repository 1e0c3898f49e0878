"""What a restore is told, and what it tells."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path

from holdfast.client.core.blobs import BlobList
from holdfast.client.core.selection import EVERYTHING, Selection
from holdfast.client.core.tree import Node
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId


class Overwrite(Enum):
    """What to do with a file that is already in the target."""

    ALWAYS = "always"
    IF_CHANGED = "if-changed"
    IF_NEWER = "if-newer"
    NEVER = "never"


class Wish(Enum):
    """What a restore does with a node: all of it, what is wished in it, or nothing."""

    WANTED = 1
    PASSED = 2
    LEFT_OUT = 3


Wishes = Callable[[bytes, Node], Wish]
"""Says of an absolute path of the snapshot and its node what to do with it."""


def everything_wanted(_path: bytes, _node: Node) -> Wish:
    """Want all of it."""
    return Wish.WANTED


@frozen
class RestoreJob:
    """What to restore and where: the wished part of a selection, into `target`.

    IF_CHANGED passes over files whose size and mtime are right already, which is how
    an interrupted restore goes on; IF_NEWER over files that are not older than the
    snapshot's. Of a file of the right size that is to be replaced, what is right stays
    and is not fetched. `keep_damaged` keeps files that lost some of their data, with
    zeros in its place and a time before the snapshot's, so that every later restore
    replaces them; else they are removed. `verify` reads back what was written.
    """

    tree: BlobList
    target: Path
    selection: Selection = EVERYTHING
    overwrite: Overwrite = Overwrite.ALWAYS
    keep_damaged: bool = False
    wishes: Wishes = everything_wanted
    verify: bool = False


@frozen
class RestoreProgress:
    """How far a restore is; `bytes_total` grows until the tree is read."""

    files: int
    files_total: int
    bytes_written: int
    bytes_total: int
    files_verified: int = 0


@frozen
class RestoreFailure:
    """What went wrong at a path of the snapshot.

    `lost` tells a file or directory that is not restored, or not wholly, from one
    that only misses an attribute. `chunk` is the one that could not be read, `errno`
    the system's number for what could not be written. `kept` is a file that has zeros
    where its data is lost.
    """

    path: bytes
    reason: str
    lost: bool
    chunk: ChunkId | None = None
    errno: int | None = None
    kept: bool = False


@frozen
class RestoreReport:
    """What a restore did, or would do; sizes are bytes.

    `skipped` files stayed as they were in the target; `verified` ones were read back.
    `bytes_found` of the files restored stood there already.
    """

    files: int
    directories: int
    others: int
    skipped: int
    bytes_written: int
    failures: tuple[RestoreFailure, ...]
    verified: int = 0
    bytes_found: int = 0

    @property
    def complete(self) -> bool:
        """Whether everything wished for is back, but for attributes."""
        return not any(failure.lost for failure in self.failures)


OnProgress = Callable[[RestoreProgress], None]


def no_progress(_progress: RestoreProgress) -> None:
    """Ignore progress."""
