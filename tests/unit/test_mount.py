"""All snapshots as one tree of directories, and that tree mounted."""

import contextlib
import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_owner import Owner, fill, listing
from holdfast.client.main import main
from holdfast.client.mount_fuse import MountUnavailableError, _library
from holdfast.client.mount_view import MountView
from memory_chunks import MemoryChunks

CHILD = Path(__file__).parents[1] / "mount_child.py"
SECOND_NS = 10**9


@pytest.fixture
def owner() -> Owner:
    return Owner(MemoryChunks())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    fill(source, {"a.txt": b"first", "sub/large": os.urandom(5_000_000)})
    (source / "link").symlink_to("a.txt")
    os.mkfifo(source / "fifo")
    (source / "a.txt").chmod(0o640)
    os.setxattr(source / "a.txt", "user.colour", b"red\0blue")
    return source


def fails(number: int) -> contextlib.AbstractContextManager[object]:
    return pytest.raises(OSError, match=os.strerror(number))


def test_snapshots_are_there_by_id_time_host_and_tag(
    owner: Owner, source: Path
) -> None:
    first = owner.back_up(source, time_ns=0, host="desk", tags=("a", "x/y"))
    second = owner.back_up(source, time_ns=999, host="desk")
    third = owner.back_up(source, time_ns=86_400 * SECOND_NS, host="..")
    view = MountView(owner.repository)
    names = [each.snapshot.id.hex()[:12].encode() for each in (first, second, third)]
    assert view.names(b"/") == [b"ids", b"snapshots", b"hosts", b"tags"]
    assert view.names(b"/ids") == names
    assert sorted(view.names(b"/snapshots")) == [
        b"1970-01-01T00:00:00",
        b"1970-01-01T00:00:00-2",
        b"1970-01-02T00:00:00",
        b"latest",
    ]
    assert view.target(b"/snapshots/latest") == b"../ids/" + names[2]
    assert sorted(view.names(b"/hosts")) == [b"_", b"desk"]
    assert view.target(b"/hosts/desk/latest") == b"../../ids/" + names[1]
    assert sorted(view.names(b"/tags")) == [b"a", b"x_y"]


def test_files_are_read_at_any_place(owner: Owner, source: Path) -> None:
    name = owner.back_up(source).snapshot.id.hex()[:12]
    view = MountView(owner.repository)
    top = os.fsencode(f"/ids/{name}{source}")
    assert view.names(top) == [b"a.txt", b"fifo", b"link", b"sub"]
    with view.open(top + b"/sub/large") as file:
        file.seek(4_000_000)
        assert file.read(1000) == (source / "sub/large").read_bytes()[4_000_000:][:1000]
    assert view.target(top + b"/link") == b"a.txt"
    said = view.attributes(top + b"/a.txt")
    status = (source / "a.txt").stat()
    for field in ("st_mode", "st_size", "st_uid", "st_gid"):
        assert said[field] == getattr(status, field)
    assert said["st_mtime"] == status.st_mtime_ns
    assert stat.S_ISDIR(view.attributes(b"/hosts")["st_mode"])


def test_what_is_asked_wrongly_fails_as_on_a_disk(owner: Owner, source: Path) -> None:
    name = owner.back_up(source).snapshot.id.hex()[:12]
    view = MountView(owner.repository)
    top = os.fsencode(f"/ids/{name}{source}")
    with fails(errno.ENOENT):
        view.attributes(top + b"/none")
    with fails(errno.ENOTDIR):
        view.names(top + b"/a.txt/inner")
    with fails(errno.EISDIR):
        view.open(top)
    with fails(errno.EISDIR):
        view.open(b"/ids")
    with fails(errno.EINVAL):
        view.open(top + b"/link")
    with fails(errno.EINVAL):
        view.target(top + b"/a.txt")


def test_a_directory_that_cannot_be_read_now_is_an_error_of_the_disk(
    owner: Owner, source: Path
) -> None:
    name = owner.back_up(source).snapshot.id.hex()[:12]
    view = MountView(owner.repository)
    owner.chunks.lost |= set(owner.chunks.held)
    assert view.names(b"/ids") == [name.encode()]
    with fails(errno.EIO):
        view.names(os.fsencode(f"/ids/{name}"))


def can_mount() -> bool:
    try:
        _library()
    except MountUnavailableError:
        return False
    return os.access("/dev/fuse", os.R_OK | os.W_OK) and bool(
        shutil.which("fusermount3")
    )


@contextlib.contextmanager
def mounted(source: Path, place: Path) -> Iterator[subprocess.Popen[str]]:
    place.mkdir()
    before = [path for path in [os.environ.get("PYTHONPATH")] if path]
    child = subprocess.Popen(
        [sys.executable, CHILD, source, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(CHILD.parent), *before])},
    )
    assert child.stdin
    assert child.stdout
    with child:
        try:
            assert child.stdout.readline() == "mounted\n"
            yield child
        finally:
            child.stdin.close()
            assert child.stdout.readline() == "unmounted\n"
            assert child.wait(30) == 0


@pytest.mark.skipif(not can_mount(), reason="needs FUSE")
def test_a_mount_shows_the_files_as_they_were(source: Path, tmp_path: Path) -> None:
    odd = os.fsencode(source) + b"/not \xff text\n"
    Path(os.fsdecode(odd)).write_bytes(b"odd")
    place = tmp_path / "mount"
    with mounted(source, place):
        shown = place / "snapshots/latest" / source.relative_to("/")
        with (
            (shown / "sub/large").open("rb") as file,
            (source / "sub/large").open("rb") as original,
        ):
            for offset in (4_321_000, 17, 2_000_003):
                read = os.pread(file.fileno(), 5000, offset)
                assert read == os.pread(original.fileno(), 5000, offset)
        # Only now: what was read once is not asked for again.
        assert listing(shown) == listing(source)
        with fails(errno.EROFS):
            (shown / "new").touch()
        with pytest.raises(FileNotFoundError):
            (place / "ids/none").stat()
    assert not os.path.ismount(place)


@pytest.mark.skipif(not can_mount(), reason="needs FUSE")
def test_what_is_lost_is_an_error_of_the_disk_and_the_rest_stays(
    source: Path, tmp_path: Path
) -> None:
    with mounted(source, tmp_path / "mount") as child:
        assert child.stdin
        assert child.stdout
        shown = tmp_path / "mount/snapshots/latest" / source.relative_to("/")
        child.stdin.write("lose\n")
        child.stdin.flush()
        assert child.stdout.readline() == "lost\n"
        with fails(errno.EIO):
            (shown / "sub/large").read_bytes()
        assert (shown / "link").readlink() == Path("a.txt")


def test_without_the_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mfusepy", None)
    with pytest.raises(MountUnavailableError, match=r"holdfast\[mount\]"):
        _library()


def test_a_mount_needs_a_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mount", str(tmp_path / "none")]) == 2
    assert "does not exist" in capsys.readouterr().err
