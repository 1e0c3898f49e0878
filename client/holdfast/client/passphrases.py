"""How a command gets at the passphrase: a file, another program, a prompt."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click

from holdfast.protocol.errors import HoldfastError

VARIABLE: Final = "HOLDFAST_PASSPHRASE"
NEW_VARIABLE: Final = "HOLDFAST_NEW_PASSPHRASE"
_COMMAND_SECONDS: Final = 300

Way = Callable[[], str]
"""Reads a passphrase, or raises PassphraseUnreadableError."""


class PassphraseUnreadableError(HoldfastError):
    """There is no way to ask for the passphrase, or it cannot be read."""


class NewPassphraseUnreadableError(PassphraseUnreadableError):
    """There is no way to ask for a passphrase to add beside the one that opens."""


def wanted(ways: Sequence[Way], *, new: bool) -> str:
    """Return the passphrase by the first way, or ask for it; a new one twice.

    Raises PassphraseUnreadableError.
    """
    if ways:
        return ways[0]()
    if not sys.stdin.isatty():
        raise PassphraseUnreadableError(
            "a passphrase is needed and there is no terminal to ask for it"
        )
    return _asked("New passphrase" if new else "Passphrase", twice=new)


def another(file: Path | None) -> str:
    """Return one to add beside the passphrase: from `file`, a variable or a prompt.

    Raises PassphraseUnreadableError.
    """
    if file is not None:
        return from_file(file)
    if NEW_VARIABLE in os.environ:
        return os.environ[NEW_VARIABLE]
    if not sys.stdin.isatty():
        raise NewPassphraseUnreadableError(
            "a new passphrase is needed and there is no terminal to ask for it"
        )
    return _asked("New passphrase", twice=True)


def _asked(prompt: str, *, twice: bool) -> str:
    answer: str = click.prompt(
        prompt, hide_input=True, confirmation_prompt=twice, err=True
    )
    return answer


def from_file(path: Path) -> str:
    """Return the first line of a file, or raise PassphraseUnreadableError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PassphraseUnreadableError(
            f"the passphrase file {path} cannot be read: {reason}"
        ) from error
    if not lines or not lines[0]:
        raise PassphraseUnreadableError(f"the passphrase file {path} is empty")
    return lines[0]


def from_command(command: str) -> str:
    """Return the first line that a program prints, or raise PassphraseUnreadableError.

    The words are split as a shell does, and no shell runs them. The program gets no
    standard input: that may be what is backed up.
    """
    import shlex  # noqa: PLC0415 # these two are slow to import, and seldom needed
    import subprocess  # noqa: PLC0415

    try:
        run = subprocess.run(  # noqa: S603 # the user's own words
            shlex.split(command) or [""],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
            timeout=_COMMAND_SECONDS,
        )
        lines = run.stdout.decode().splitlines()
    except UnicodeDecodeError as error:
        raise _failed("what it prints is not UTF-8") from error
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from error
    if run.returncode:
        raise _failed(f"it ended with code {run.returncode}")
    if not lines or not lines[0]:
        raise _failed("it printed nothing")
    return lines[0]


def _failed(reason: str) -> PassphraseUnreadableError:
    return PassphraseUnreadableError(f"the passphrase command failed: {reason}")
