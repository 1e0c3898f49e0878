"""Every option's value and where it comes from: a flag, a variable, the file, nothing.

Flags of the commands themselves are not seen here, as no command but one runs.
"""

from collections.abc import Iterator
from enum import Enum

import click

from holdfast.client.core.settings import Settings, Value, Words, place_of
from holdfast.client.invocation import Invocation
from holdfast.client.settings_use import keys_of, leaves, value_of, words_of
from holdfast.client.shared_options import SharedOption
from holdfast.protocol.frozen import frozen


class Origin(Enum):
    """Where a value comes from; the strongest first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    PROFILE = "profile"
    FILE = "file"
    DEFAULT = "default"


@frozen
class Listed:
    """An option's value; `words` is its command, none for options of all commands."""

    words: Words
    key: str
    value: Value
    origin: Origin
    place: str = ""


def listing(
    context: click.Context, invocation: Invocation, settings: Settings, among: Words
) -> Iterator[Listed]:
    """Yield the options of all commands, then of each command below `among`."""
    root = context.find_root()
    for option in root.command.params:
        if isinstance(option, SharedOption) and keys_of(option):
            yield _shared(root, option, invocation, settings)
    for words, command in leaves(root.command, root):
        if words[: len(among)] == among:
            yield from _own(_inner(root, words, command), command, settings)


def _inner(root: click.Context, words: Words, command: click.Command) -> click.Context:
    parent = root
    for word in words[:-1]:
        parent = click.Context(click.Command(word), parent=parent, info_name=word)
    return click.Context(command, parent=parent, info_name=words[-1])


def _own(
    context: click.Context, command: click.Command, settings: Settings
) -> Iterator[Listed]:
    for parameter in command.get_params(context):
        if keys_of(parameter) and not isinstance(parameter, SharedOption):
            yield _listed(context, parameter, settings)


def _shared(
    root: click.Context,
    option: SharedOption,
    invocation: Invocation,
    settings: Settings,
) -> Listed:
    source = invocation.sources.get(option.name or "")
    if source is click.core.ParameterSource.COMMANDLINE:
        value = getattr(invocation, option.name or "")
        return Listed((), keys_of(option)[0], value, Origin.FLAG)
    return _listed(root, option, settings)


def _listed(
    context: click.Context, parameter: click.Parameter, settings: Settings
) -> Listed:
    words, key = words_of(context), keys_of(parameter)[0]
    said: Value = parameter.value_from_envvar(context)
    if said is not None:
        place = str(parameter.envvar)
        return Listed(words, key, said, Origin.ENVIRONMENT, place)
    setting = settings.find(words, keys_of(parameter))
    if setting is not None:
        value = value_of(settings, words, parameter)
        origin = Origin.PROFILE if setting.profile else Origin.FILE
        return Listed(words, key, value, origin, place_of(setting, settings.path))
    return Listed(words, key, _default(parameter), Origin.DEFAULT)


def _default(parameter: click.Parameter) -> Value:
    """Return what `--help` shows as the default; None where there is none."""
    value = parameter.to_info_dict().get("default")
    return None if callable(value) else value
