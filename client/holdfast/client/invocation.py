"""What one run of the command line knows: options of every command, and output."""

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click

from holdfast.client.home import default_home
from holdfast.client.output import Output
from holdfast.protocol.errors import HoldfastError

VARIABLE = "HOLDFAST_PASSPHRASE"


class PassphraseUnreadableError(HoldfastError):
    """There is no way to ask for the passphrase, or it cannot be read."""


@dataclass
class Invocation:
    """The options that every command takes; `kept` is told when a command fails."""

    chosen_home: Path | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    passphrase_file: Path | None = None
    kept: str = ""

    @property
    def home(self) -> Path:
        """The folder of the profile."""
        return self.chosen_home or default_home()

    @cached_property
    def output(self) -> Output:
        """Where the command prints; first used once all options are read."""
        return Output(as_json=self.as_json, quiet=self.quiet, verbose=self.verbose)

    def passphrase(self, *, new: bool = False) -> str:
        """Return the passphrase: from --passphrase-file, the environment or a prompt.

        A new one is asked for twice. Raises PassphraseUnreadableError.
        """
        if self.passphrase_file is not None:
            return _first_line(self.passphrase_file)
        if VARIABLE in os.environ:
            return os.environ[VARIABLE]
        if not sys.stdin.isatty():
            raise PassphraseUnreadableError(
                "a passphrase is needed and there is no terminal to ask for it"
            )
        prompt = "New passphrase" if new else "Passphrase"
        answer: str = click.prompt(
            prompt, hide_input=True, confirmation_prompt=new, err=True
        )
        return answer


def _first_line(path: Path) -> str:
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


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)
