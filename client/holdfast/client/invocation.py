"""What one run of the command line knows: options of every command, and output."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from holdfast.client import passphrases, wording
from holdfast.client.home import default_home
from holdfast.client.output import Output

if TYPE_CHECKING:  # the SDK imports grpc, numpy and more; `--help` does without
    from holdfast.client.core.settings import Settings
    from holdfast.client.profile import Profile
    from holdfast.client.reading_session import Reader
    from holdfast.client.session import Client

AnyClient = TypeVar("AnyClient", bound="Reader")


@dataclass
class Invocation:
    """The options that every command takes; `kept` is told when a command fails."""

    chosen_home: Path | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    passphrase_file: Path | None = None
    passphrase_command: str | None = None
    settings_profile: str | None = None
    limit_upload: int = 0
    limit_download: int = 0
    kept: str = ""
    sources: dict[str, ParameterSource] = field(default_factory=dict)
    _settings: "tuple[tuple[Path, str | None], Settings] | None" = None

    def remember(self, name: str, value: object, source: ParameterSource) -> None:
        """Keep a shared option, unless it was said before in a stronger way."""
        if source <= self.sources.get(name, source):
            self.sources[name] = source
            setattr(self, name, value)

    def settings_for(self, program: click.Group) -> "Settings":
        """Return what `config.toml` in the home folder says, all of it known.

        Raises SettingsError.
        """
        key = (self.home, self.settings_profile)
        if self._settings is None or self._settings[0] != key:
            from holdfast.client.settings_file import load_settings  # noqa: PLC0415
            from holdfast.client.settings_use import check_settings  # noqa: PLC0415

            settings = load_settings(*key)
            check_settings(settings, program)
            self._settings = (key, settings)
        return self._settings[1]

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
    def reader(self) -> Iterator["Reader"]:
        """Open the profile as `client` does, to read only; that is there sooner."""

        def load() -> "tuple[type[Reader], Callable[..., Any]]":
            from holdfast.client.reading_session import (  # noqa: PLC0415
                AsyncReader,
                Reader,
            )

            return Reader, AsyncReader.connect

        with self._connected(load) as reader:
            yield reader

    @contextmanager
    def client(self) -> Iterator["Client"]:
        """Open the profile with its passphrase and connect; close at the end.

        When all went well, the owner's money is looked after and warned of.
        """

        def load() -> "tuple[type[Client], Callable[..., Any]]":
            from holdfast.client.session import AsyncClient, Client  # noqa: PLC0415

            return Client, AsyncClient.connect

        with self._connected(load) as client:
            yield client

    @contextmanager
    def _connected(
        self, load: "Callable[[], tuple[type[AnyClient], Callable[..., Any]]]"
    ) -> "Iterator[AnyClient]":
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        from holdfast.wire import process  # noqa: PLC0415

        process.prepare()  # before the SDK imports NumPy
        profile, passphrase = self.profile(), self.passphrase()
        with ThreadPoolExecutor(1) as beside, process.loading():
            # The passphrase takes as long as the imports do, on purpose.
            unlocking = beside.submit(profile.unlock, passphrase)
            from holdfast.client.bandwidth import bandwidth  # noqa: PLC0415

            kind, connect = load()
            keys = unlocking.result()
        limits = bandwidth(self.limit_upload, self.limit_download)
        with kind(profile, keys, partial(connect, limits=limits)) as client:
            process.settle()
            yield client
            self._look_after(client)

    def _look_after(self, client: "Reader") -> None:
        from holdfast.wire import process  # noqa: PLC0415

        with process.loading():
            from holdfast.client.core.settings import NO_SETTINGS  # noqa: PLC0415
            from holdfast.client.upkeep import upkeep  # noqa: PLC0415

        settings = self._settings[1] if self._settings else NO_SETTINGS
        for line in client.with_storage(
            lambda storage: upkeep(storage, self.home, settings)
        ):
            self.output.warn(line)

    def epochs(self, duration: str | None) -> int | None:
        """Return the epochs that "90d" or "500 epochs" are in the profile's network."""
        if duration is None:
            return None
        params = self.profile().network.params
        return wording.read_span(duration, params.epoch_seconds)

    def passphrase(self, *, new: bool = False) -> str:
        """Return the passphrase: from a file, a command, the environment or a prompt.

        Flags go before the environment, that before settings. A new one is asked for
        twice. Raises PassphraseUnreadableError.
        """
        return passphrases.wanted(self._passphrase_ways(), new=new)

    def _passphrase_ways(self) -> list[passphrases.Way]:
        """Return how the passphrase may be read, the strongest way first."""
        flag, variable = ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT
        file, command = self.passphrase_file, self.passphrase_command
        ways: list[tuple[ParameterSource, passphrases.Way]] = []
        if file is not None:
            source = self.sources.get("passphrase_file", flag)
            ways.append((source, partial(passphrases.from_file, file)))
        if command is not None:
            source = self.sources.get("passphrase_command", flag)
            ways.append((source, partial(passphrases.from_command, command)))
        if passphrases.VARIABLE in os.environ:
            ways.append((variable, lambda: os.environ[passphrases.VARIABLE]))
        return [way for _, way in sorted(ways, key=lambda each: each[0])]

    def new_passphrase(self, file: Path | None) -> str:
        """Return one to add beside the passphrase: from `file`, or as that one is.

        Raises PassphraseUnreadableError.
        """
        return passphrases.another(file)


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)
