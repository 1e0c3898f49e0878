"""Where timetables are: unit files of systemd, and the user's table of cron.

`systemctl` and `crontab -` are only run when a function's name says so.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from holdfast.client.core.timetable import MARK, TimetableError, UnitFile
from holdfast.client.durable_file import write_durably
from holdfast.client.schedule_jobs import JOBS
from holdfast.protocol.frozen import frozen

_SECONDS: Final = 60
_SHOWN: Final = ("OnCalendar=", "ExecStart=")


@frozen
class ShownUnit:
    """A unit of ours: when it runs, and what."""

    name: str
    calendar: str
    command: str


def units_folder() -> Path:
    """Return where systemd looks for the units of this user."""
    chosen = os.environ.get("XDG_CONFIG_HOME")
    base = Path(chosen) if chosen else Path.home() / ".config"
    return base / "systemd" / "user"


def write_units(folder: Path, files: Sequence[UnitFile]) -> None:
    """Write units; those of other people are left, with a TimetableError or OSError."""
    for file in files:
        path = folder / file.name
        if path.exists() and not _is_ours(path):
            raise TimetableError(
                f"{path} is there and was not written by `holdfast schedule`; "
                "choose another --name, or move it away"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        write_durably(folder / file.name, file.text.encode())


def units_of(folder: Path, name: str) -> tuple[Path, ...]:
    """Return the files of a timetable, of every one without a name, that are ours."""
    found = [
        path
        for job in JOBS
        for suffix in ("service", "timer")
        for path in folder.glob(f"holdfast-{name or '*'}-{job}.{suffix}")
    ]
    return tuple(sorted(path for path in found if path.is_file() and _is_ours(path)))


def delete_units(paths: Sequence[Path]) -> None:
    """Delete unit files, and the links by which they were enabled."""
    for path in paths:
        (path.parent / "timers.target.wants" / path.name).unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def shown_units(paths: Sequence[Path]) -> tuple[ShownUnit, ...]:
    """Return what the files of timetables say."""
    names = sorted({path.with_suffix("") for path in paths})
    return tuple(
        ShownUnit(
            name.name,
            _line(name.with_name(f"{name.name}.timer"), _SHOWN[0]),
            _line(name.with_name(f"{name.name}.service"), _SHOWN[1]),
        )
        for name in names
    )


def _line(path: Path, start: str) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "-"
    found = (line.removeprefix(start) for line in lines if line.startswith(start))
    return next(found, "-")


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK.encode()


def run_systemctl(*words: str) -> None:
    """Run systemctl for this user, or raise TimetableError."""
    _run(["systemctl", "--user", *words])


def read_crontab() -> str:
    """Return the user's table of cron: empty if there is none."""
    try:
        return _run(["crontab", "-l"])
    except TimetableError as error:
        if "no crontab for" in str(error):
            return ""
        raise


def write_crontab(table: str) -> None:
    """Put a table in place of the user's, or raise TimetableError."""
    _run(["crontab", "-"], table)


def _run(words: Sequence[str], said: str = "") -> str:
    shown = " ".join(words)
    try:
        run = subprocess.run(  # noqa: S603 # found on the PATH as by the user's shell
            words,
            input=said,
            capture_output=True,
            check=False,
            text=True,
            timeout=_SECONDS,
        )
    except OSError as error:
        raise TimetableError(f"`{shown}` cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise TimetableError(f"`{shown}` took more than a minute") from error
    if run.returncode:
        why = run.stderr.strip() or f"it ended with code {run.returncode}"
        raise TimetableError(f"`{shown}` failed: {why}")
    return run.stdout
