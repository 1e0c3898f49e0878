"""When commands run by themselves, as systemd and cron write it.

`hourly`, `every 6h`, `daily 03:30`, `weekly sun 04:00`, `monthly 15 04:00`.
"""

import re
import shlex
from collections.abc import Sequence
from enum import Enum
from typing import Final

from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen

MARK: Final = "# Written by `holdfast schedule install`"
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR: Final = 3
_MONTH_DAYS: Final = 28
_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_EVERY: Final = re.compile(r"every ([1-9]\d?) ?h(?:ours?)?", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}", re.ASCII)


class TimetableError(HoldfastError):
    """A time, a name or a command cannot be put into a timetable."""


class Period(Enum):
    """How often."""

    HOURS = "hours"
    DAY = "daily"
    WEEK = "weekly"
    MONTH = "monthly"


@frozen
class When:
    """A time that comes again: every `hours`, or at hour:minute of some day.

    `day` is of the week (0 is Monday) or of the month (1 to 28).
    """

    period: Period
    hour: int = 0
    minute: int = 0
    day: int = 0
    hours: int = 1

    def as_calendar(self) -> str:
        """Return it as systemd's OnCalendar wants it."""
        time = f"{self.hour:02}:{self.minute:02}:00"
        match self.period:
            case Period.HOURS:
                return f"*-*-* 00/{self.hours}:{self.minute:02}:00"
            case Period.DAY:
                return f"*-*-* {time}"
            case Period.WEEK:
                return f"{_DAYS[self.day].capitalize()} *-*-* {time}"
            case Period.MONTH:
                return f"*-*-{self.day:02} {time}"

    def as_cron(self) -> str:
        """Return it as the first five fields of a line for cron."""
        time = f"{self.minute} {self.hour}"
        match self.period:
            case Period.HOURS:
                hours = "*" if self.hours == 1 else f"*/{self.hours}"
                return f"{self.minute} {hours} * * *"
            case Period.DAY:
                return f"{time} * * *"
            case Period.WEEK:
                return f"{time} * * {(self.day + 1) % 7}"
            case Period.MONTH:
                return f"{time} {self.day} * *"


def read_when(text: str) -> When:
    """Return the time that a text means, or raise TimetableError.

    Without an hour it is three at night, without a day Sunday or the first.
    """
    words = " ".join(text.lower().split())
    if words == "hourly":
        return When(Period.HOURS)
    if every := _EVERY.fullmatch(words):
        hours = int(every[1])
        if 24 % hours:
            raise TimetableError(f"{text!r}: a day is no multiple of {hours} hours")
        return When(Period.HOURS, hours=hours)
    name, *rest = words.split(" ")
    hour, minute = _HOUR, 0
    if rest and (time := _TIME.fullmatch(rest[-1])):
        hour, minute = int(time[1]), int(time[2])
        rest.pop()
    match name, rest:
        case "daily", []:
            return When(Period.DAY, hour, minute)
        case "weekly", []:
            return When(Period.WEEK, hour, minute, _DAYS.index("sun"))
        case "weekly", [day] if day[:3] in _DAYS:
            return When(Period.WEEK, hour, minute, _DAYS.index(day[:3]))
        case "monthly", []:
            return When(Period.MONTH, hour, minute, 1)
        case "monthly", [day] if _is_day(day):
            return When(Period.MONTH, hour, minute, int(day))
        case _:
            raise TimetableError(
                f"{text!r} is no time such as hourly, every 6h, daily 03:30, "
                "weekly sun 04:00 or monthly 15 04:00 (days 1 to 28)"
            )


def _is_day(text: str) -> bool:
    return bool(re.fullmatch(r"\d{1,2}", text, re.ASCII)) and (
        1 <= int(text) <= _MONTH_DAYS
    )


@frozen
class Job:
    """A command that is run again and again; `words` begin with the program."""

    name: str
    when: When
    words: tuple[str, ...]


@frozen
class UnitFile:
    """A file for systemd."""

    name: str
    text: str


def check_name(name: str) -> None:
    """Raise TimetableError unless a name may be part of a file's."""
    if not _NAME.fullmatch(name):
        raise TimetableError(
            f"{name!r} cannot name a timetable: only letters, digits, _, . and - may "
            "be in it; choose another with --name"
        )


def units(name: str, jobs: Sequence[Job]) -> tuple[UnitFile, ...]:
    """Return a service and a timer for each job of a timetable."""
    check_name(name)
    files = []
    for job in jobs:
        unit = unit_name(name, job)
        about = f"Description=Holdfast: {job.name} ({name})"
        command = " ".join(systemd_word(word) for word in job.words)
        service = f"""\
{MARK}
[Unit]
{about}

[Service]
Type=oneshot
ExecStart={command}
Nice=10
IOSchedulingClass=idle
# 3: some files could not be read; the journal names them, the rest is stored.
SuccessExitStatus=3
"""
        timer = f"""\
{MARK}
[Unit]
{about}

[Timer]
OnCalendar={job.when.as_calendar()}
RandomizedDelaySec=15min
Persistent=true

[Install]
WantedBy=timers.target
"""
        files += [
            UnitFile(f"{unit}.service", service),
            UnitFile(f"{unit}.timer", timer),
        ]
    return tuple(files)


def unit_name(name: str, job: Job) -> str:
    """Return what a job's unit is called, without its suffix."""
    return f"holdfast-{name}-{job.name}"


def systemd_word(word: str) -> str:
    """Return a word of a command as ExecStart= reads it, or raise TimetableError."""
    _check_word(word)
    if re.fullmatch(r"[A-Za-z0-9_@+=:,./-]+", word, re.ASCII):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("%", "%%").replace("$", "$$") + '"'


def cron_lines(name: str, jobs: Sequence[Job]) -> tuple[str, ...]:
    """Return a timetable as lines for cron, between two that mark it."""
    check_name(name)
    begin, end = _marks(name)
    lines = [f"{job.when.as_cron()} {_cron_command(job.words)}" for job in jobs]
    return (begin, *lines, end)


def _cron_command(words: Sequence[str]) -> str:
    for word in words:
        _check_word(word)
    return shlex.join(words).replace("%", "\\%")


def _check_word(word: str) -> None:
    if not word.isprintable():
        raise TimetableError(f"{word!r} cannot be in a timetable's command")


def _marks(name: str) -> tuple[str, str]:
    return f"{MARK}: {name}", f"# end of holdfast: {name}"


def with_cron_lines(table: str, name: str, jobs: Sequence[Job]) -> str:
    """Return a table of cron with the lines of one timetable in place of its old.

    Without jobs they are only taken out. Raises TimetableError if its end is gone.
    """
    begin, end = _marks(name)
    kept = table.splitlines()
    while begin in kept:
        first = kept.index(begin)
        if end not in kept[first:]:
            raise TimetableError(
                f"the table has the line {begin!r} and not {end!r}: correct it with "
                "`crontab -e`"
            )
        del kept[first : kept.index(end, first) + 1]
    if jobs:
        kept += cron_lines(name, jobs)
    return "".join(f"{line}\n" for line in kept)
