"""A restore drill: a random sample of one's own files, brought back and compared.

It reads what a restore after a fire would read, from the vaults, into a place that
is deleted again. Nobody can prepare for it: the system's dice choose the files.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random, SystemRandom
from typing import Final

from holdfast.client.core.blobs import unfold
from holdfast.client.core.drill_receipt import (
    SIGNATURE_BYTES,
    DrillReceipt,
    read_receipt,
    sign_receipt,
)
from holdfast.client.core.selection import select
from holdfast.client.core.tree import Node, NodeKind
from holdfast.client.durable_file import write_durably
from holdfast.client.passing_directory import passing_directory
from holdfast.client.repository import Repository
from holdfast.client.restore import RestoreJob, RestoreProgress, restore
from holdfast.ledger.core.account_key import AccountKey
from holdfast.protocol.errors import HoldfastError, ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import MIB, Digest

FILES: Final = 20
RECEIPT_BYTES_MAX: Final = 1024
_COMPARED_AT_ONCE: Final = MIB
_DICE: Final = SystemRandom()


class NothingToDrillError(HoldfastError):
    """The snapshot holds no file that could be brought back."""


class DrillReceiptError(HoldfastError):
    """A file is no drill receipt, or nobody's."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is not a receipt to rely on: {reason}")


@frozen
class DrillOrder:
    """Which snapshot, and how many files, or files of so many bytes together."""

    snapshot: str = "latest"
    files: int | None = None
    bytes: int | None = None


@frozen
class DrillReport:
    """The receipt, signed, and for the owner's eyes what went wrong where."""

    receipt: DrillReceipt
    signed: bytes
    failures: tuple[tuple[bytes, str], ...]


@frozen
class _Compared:
    right: int
    live: int
    failures: tuple[tuple[bytes, str], ...]
    live_failures: tuple[tuple[bytes, str], ...]


def drill(
    repository: Repository,
    network: NetworkParams,
    order: DrillOrder,
    progress: Callable[[RestoreProgress], None],
    dice: Random = _DICE,
) -> DrillReport:
    """Restore a sample, compare it, and return the signed report.

    Raises SnapshotUnknownError, NothingToDrillError, or OSError when the temporary
    place has no room.
    """
    named = repository.snapshot(order.snapshot)
    nodes = list(repository.walk(named.snapshot))
    files = [found for found in nodes if found[1].kind is NodeKind.FILE]
    if not files:
        raise NothingToDrillError
    sample = _sample(order, dice.sample(files, len(files)))
    # Its files are in the clear: a drill that is killed must not leave them for long.
    with passing_directory("holdfast-restored-") as directory:
        place = directory / "files"
        began, clock = time.time(), time.monotonic()
        chosen = select(path for path, _ in sample)
        job = RestoreJob(named.snapshot.tree, place, chosen)
        restored = restore(job, repository.reader, progress)
        took = time.monotonic() - clock
        reasons = {f.path: f.reason for f in restored.failures if f.lost}
        compared = _compare(repository, sample, os.fsencode(place), reasons)
    key = AccountKey.from_secret(repository.keys.account_secret)
    receipt = DrillReceipt(
        network=network.network_id,
        network_name=network.name,
        account=key.id,
        snapshot=Digest(named.id),
        snapshot_time_ns=named.snapshot.time_ns,
        files_total=len(files),
        bytes_total=sum(node.size for _, node in files),
        seconds=int(began),
        milliseconds=round(took * 1000),
        files=len(sample),
        bytes=sum(node.size for _, node in sample),
        right=compared.right,
        live=compared.live,
        live_differing=len(compared.live_failures),
    )
    failures = (*compared.failures, *compared.live_failures)
    return DrillReport(receipt, sign_receipt(receipt, key), failures)


def write_receipt(path: Path, signed: bytes) -> None:
    """Write a signed receipt; raises FileExistsError rather than replace one."""
    write_durably(path, signed, replace=False)


def load_receipt(path: Path) -> DrillReceipt:
    """Return the receipt in a file, or raise DrillReceiptError or OSError."""
    with path.open("rb") as file:
        data = file.read(RECEIPT_BYTES_MAX + SIGNATURE_BYTES + 1)
    try:
        return read_receipt(data)
    except ProtocolError as error:
        raise DrillReceiptError(path, str(error)) from error


def _sample(
    order: DrillOrder, shuffled: list[tuple[bytes, Node]]
) -> list[tuple[bytes, Node]]:
    if order.bytes is None:
        return sorted(shuffled[: order.files or FILES], key=lambda found: found[0])
    chosen: list[tuple[bytes, Node]] = []
    room = order.bytes
    for found in shuffled:
        if found[1].size <= room or not chosen:
            chosen.append(found)
            room -= found[1].size
        if room <= 0:
            break
    return sorted(chosen, key=lambda found: found[0])


def _compare(
    repository: Repository,
    sample: list[tuple[bytes, Node]],
    place: bytes,
    reasons: dict[bytes, str],
) -> _Compared:
    right = live = 0
    failures, live_failures = [], []
    for path, node in sample:
        restored = place + path
        if path in reasons:
            failures.append((path, reasons[path]))
            continue
        if not _is_as_stored(repository, node, restored):
            failures.append((path, "what came back is not what was stored"))
            continue
        right += 1
        same = _is_as_live(node, path, restored)
        if same is not None:
            live += 1
        if same is False:
            text = "the file here has changed, though not its size and time"
            live_failures.append((path, text))
    return _Compared(right, live, tuple(failures), tuple(live_failures))


def _is_as_stored(repository: Repository, node: Node, restored: bytes) -> bool:
    """Return whether a restored file is, piece for piece, what the snapshot names."""
    reader = repository.reader
    try:
        os.chmod(restored, 0o600)  # noqa: PTH101 # a path of bytes; the place is ours
        with open(restored, "rb") as file:  # noqa: PTH123 # a path of bytes
            for blob in unfold(node.content, reader.load):
                if not reader.is_blob(blob, file.read(reader.locate(blob).length)):
                    return False
            return not file.read(1)
    except (OSError, HoldfastError):
        return False


def _is_as_live(node: Node, path: bytes, restored: bytes) -> bool | None:
    """Return whether the file here is the same; None if it is another one now."""
    try:
        status = os.lstat(path)
        unchanged = (status.st_size, status.st_mtime_ns) == (node.size, node.mtime_ns)
        if not stat.S_ISREG(status.st_mode) or not unchanged:
            return None
        return all(ours == theirs for ours, theirs in _both(path, restored))
    except OSError:
        return None  # it is gone, or not ours to read


def _both(left: bytes, right: bytes) -> Iterator[tuple[bytes, bytes]]:
    with open(left, "rb") as one, open(right, "rb") as other:  # noqa: PTH123 # bytes
        while True:
            pair = one.read(_COMPARED_AT_ONCE), other.read(_COMPARED_AT_ONCE)
            if pair == (b"", b""):
                return
            yield pair
