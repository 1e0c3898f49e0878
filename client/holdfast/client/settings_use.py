"""Settings meet the commands: what an option may be called, hold, and come from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from holdfast.client.core.settings import (
    Setting,
    Settings,
    SettingsError,
    Value,
    Words,
    meant,
    place_of,
)

PREFIX: Final = "HOLDFAST"
_NOT_IN_FILES: Final = frozenset({"home", "profile", "help"})


def words_of(context: click.Context) -> Words:
    """Return the names of the commands down to this one, without the program's."""
    words: list[str] = []
    while context.parent is not None:
        words.append(context.info_name or "")
        context = context.parent
    return tuple(reversed(words))


def keys_of(parameter: click.Parameter) -> tuple[str, ...]:
    """Return the names that a parameter has in the file: none if it may not be there.

    Options have their long names. Of arguments only lists of paths have one.
    """
    if isinstance(parameter, click.Option):
        long = (name[2:] for name in parameter.opts if name.startswith("--"))
        return tuple(name for name in long if name not in _NOT_IN_FILES)
    is_paths = parameter.nargs == -1 and isinstance(parameter.type, click.Path)
    return (parameter.name,) if is_paths and parameter.name else ()


def variable_of(words: Words, option: click.Option) -> str:
    """Return the environment's variable for an option of the command `words`."""
    long = [name[2:] for name in option.opts if name.startswith("--")]
    parts = (PREFIX, *words, *long[:1])
    return "_".join(parts).replace("-", "_").upper()


def value_of(settings: Settings, words: Words, parameter: click.Parameter) -> Value:
    """Return what the file says of a command's parameter; None if it says nothing.

    Raises SettingsError if it is nothing that the parameter could be.
    """
    setting = settings.find(words, keys_of(parameter))
    return None if setting is None else _fitting(setting, settings.path, parameter)


def _fitting(setting: Setting, path: str, parameter: click.Parameter) -> Value:
    value = setting.value
    if isinstance(parameter, click.Option) and parameter.is_flag:
        if isinstance(value, bool):
            return value
        raise _wrong(setting, path, "is true or false")
    many = parameter.multiple or parameter.nargs == -1
    if isinstance(value, list):
        if many:
            return [_plain(each, setting, path, parameter) for each in value]
        raise _wrong(setting, path, "is one value, not a list")
    one = _plain(value, setting, path, parameter)
    return [one] if many else one


def _plain(
    value: Value, setting: Setting, path: str, parameter: click.Parameter
) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong(setting, path, "is a text or a number")
    text = str(value)
    if isinstance(parameter.type, click.Path) and text != "-":
        return _path(text, setting, path)
    return text


def _path(text: str, setting: Setting, path: str) -> str:
    try:
        place = Path(text).expanduser()
    except RuntimeError as error:
        raise _wrong(setting, path, f"names a home that is unknown: {text}") from error
    if not place.is_absolute():
        # A timer starts commands elsewhere than a terminal does.
        raise _wrong(setting, path, f"is a path from / or ~ on, not {text!r}")
    return str(place)


def _wrong(setting: Setting, path: str, reason: str) -> SettingsError:
    return SettingsError(f"{place_of(setting, path)}: {setting.key} {reason}")


def check_settings(settings: Settings, program: click.Group) -> None:
    """Raise SettingsError for the first command or key that does not exist.

    Only commands that the file names are imported for it.
    """
    for setting in settings.every:
        known = [key for each in _params(setting, settings, program) for key in each]
        if setting.key not in known:
            whose = " ".join(("holdfast", *setting.command))
            raise SettingsError(
                f"{place_of(setting, settings.path)}: `{whose}` has no option "
                f"{setting.key!r}{meant(setting.key, known)}"
            )


def _params(
    setting: Setting, settings: Settings, program: click.Group
) -> list[tuple[str, ...]]:
    command: click.Command = program
    context = click.Context(program, info_name="holdfast")
    for at, word in enumerate(setting.command, start=1):
        names = (
            command.list_commands(context) if isinstance(command, click.Group) else []
        )
        found = (
            command.get_command(context, word)
            if isinstance(command, click.Group) and word in names
            else None
        )
        if found is None:
            table = ".".join(setting.command[:at])
            raise SettingsError(
                f"{place_of(setting, settings.path)}: [{table}] is the name of no "
                f"command{meant(word, names)}"
            )
        command = found
    return [keys_of(parameter) for parameter in command.params]


def leaves(
    command: click.Command, context: click.Context
) -> Iterator[tuple[Words, click.Command]]:
    """Yield every command below one that is no group, with its words, in order."""
    if not isinstance(command, click.Group):
        yield words_of(context), command
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        if below is not None and not below.hidden:
            inner = click.Context(below, parent=context, info_name=name)
            yield from leaves(below, inner)
