"""The file `config.toml` in the home folder: read whole, with the line of each key."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.client.core.settings import (
    NO_SETTINGS,
    Settings,
    SettingsError,
    Words,
    read_settings,
)

NAME: Final = "config.toml"
_BYTES_MAX: Final = 1 << 20
_WORD: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED: Final = rf"{_WORD}(?:\s*\.\s*{_WORD})*"
_TABLE: Final = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]")
_KEY: Final = re.compile(rf"\s*({_DOTTED})\s*=")


def load_settings(home: Path, profile: str | None = None) -> Settings:
    """Return the settings in a home folder, none without a file.

    Raises SettingsError: for a file that is no TOML, or an unknown profile.
    """
    path = home / NAME
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
    except FileNotFoundError as error:
        if profile:
            raise SettingsError(
                f"profile {profile!r} is not known: {path} does not exist"
            ) from error
        return NO_SETTINGS
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _BYTES_MAX:
        raise SettingsError(f"{path} has more than {_BYTES_MAX} bytes")
    import tomllib  # noqa: PLC0415 # most homes have no such file

    try:
        text = data.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    return read_settings(document, dict(key_lines(text)), str(path), profile)


def key_lines(text: str) -> Iterator[tuple[Words, int]]:
    """Yield each key of a TOML text, with its table's name before it, and its line.

    A line inside a text of several lines may look like a key; nothing but the place
    that an error names depends on it.
    """
    table: Words = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if heading := _TABLE.match(line):
            table = _words(heading[1])
        elif key := _KEY.match(line):
            yield (*table, *_words(key[1])), number


def _words(dotted: str) -> Words:
    return tuple(word.strip("\"'") for word in re.findall(_WORD, dotted))
