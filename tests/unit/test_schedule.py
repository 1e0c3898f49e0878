"""Timetables: what is written for systemd and cron, and what is left alone."""

import contextlib
import itertools
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.timetable import (
    Job,
    TimetableError,
    cron_lines,
    read_when,
    systemd_word,
    units,
    with_cron_lines,
)
from holdfast.client.exit_codes import ExitCode
from holdfast.client.main import main

SETTINGS = """\
passphrase-command = "echo secret"
[backup]
paths = ["/data"]
[forget]
keep-daily = 7
[profile.desk.backup]
paths = ["/desk"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with settings, an empty folder for units, and no programs to run."""
    place = tmp_path / "home"
    place.mkdir()
    (place / "config.toml").write_text(SETTINGS)
    monkeypatch.setenv("HOLDFAST_HOME", str(place))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return place


def folder(home: Path) -> Path:
    return home.parent / "config" / "systemd" / "user"


def programs(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `systemctl` and a `crontab` on the path that only note their words."""
    place, log = home.parent / "bin", home.parent / "log"
    place.mkdir()
    table = home.parent / "table"
    scripts = {
        "systemctl": f'echo systemctl "$@" >> {log}',
        "crontab": f"""echo crontab "$@" >> {log}
if [ "$1" = -l ]; then
  [ -f {table} ] || {{ echo "no crontab for nobody" >&2; exit 1; }}
  cat {table}
else cat > {table}; fi""",
    }
    for name, text in scripts.items():
        path = place / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(place), prepend=os.pathsep)
    return log


@pytest.mark.parametrize(
    ("text", "calendar", "cron"),
    [
        ("hourly", "*-*-* 00/1:00:00", "0 * * * *"),
        ("every 6h", "*-*-* 00/6:00:00", "0 */6 * * *"),
        ("every 12 hours", "*-*-* 00/12:00:00", "0 */12 * * *"),
        ("daily", "*-*-* 03:00:00", "0 3 * * *"),
        ("Daily 23:59", "*-*-* 23:59:00", "59 23 * * *"),
        ("weekly", "Sun *-*-* 03:00:00", "0 3 * * 0"),
        ("weekly monday 4:05", "Mon *-*-* 04:05:00", "5 4 * * 1"),
        ("monthly", "*-*-01 03:00:00", "0 3 1 * *"),
        ("monthly 15 00:30", "*-*-15 00:30:00", "30 0 15 * *"),
    ],
)
def test_a_time_is_written_for_systemd_and_for_cron(
    text: str, calendar: str, cron: str
) -> None:
    when = read_when(text)
    assert (when.as_calendar(), when.as_cron()) == (calendar, cron)
    if shutil.which("systemd-analyze"):
        subprocess.run(["systemd-analyze", "calendar", calendar], check=True)


@pytest.mark.parametrize(
    "text",
    ["", "often", "daily 25:00", "weekly noday", "monthly 29", "every 5h", "every 0h",
     "daily 03:30 04:30", "monthly ² 03:00", "hourly 03:00"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(TimetableError):
        read_when(text)


@given(st.text())
def test_any_text_is_a_time_or_refused(text: str) -> None:
    with contextlib.suppress(TimetableError):
        assert read_when(text).as_calendar().isascii()


WORDS = st.lists(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1),
    min_size=1,
)


@given(WORDS)
def test_a_line_of_cron_runs_the_words_that_were_meant(words: list[str]) -> None:
    job = Job("backup", read_when("daily"), tuple(words))
    try:
        _, line, _ = cron_lines("x", [job])
    except TimetableError:
        assert not all(word.isprintable() for word in words)
        return
    command = line.removeprefix("0 3 * * * ")
    assert not [
        at
        for at, sign in enumerate(command)
        if sign == "%" and (at == 0 or command[at - 1] != "\\")
    ]
    assert shlex.split(command.replace("\\%", "%")) == words


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/usr/bin/holdfast", "/usr/bin/holdfast"),
        ("a b", '"a b"'),
        ("100%", '"100%%"'),
        ("$HOME", '"$$HOME"'),
        ('say "x"\\', '"say \\"x\\"\\\\"'),
        ("", '""'),
        ("a;b", '"a;b"'),
    ],
)
def test_systemd_reads_the_words_that_were_meant(word: str, written: str) -> None:
    assert systemd_word(word) == written


def test_a_line_break_in_a_command_is_refused() -> None:
    job = Job("backup", read_when("daily"), ("holdfast", "a\n* * * * * evil"))
    with pytest.raises(TimetableError):
        cron_lines("x", [job])
    with pytest.raises(TimetableError):
        units("x", [job])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    job = Job("backup", read_when("weekly"), ("/bin/true", "a $b %c 'd' \"e\""))
    for file in units("desk", [job]):
        (tmp_path / file.name).write_text(file.text)
    run = subprocess.run(
        ["systemd-analyze", "verify", "--user", *map(str, tmp_path.iterdir())],
        check=False,
        capture_output=True,
        text=True,
    )
    assert str(tmp_path) not in run.stderr


@given(st.text(), st.lists(st.sampled_from(["a", "b", "c"]), max_size=5))
def test_a_crontab_keeps_every_line_that_is_not_ours(
    before: str, names: list[str]
) -> None:
    job = Job("backup", read_when("daily"), ("holdfast", "backup"))
    table = before
    for name in names:
        table = with_cron_lines(table, name, [job])
        assert table.count(f": {name}\n") == 2, "a timetable is there once"
    for name in names:
        table = with_cron_lines(table, name, ())
    assert table.splitlines() == before.splitlines()


def test_a_crontab_whose_end_mark_is_gone_is_not_touched() -> None:
    begin, *_ = cron_lines("a", [])
    with pytest.raises(TimetableError, match="crontab -e"):
        with_cron_lines(f"{begin}\n0 0 * * * mine\n", "a", ())


def test_install_writes_units_and_runs_nothing(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = programs(home, monkeypatch)
    assert main(["schedule", "install", "--forget", "weekly sat"]) == ExitCode.OK
    assert not log.exists()
    said = capsys.readouterr().out
    assert "systemctl --user enable --now holdfast-default-backup.timer" in said
    assert {path.name for path in folder(home).iterdir()} == {
        f"holdfast-default-{job}.{kind}"
        for job in ("backup", "forget", "check", "drill")
        for kind in ("service", "timer")
    }
    service = (folder(home) / "holdfast-default-forget.service").read_text()
    assert f"--home {home} forget --prune" in service
    assert "secret" not in "".join(
        path.read_text() for path in folder(home).iterdir()
    ), "what the settings say stays there"


def test_enable_runs_systemctl_and_remove_ends_it(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = programs(home, monkeypatch)
    words = ["--profile", "desk", "schedule"]
    assert main([*words, "install", "--drill", "never", "--enable"]) == ExitCode.OK
    timers = "holdfast-desk-backup.timer holdfast-desk-check.timer"
    assert log.read_text().splitlines() == [
        "systemctl --user daemon-reload",
        f"systemctl --user enable --now {timers}",
    ]
    service = (folder(home) / "holdfast-desk-backup.service").read_text()
    assert f"--home {home} --profile desk backup" in service
    capsys.readouterr()
    assert main(["schedule", "show", "--json"]) == ExitCode.OK
    shown = json.loads(capsys.readouterr().out)["units"]
    assert [unit["name"] for unit in shown] == [
        "holdfast-desk-backup",
        "holdfast-desk-check",
    ]
    assert shown[0]["when"] == "*-*-* 03:00:00"
    log.unlink()
    assert main([*words, "remove", "--disable"]) == ExitCode.OK
    assert (
        log.read_text()
        .splitlines()[0]
        .startswith("systemctl --user disable --now holdfast-desk-backup.timer")
    )
    assert list(folder(home).iterdir()) == []


def test_a_new_timetable_takes_the_place_of_the_old_and_of_no_other(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(home, monkeypatch)
    assert main(["schedule", "install", "--name", "a-b"]) == ExitCode.OK
    assert main(["schedule", "install", "--name", "a"]) == ExitCode.OK
    again = ["schedule", "install", "--name", "a", "--check", "never"]
    assert main([*again, "--drill", "never"]) == ExitCode.OK
    left = sorted(path.name for path in folder(home).glob("*.timer"))
    assert left == [
        "holdfast-a-b-backup.timer",
        "holdfast-a-b-check.timer",
        "holdfast-a-b-drill.timer",
        "holdfast-a-backup.timer",
    ]


def test_a_unit_of_somebody_else_is_left_alone(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    programs(home, monkeypatch)
    folder(home).mkdir(parents=True)
    other = folder(home) / "holdfast-default-backup.timer"
    other.write_text("mine\n")
    assert main(["schedule", "install"]) == ExitCode.FAILED
    assert "was not written by" in capsys.readouterr().err
    assert [path.name for path in folder(home).iterdir()] == [other.name]
    assert main(["schedule", "remove"]) == ExitCode.OK
    assert other.read_text() == "mine\n"


def test_print_writes_nothing(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = programs(home, monkeypatch)
    assert main(["schedule", "install", "--print"]) == ExitCode.OK
    assert "OnCalendar=Sun *-*-* 03:00:00" in capsys.readouterr().out
    assert not folder(home).exists()
    assert not log.exists()


def test_cron_gets_lines_only_when_it_is_asked_for(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log, table = programs(home, monkeypatch), home.parent / "table"
    words = ["schedule", "install", "--method", "cron"]
    assert main(words) == ExitCode.OK
    assert not log.exists()
    assert f"--home {home} backup --quiet" in capsys.readouterr().out
    for _ in range(2):
        assert main([*words, "--enable"]) == ExitCode.OK
        assert table.read_text().count("audit drill --quiet") == 1
    table.write_text("0 0 * * * mine\n" + table.read_text())
    assert main(["schedule", "remove", "--method", "cron"]) == ExitCode.OK
    assert "audit drill" in table.read_text()
    gone = ["schedule", "remove", "--method", "cron", "--disable"]
    assert main(gone) == ExitCode.OK
    assert table.read_text() == "0 0 * * * mine\n"


@pytest.mark.parametrize(
    ("settings", "words", "said"),
    [
        ("[backup]\npaths=['/x']", [], "a timer cannot be asked for the passphrase"),
        ("passphrase-command='x'", [], "what to back up is not said"),
        ("passphrase-command='x'", ["--forget", "daily"], "what to back up"),
        (
            "passphrase-command='x'\n[backup]\npaths=['/x']",
            ["--forget", "daily"],
            "what to keep is not said",
        ),
        (
            "passphrase-command='x'\n[backup]\npaths=['/x']",
            ["--name", "../x"],
            "cannot name a timetable",
        ),
        (
            "passphrase-command='x'\n[backup]\npaths=['/x']",
            ["--check", "sometimes"],
            "is no time such as",
        ),
    ],
)
def test_what_could_not_run_by_itself_is_not_installed(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    settings: str,
    words: list[str],
    said: str,
) -> None:
    (home / "config.toml").write_text(settings)
    assert main(["schedule", "install", *words]) != ExitCode.OK
    assert said in capsys.readouterr().err
    assert not folder(home).exists()


def test_the_passphrase_of_the_environment_is_in_no_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "very secret")
    assert main(["schedule", "install", "--print"]) == ExitCode.OK
    assert not list(home.parent.glob("config/**/*.service"))
    assert "very secret" not in "".join(itertools.chain(*capsys.readouterr()))
