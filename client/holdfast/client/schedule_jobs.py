"""What a timetable runs: whole commands that need nobody to answer them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from holdfast.client.core.settings import Settings
from holdfast.client.core.timetable import Job, TimetableError, read_when
from holdfast.client.invocation import Invocation

NEVER: Final = "never"
JOBS: Final = {
    "backup": ("backup",),
    "forget": ("forget", "--prune"),
    "check": ("check",),
    "drill": ("audit", "drill"),
}


def jobs_of(
    invocation: Invocation, settings: Settings, times: Mapping[str, str]
) -> list[Job]:
    """Return the jobs that run at these times, "never" excepted.

    Raises TimetableError for what could not run by itself: without a passphrase that
    can be read, without paths to back up or rules of what to keep.
    """
    if invocation.passphrase_file is None and invocation.passphrase_command is None:
        raise TimetableError(
            "a timer cannot be asked for the passphrase, and no secret is written into "
            f"a timetable: name a passphrase-file or a passphrase-command in "
            f"{invocation.home / 'config.toml'}"
        )
    wanted = {job: text for job, text in times.items() if text != NEVER}
    if not wanted:
        raise click.UsageError("Nothing is to run; `schedule remove` ends a timetable.")
    if "backup" in wanted and settings.find(("backup",), ["paths"]) is None:
        raise TimetableError(
            f"what to back up is not said: write `paths = [...]` below [backup] in "
            f"{invocation.home / 'config.toml'}"
        )
    if "forget" in wanted and not any(
        each.key.startswith("keep-") for each in settings.held
    ):
        raise TimetableError(
            f"what to keep is not said: write rules such as `keep-daily = 7` below "
            f"[forget] in {invocation.home / 'config.toml'}"
        )
    start = _start(invocation)
    return [
        Job(job, read_when(text), (*start, *JOBS[job])) for job, text in wanted.items()
    ]


def _start(invocation: Invocation) -> tuple[str, ...]:
    """Return the program, and what was said here that no file says."""
    from holdfast.client.programs import program  # noqa: PLC0415

    words = [program("holdfast"), "--home", str(invocation.home.absolute())]
    said: dict[str, object] = {
        "settings_profile": invocation.settings_profile,
        "passphrase_file": invocation.passphrase_file,
        "passphrase_command": invocation.passphrase_command,
        "limit_upload": invocation.limit_upload,
        "limit_download": invocation.limit_download,
    }
    options = {"settings_profile": "--profile"}
    for name, value in said.items():
        source = invocation.sources.get(name, ParameterSource.DEFAULT_MAP)
        if source is ParameterSource.DEFAULT_MAP:
            continue
        option = options.get(name, "--" + name.replace("_", "-"))
        text = str(value.absolute()) if isinstance(value, Path) else str(value)
        words += [option, text]
    return tuple(words)
