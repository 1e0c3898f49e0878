"""How far something is, as terminals, logs and programs are told."""

import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.rate import WINDOW_SECONDS, Rate
from holdfast.client.exit_codes import ExitCode
from holdfast.client.output import Output
from holdfast.client.progress import Meter
from holdfast.client.session_values import Progress
from holdfast.client.upload_options import VaultProgress
from holdfast.protocol.units import MIB, VaultId

VAULTS = (
    VaultProgress(VaultId(b"\1" * 32), True, 3, 2),
    VaultProgress(VaultId(b"\2" * 32), False, 0, 5, "it closed the stream"),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ticking(step: float) -> Callable[[], float]:
    times = iter(range(1_000_000))
    return lambda: next(times) * step


@given(
    st.lists(st.tuples(st.floats(0.01, 5), st.integers(0, 1 << 40)), min_size=2),
    st.integers(0, 1 << 60),
)
def test_the_rate_is_between_the_slowest_and_the_fastest_stretch(
    steps: list[tuple[float, int]], total: int
) -> None:
    rate = Rate()
    now, done = 0.0, 0
    rate.told(done, now)
    for seconds, count in steps:
        now, done = now + seconds, done + count
        rate.told(done, now)
    slowest = min(count / seconds for seconds, count in steps)
    fastest = max(count / seconds for seconds, count in steps)
    assert slowest * 0.999 <= rate.bytes_per_second <= fastest * 1.001
    left = rate.seconds_left(total)
    assert left is None or left >= 0
    assert rate.seconds_left(None) is None


def test_what_was_long_ago_does_not_count() -> None:
    rate = Rate()
    rate.told(0, 0)
    rate.told(1000 * MIB, 1)
    for second in range(2, int(WINDOW_SECONDS) + 4):
        rate.told(1000 * MIB + second, second)
    assert rate.bytes_per_second == pytest.approx(1, abs=0.1)


def test_lines_tell_rate_and_time_left_and_who_is_away() -> None:
    out = io.StringIO()
    with Meter(Output(out=out, err=out), "x", ticking(10.0)) as meter:
        meter.show(10 * MIB, 100 * MIB, "5 files", VAULTS)
        meter.show(20 * MIB, 100 * MIB, "9 files", VAULTS)
    first, second = out.getvalue().splitlines()
    assert first == "x: 10.0 MiB of 100.0 MiB, 5 files, 1 of 2 vaults away"
    assert second.startswith("x: 20.0 MiB of 100.0 MiB, 1.0 MiB/s, 1 min 20 s left, 9")


def test_verbose_lines_tell_how_each_vault_gets_on() -> None:
    out = io.StringIO()
    output = Output(verbose=True, out=out, err=out)
    with Meter(output, "backing up", ticking(10.0)) as meter:
        meter.show(1, None, "", VAULTS)
    assert out.getvalue().splitlines()[1:] == [
        "  010101010101  3 pieces since the last head, 2 on the way",
        "  020202020202  away: it closed the stream",
    ]


def test_programs_get_every_figure() -> None:
    out = io.StringIO()
    with Meter(Output(as_json=True, out=out), "x", ticking(1.0)) as meter:
        meter.show(1000, 5000, "", VAULTS)
        meter.show(2000, 5000, "", VAULTS)
    event = json.loads(out.getvalue().splitlines()[-1])
    assert (event["bytes_per_second"], event["seconds_left"]) == (1000, 3.0)
    assert event["vaults"][1] == {
        "vault": "02" * 32,
        "open": False,
        "pieces_stored": 0,
        "pieces_waiting": 5,
        "reason": "it closed the stream",
    }


@given(
    st.integers(0, 1 << 40),
    st.integers(0, 1 << 30),
    st.integers(0, 1 << 30),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8),
)
def test_what_is_on_the_way_is_not_done(
    seen: int, acknowledged: int, pending: int, pieces: list[tuple[int, int]]
) -> None:
    vaults = tuple(
        VaultProgress(VaultId(b"\1" * 32), True, stored, waiting)
        for stored, waiting in pieces
    )
    progress = Progress(
        bytes_seen=seen,
        bytes_uploaded=acknowledged + pending,
        bytes_acknowledged=acknowledged,
        vaults=vaults,
    )
    assert max(seen - pending, 0) <= progress.bytes_done <= seen
    if any(stored or waiting for stored, waiting in pieces):
        everything_there = not any(waiting for _, waiting in pieces)
        assert (progress.bytes_done == seen) or not everything_there


def test_a_guess_that_was_too_low_is_not_shown() -> None:
    out = io.StringIO()
    with Meter(Output(out=out, err=out), "x", ticking(10.0)) as meter:
        meter.show(10 * MIB, 5 * MIB)
    assert out.getvalue() == "x: 10.0 MiB\n"


@pytest.mark.parametrize("quiet", [True, False])
def test_a_bar_is_for_terminals_that_are_not_quiet(quiet: bool) -> None:
    out, err = io.StringIO(), Terminal()
    output = Output(quiet=quiet, out=out, err=err)
    assert output.on_terminal is not quiet
    assert not Output(as_json=True, out=out, err=err).on_terminal
    assert not Output(out=out, err=io.StringIO()).on_terminal


def test_a_bar_on_a_terminal_goes_away_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    err = Terminal()
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.setenv("TERM", "xterm")
    with Meter(Output(verbose=True), "backing up") as meter:
        for done in range(3):
            meter.show(done, 10, "[a note]", VAULTS)
    assert "backing up" in err.getvalue()
    assert "[a note]" in err.getvalue()
    assert "it closed the stream" in err.getvalue()


@pytest.mark.parametrize(
    ("variables", "painted"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_whose_user_wants_them(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], painted: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for stream, coloured in ((Terminal(), painted), (io.StringIO(), False)):
        output = Output(out=stream, err=stream)
        output.error("it broke", "", "", "broken", ExitCode.FAILED)
        output.table(("a",), [(1,)])
        assert ("\x1b[" in stream.getvalue()) is coloured
