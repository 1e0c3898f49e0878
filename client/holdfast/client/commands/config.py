"""`holdfast config show`: every setting, and where it comes from."""

import click

from holdfast.client.command_line import Group
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.settings_file import NAME
from holdfast.client.settings_listing import Listed, Origin, listing


@click.group("config", cls=Group)
def command() -> None:
    """Show the settings in config.toml of the home folder, and those around them.

    A flag goes before a variable of the environment, that before the profile, that
    before the rest of the file, and that before what is built in.
    """


@command.command("show")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.option("--all", "everything", is_flag=True, help="Show what is built in, too.")
@pass_invocation
@click.pass_context
def show(
    context: click.Context,
    invocation: Invocation,
    *,
    words: tuple[str, ...],
    everything: bool,
) -> None:
    """Show what is set, or all options of a COMMAND, and where each comes from."""
    root = context.find_root().command
    assert isinstance(root, click.Group)
    settings = invocation.settings_for(root)
    every = list(listing(context, invocation, settings, words))
    if words and not any(each.words for each in every):
        raise click.UsageError(f"There is no command `{' '.join(words)}`.")
    wanted = everything or bool(words)
    shown = [each for each in every if wanted or each.origin is not Origin.DEFAULT]
    _show(invocation, settings.profile, shown)
    invocation.output.result(
        {
            "file": invocation.home / NAME,
            "exists": bool(settings.path),
            "profile": settings.profile or None,
            "settings": [_document(each) for each in shown],
        }
    )


def _show(invocation: Invocation, profile: str, shown: list[Listed]) -> None:
    output, path = invocation.output, invocation.home / NAME
    there = "" if path.exists() else " (not there)"
    output.say(f"File: {path}{there}")
    if profile:
        output.say(f"Profile: {profile}")
    if not shown:
        output.say("Nothing is set: everything is as built in.")
        return
    output.say()
    output.table(
        ("command", "option", "value", "from"),
        [
            (" ".join(each.words) or "(all)", each.key, _text(each.value), _from(each))
            for each in shown
        ],
    )


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "-" if value in {None, ""} else str(value)


def _from(each: Listed) -> str:
    return f"{each.origin.value} {each.place}".rstrip()


def _document(each: Listed) -> dict[str, object]:
    return {
        "command": list(each.words),
        "option": each.key,
        "value": each.value,
        "origin": each.origin.value,
        "place": each.place,
    }
