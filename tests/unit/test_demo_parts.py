"""The demo's comparison finds every kind of difference; its copy is faithful."""

import os
import socket
from pathlib import Path

import pytest

from holdfast.client.demo.comparison import compare
from holdfast.client.demo.frozen_copy import freeze


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty").mkdir(mode=0o711)
    (root / "a.txt").write_text("alpha")
    (root / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (root / "sub" / "run.sh").chmod(0o755)
    (root / "sub" / "link").symlink_to("../a.txt")
    (root / "sub" / "deep" / "nowhere").symlink_to("/does/not/exist")
    (root / os.fsdecode(b"odd \xff\n name")).write_bytes(b"\0" * 5000)
    os.utime(root / "a.txt", ns=(1, 1_234_567_890_123_456_789))
    os.utime(root / "empty", ns=(2, 2_000_000_001))
    return root


def test_a_frozen_copy_is_the_same_tree(tree: Path, tmp_path: Path) -> None:
    copy = freeze(tree, tmp_path / "copy")
    found = compare(tree, tmp_path / "copy")
    assert found.differences == []
    assert (found.files, found.directories, found.links) == (3, 4, 2)
    assert (copy.files, copy.left_out) == (5, 0)
    assert found.compared_bytes == copy.copied_bytes == 5 + 10 + 5000


def test_a_frozen_copy_keeps_to_its_limit_and_says_what_it_left(
    tree: Path, tmp_path: Path
) -> None:
    copy = freeze(tree, tmp_path / "copy", bytes_max=100)
    assert copy.left_out == 1
    assert copy.copied_bytes == 15


def test_a_frozen_copy_leaves_out_what_is_no_file_link_or_directory(
    tmp_path: Path,
) -> None:
    root = tmp_path / "t"
    root.mkdir()
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        freeze(root, tmp_path / "copy")
    assert list((tmp_path / "copy").iterdir()) == []


def test_one_file_can_be_frozen_too(tree: Path, tmp_path: Path) -> None:
    freeze(tree / "a.txt", tmp_path / "copy")
    assert (tmp_path / "copy" / "a.txt").read_text() == "alpha"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: (r / "a.txt").write_text("alphA"), "has other bytes"),
        (lambda r: (r / "a.txt").write_text("alpha+"), "has other bytes"),
        (lambda r: (r / "a.txt").unlink(), "is missing"),
        (lambda r: (r / "new").write_text(""), "was not there"),
        (lambda r: (r / "sub" / "run.sh").chmod(0o644), "has another mode"),
        (lambda r: (r / "empty").chmod(0o700), "has another mode"),
        (lambda r: os.utime(r / "empty", ns=(2, 2_000_000_002)), "has another time"),
        (lambda r: os.utime(r / "a.txt", ns=(1, 5)), "has another time"),
    ],
)
def test_every_difference_is_found(
    tree: Path, tmp_path: Path, change: object, said: str
) -> None:
    copy = tmp_path / "copy"
    freeze(tree, copy)
    assert callable(change)
    change(copy)
    assert any(line.endswith(said) for line in compare(tree, copy).differences)


def test_a_link_to_elsewhere_and_another_kind_are_differences(
    tree: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    freeze(tree, copy)
    (copy / "sub" / "link").unlink()
    (copy / "sub" / "link").symlink_to("../b.txt")
    (copy / "a.txt").unlink()
    (copy / "a.txt").mkdir()
    said = {line.rpartition(": ")[2] for line in compare(tree, copy).differences}
    assert {"points elsewhere", "is of another kind"} <= said
