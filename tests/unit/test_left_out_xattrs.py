"""Extended attributes that no tree can hold: named, and never a reason to lose a file.

What the system says of a file is replaced here, as few file systems keep so much.
"""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from backup_owner import fill
from command_stage import Stage
from holdfast.client.core.tree import NODE_XATTR_BYTES_MAX, XATTRS_MAX, NodeKind
from holdfast.client.exit_codes import ExitCode
from holdfast.client.file_nodes import read_xattrs
from holdfast.protocol.units import KIB

Attributes = Mapping[str, bytes | OSError]


@pytest.fixture
def stage(capsys: pytest.CaptureFixture[str]) -> Stage:
    return Stage(capsys)


def give(patch: pytest.MonkeyPatch, path: Path, attributes: Attributes) -> None:
    """Let the system say that this file has these, and others have none."""
    ours = {os.fsencode(path): attributes}

    def get(path: bytes, name: bytes, *, follow_symlinks: bool) -> bytes:
        assert not follow_symlinks
        found = ours[path][os.fsdecode(name)]
        if isinstance(found, OSError):
            raise found
        return found

    def names(path: bytes, *, follow_symlinks: bool) -> list[str]:
        assert not follow_symlinks
        return list(ours.get(path, ()))

    patch.setattr(os, "listxattr", names)
    patch.setattr(os, "getxattr", get)


def kept_of(stage: Stage, path: Path) -> dict[bytes, bytes]:
    repository = stage.owner.repository
    nodes = dict(repository.walk(repository.snapshot("latest").snapshot))
    return {xattr.name: xattr.value for xattr in nodes[os.fsencode(path)].xattrs}


def test_attributes_too_large_are_named_and_the_file_is_stored_without_them(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    fill(source, {"plain": b"1", "rich": b"22"})
    rich = {"user.fork": b"x" * (64 * KIB + 1), "user.note": b"kept"}
    give(monkeypatch, source / "rich", rich)
    made = stage.json("backup", source)
    assert stage.code == ExitCode.FILES_SKIPPED
    assert made["files"] == 2
    path = str(source / "rich")
    assert made["problems"] == [{"path": path, "kind": "xattrs", "detail": "user.fork"}]
    assert kept_of(stage, source / "rich") == {b"user.note": b"kept"}
    stage.run("backup", source)
    said = f"stored, but {path} lacks extended attributes: user.fork"
    assert (stage.code, said in stage.warned) == (ExitCode.FILES_SKIPPED, True)


def test_what_fits_beside_an_attribute_too_large_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = b"x" * 64 * KIB
    fitting = NODE_XATTR_BYTES_MAX // len(whole)
    every = {f"user.{n:02}": whole for n in range(fitting + 2)}
    give(monkeypatch, tmp_path, {"user.!": whole + b"x", **every, "user.z": b""})
    kept, left_out = read_xattrs(os.fsencode(tmp_path))
    assert sum(len(xattr.value) for xattr in kept) == NODE_XATTR_BYTES_MAX
    assert left_out == (b"user.!", *(b"user.%02d" % n for n in (fitting, fitting + 1)))
    assert kept[-1].name == b"user.z"


def test_no_more_attributes_are_kept_than_a_tree_can_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, tmp_path, {f"user.{n:04}": b"" for n in range(XATTRS_MAX + 1)})
    kept, left_out = read_xattrs(os.fsencode(tmp_path))
    assert (len(kept), left_out) == (XATTRS_MAX, (b"user.%04d" % XATTRS_MAX,))


def test_an_attribute_that_cannot_be_read_costs_no_other(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    fill(source, {"file": b"1"})
    give(
        monkeypatch,
        source,
        {
            "user.gone": OSError(errno.ENODATA, "removed since"),
            "user.kept": b"1",
            **{f"user.secret{n}": OSError(errno.EACCES, "no") for n in range(5)},
        },
    )
    made = stage.json("backup", source)
    (problem,) = made["problems"]
    assert problem["path"] == str(source)
    assert problem["detail"].endswith("user.secret1, user.secret2 and 2 more")
    assert kept_of(stage, source) == {b"user.kept": b"1"}
    repository = stage.owner.repository
    kinds = [
        node.kind
        for path, node in repository.walk(repository.snapshot("latest").snapshot)
        if path.startswith(os.fsencode(source))
    ]
    assert kinds == [NodeKind.DIRECTORY, NodeKind.FILE]
