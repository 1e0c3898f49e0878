"""Settings of the command line from a file: which value holds, and where it stands.

A file has settings of all commands at its top, of one command in a table of its name
(`[backup]`, `[audit.drill]`), and named profiles, each of which is such a file again
(`[profile.desk.backup]`). Nothing here knows which commands and options exist.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen

Words = tuple[str, ...]
Value = object
"""What TOML can say: a text, a number, a truth, a list; never a table."""

PROFILES: Final = "profile"
DEFAULT_PROFILE: Final = "default-profile"


class SettingsError(HoldfastError):
    """The file of settings cannot be used."""


@frozen
class Setting:
    """One value in the file: of which command (none: of all) and profile, its line."""

    command: Words
    key: str
    value: Value
    profile: str = ""
    line: int | None = None


@frozen
class Settings:
    """The settings that hold for one run; `path` is the file they are from."""

    path: str = ""
    every: tuple[Setting, ...] = ()
    profile: str = ""

    @property
    def held(self) -> tuple[Setting, ...]:
        """Those of the file and of the profile in use, the weakest first."""
        own = (each for each in self.every if not each.profile)
        chosen = (each for each in self.every if self._is_chosen(each))
        return (*own, *chosen)

    def _is_chosen(self, setting: Setting) -> bool:
        return bool(setting.profile) and setting.profile == self.profile

    def find(self, command: Words, keys: Iterable[str]) -> Setting | None:
        """Return the setting of a command's option, by any of its names.

        A profile's goes before the file's own, a command's before that of its group,
        and that before what all commands have.
        """
        names = frozenset(keys)
        fitting = [
            each
            for each in self.held
            if each.key in names and each.command == command[: len(each.command)]
        ]
        return max(fitting, key=self._strength, default=None)

    def _strength(self, setting: Setting) -> tuple[bool, int]:
        return self._is_chosen(setting), len(setting.command)


NO_SETTINGS: Final = Settings()


def read_settings(
    document: Mapping[str, Value],
    lines: Mapping[Words, int],
    path: str,
    profile: str | None = None,
) -> Settings:
    """Return what a parsed file says; `lines` is where each key stands.

    `profile` is the one asked for, or None. Raises SettingsError.
    """
    top = dict(document)
    profiles = top.pop(PROFILES, {})
    if not isinstance(profiles, dict) or not all(
        isinstance(table, dict) for table in profiles.values()
    ):
        raise SettingsError(
            f"{path}: profiles are tables such as [profile.desk.backup]; "
            f"which of them to use is said by {DEFAULT_PROFILE}"
        )
    usual = top.pop(DEFAULT_PROFILE, "")
    chosen = usual if profile is None else profile
    if not isinstance(chosen, str):
        raise SettingsError(f"{path}: {DEFAULT_PROFILE} is the name of a profile")
    if chosen and chosen not in profiles:
        raise SettingsError(
            f"{path} has no profile {chosen!r}{meant(chosen, profiles)}"
        )
    every = [*_settings(top, (), "", lines)]
    for name, table in profiles.items():
        every += _settings(table, (), name, lines)
    return Settings(path, tuple(every), chosen)


def _settings(
    table: Mapping[str, Value], command: Words, profile: str, lines: Mapping[Words, int]
) -> Iterator[Setting]:
    place = (PROFILES, profile) if profile else ()
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _settings(value, (*command, key), profile, lines)
        else:
            line = lines.get((*place, *command, key))
            yield Setting(command, key, value, profile, line)


def meant(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean …?" with what is nearest to a word, or nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 # for typing errors alone

    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def place_of(setting: Setting, path: str) -> str:
    """Return where a setting stands, as people look for it."""
    line = f", line {setting.line}" if setting.line else ""
    return f"{path}{line}"
