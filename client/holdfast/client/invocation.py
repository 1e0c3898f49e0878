"""What one run of the command line knows: options of every command, and output."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.client import wording
from holdfast.client.home import default_home
from holdfast.client.output import Output
from holdfast.protocol.errors import HoldfastError

if TYPE_CHECKING:  # the SDK imports grpc, numpy and more; `--help` does without
    from holdfast.client.profile import Profile
    from holdfast.client.session import Client

VARIABLE = "HOLDFAST_PASSPHRASE"
NEW_VARIABLE = "HOLDFAST_NEW_PASSPHRASE"


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

    def profile(self) -> "Profile":
        """Return the profile in the home folder, or raise ProfileMissingError."""
        from holdfast.client.profile import Profile  # noqa: PLC0415

        return Profile.load(self.home)

    @contextmanager
    def client(self) -> Iterator["Client"]:
        """Open the profile with its passphrase and connect; close at the end.

        When all went well, the owner's money is looked after and warned of.
        """
        from holdfast.wire import process  # noqa: PLC0415

        process.prepare()  # before the SDK imports NumPy
        from holdfast.client.session import Client  # noqa: PLC0415

        profile = self.profile()
        with Client(profile, profile.unlock(self.passphrase())) as client:
            yield client
            self._look_after(client)

    def _look_after(self, client: "Client") -> None:
        from holdfast.client.upkeep import upkeep  # noqa: PLC0415

        for line in client.with_storage(lambda storage: upkeep(storage, self.home)):
            self.output.warn(line)

    def epochs(self, duration: str | None) -> int | None:
        """Return the epochs that "90d" or "500 epochs" are in the profile's network."""
        if duration is None:
            return None
        params = self.profile().network.params
        return wording.read_span(duration, params.epoch_seconds)

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

    def new_passphrase(self, file: Path | None) -> str:
        """Return one to add beside the passphrase: from `file`, or as that one is.

        Raises PassphraseUnreadableError.
        """
        if file is not None:
            return _first_line(file)
        if NEW_VARIABLE in os.environ:
            return os.environ[NEW_VARIABLE]
        if not sys.stdin.isatty():
            raise PassphraseUnreadableError(
                "a new passphrase is needed and there is no terminal to ask for it; "
                f"set {NEW_VARIABLE}, or name a file with --new-passphrase-file"
            )
        answer: str = click.prompt(
            "New passphrase", hide_input=True, confirmation_prompt=True, err=True
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
