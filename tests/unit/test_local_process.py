"""Background processes: recognised for certain, ended only then, never left over."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.client.local_process import (
    end,
    mark_of,
    running_as,
    runs,
    spawn,
    wait_for_end,
)

WAITS = [sys.executable, "-c", "import signal; signal.pause()"]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_process_is_recognised_until_it_ends(tmp_path: Path) -> None:
    child = spawn(WAITS, tmp_path / "log")
    mark = mark_of(child.pid)
    assert mark is not None
    assert runs(mark)
    assert end(mark)
    assert wait_for_end(mark, 10)
    assert child.wait(10) == -signal.SIGTERM
    assert not runs(mark)
    assert not end(mark)


def test_a_pid_that_now_belongs_to_another_process_is_never_signalled(
    tmp_path: Path,
) -> None:
    child = spawn(WAITS, tmp_path / "log")
    try:
        mark = mark_of(child.pid)
        assert mark is not None
        assert not end(replace(mark, started="another time"), signal.SIGKILL)
        assert runs(mark)
    finally:
        child.kill()
        child.wait(10)


def test_a_process_that_ended_unreaped_does_not_count_as_running(
    tmp_path: Path,
) -> None:
    child = spawn(WAITS, tmp_path / "log")
    mark = mark_of(child.pid)
    assert mark is not None
    child.kill()
    assert wait_for_end(mark, 10)
    assert mark_of(child.pid) is None
    child.wait(10)


def test_what_a_process_says_goes_to_its_log(tmp_path: Path) -> None:
    program = "import sys; sys.stderr.write('to the log'); print('not there')"
    log = tmp_path / "logs" / "it.jsonl"
    spawn([sys.executable, "-c", program], log).wait(10)
    spawn([sys.executable, "-c", program], log).wait(10)
    assert log.read_text() == "to the logto the log"


def test_a_log_that_grew_large_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "it.jsonl"
    with log.open("wb") as file:
        file.truncate(17 << 20)
    spawn([sys.executable, "-c", ""], log).wait(10)
    assert log.stat().st_size == 0
    assert (tmp_path / "it.jsonl.1").stat().st_size == 17 << 20


@linux_only
def test_a_process_is_found_by_its_words(tmp_path: Path) -> None:
    words = [*WAITS, str(tmp_path)]
    assert running_as([str(tmp_path)]) is None
    child = spawn(words, tmp_path / "log")
    try:
        # Until the child has become the program, its words are still its parent's.
        while (mark := running_as(words)) is None:
            assert child.poll() is None
        assert mark == mark_of(child.pid)
    finally:
        child.kill()
        child.wait(10)


@linux_only
def test_a_tied_process_dies_with_whoever_started_it(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from holdfast.client.local_process import spawn\n"
        f"child = spawn({WAITS!r}, Path({str(tmp_path / 'log')!r}), tied=True)\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        mark = mark_of(int(parent.stdout.readline()))
        assert mark is not None
        os.kill(parent.pid, signal.SIGKILL)
        assert wait_for_end(mark, 10)
