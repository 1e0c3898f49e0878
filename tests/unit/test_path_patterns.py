"""Patterns as .gitignore has them, on absolute paths."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.client.path_patterns import PathPatterns, PatternError, read_patterns


def matches(
    *lines: str, path: str, top: str = "/data", directory: bool = False
) -> bool:
    patterns = PathPatterns(lines, [os.fsencode(top)])
    return patterns.match(os.fsencode(path), directory=directory)


def test_a_bare_name_matches_at_any_depth_and_all_that_is_in_it() -> None:
    assert matches("cache", path="/data/a/cache")
    assert matches("cache", path="/data/a/cache/deep/file")
    assert matches("*.tmp", path="/data/x/y.tmp")
    assert not matches("cache", path="/data/a/caches")


def test_a_pattern_that_ends_with_a_slash_matches_directories_only() -> None:
    assert matches("build/", path="/data/build", directory=True)
    assert not matches("build/", path="/data/build")


def test_a_slash_within_counts_from_the_top_of_the_path() -> None:
    assert matches("a/b", path="/data/a/b")
    assert not matches("a/b", path="/data/x/a/b")
    assert matches("a/**/b", path="/data/a/x/y/b")


def test_a_leading_slash_counts_from_the_top_and_from_the_root() -> None:
    assert matches("/a", path="/data/a")
    assert not matches("/a", path="/data/x/a")
    assert matches("/data/x/a", path="/data/x/a")


def test_the_last_pattern_that_matches_decides() -> None:
    assert not matches("*.log", "!keep.log", path="/data/keep.log")
    assert matches("!keep.log", "*.log", path="/data/keep.log")
    assert not matches("*.log", "!/data/keep.log", path="/data/keep.log")
    assert matches("!/data/keep.log", "*.log", path="/data/keep.log")


def test_the_folders_above_a_path_never_leave_it_out() -> None:
    assert not matches("build", path="/home/build/me/file", top="/home/build/me")


def test_names_that_are_no_text_match_too() -> None:
    patterns = PathPatterns(["*.tmp"], [b"/"])
    assert patterns.match(b"/\xff\xfe.tmp", directory=False)
    assert patterns.match(b"/new\nline.tmp", directory=False)


def test_comments_and_empty_lines_say_nothing() -> None:
    assert not matches("# *", "", "   ", path="/data/x")


@pytest.mark.parametrize("line", ["!", "\\", "[z-a]", "/", "foo["])
def test_what_is_no_pattern_is_refused(line: str) -> None:
    with pytest.raises(PatternError, match="pattern"):
        PathPatterns([line], [b"/"])


def test_a_file_of_patterns_says_where_it_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "excludes"
    file.write_bytes(b"*.tmp\r\n\xff\n# comment\n")
    assert read_patterns(file) == ["*.tmp", "\udcff", "# comment", ""]
    file.write_bytes(b"fine\n[z-a]\n")
    with pytest.raises(PatternError, match="excludes: '\\[z-a\\]'"):
        read_patterns(file)
    with pytest.raises(PatternError, match="cannot be read: no such file"):
        read_patterns(tmp_path / "none")


names = st.sampled_from(["a", "b", "ab", "a.c", "x y"])
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
parts = st.sampled_from(["a", "b", "*", "?b", "**", "a*", "[ab]", "x\\ y"])
lines = st.tuples(
    st.sampled_from(["", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(parts, min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "/"]),
).map("".join)
# Of `a/**/` git says that it fits `a/` itself, yet leaves nothing out because of it.
lines = lines.filter(lambda line: not re.search(r"[^!/]/\*\*/$", line))


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge")
@settings(max_examples=40)
@given(st.lists(lines, min_size=1, max_size=4), st.lists(paths, min_size=1, max_size=8))
def test_git_leaves_out_the_same(
    tmp_path_factory: pytest.TempPathFactory, said: list[str], asked: list[str]
) -> None:
    """Walking as a backup does: what is in an excluded directory is not asked for."""
    top = tmp_path_factory.mktemp("git")
    subprocess.run(["git", "init", "-q", top], check=True)
    (top / ".gitignore").write_text("\n".join(said))
    patterns = PathPatterns(said, [os.fsencode(top)])
    run = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=top,
        input="\0".join(asked),
        capture_output=True,
        check=False,
        text=True,
    )
    ignored = set(run.stdout.split("\0")) - {""}
    ours = {path for path in asked if _left_out(patterns, top, path)}
    assert ours == ignored


def _left_out(patterns: PathPatterns, top: Path, path: str) -> bool:
    steps = path.split("/")
    above = ["/".join(steps[:count]) for count in range(1, len(steps))]
    return any(
        patterns.match(os.fsencode(top / each), directory=True) for each in above
    ) or patterns.match(os.fsencode(top / path), directory=False)
