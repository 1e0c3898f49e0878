"""`holdfast key …`: the passphrases that open this machine's key file."""

from pathlib import Path

import click

from holdfast.client import wording
from holdfast.client.command_line import Group
from holdfast.client.invocation import Invocation, pass_invocation

new_option = click.option(
    "--new-passphrase-file",
    "file",
    type=click.Path(path_type=Path),
    help="Read the new one here.  [env: HOLDFAST_NEW_PASSPHRASE is the text]",
)


@click.group("key", cls=Group)
def command() -> None:
    """Show and change the passphrases of this machine's key file.

    Each opens the same keys, so nothing that is stored changes with them. Whoever
    has an old copy of the key file can still open that with the old passphrase.
    """


@command.command("list")
@pass_invocation
def list_keys(invocation: Invocation) -> None:
    """List the passphrases by number and label; none of them is needed."""
    from holdfast.client.key_file import list_labels  # noqa: PLC0415

    labels = list_labels(invocation.profile().key_file)
    invocation.output.table(
        (">number", "label"), [(n, label) for n, label in enumerate(labels, 1)]
    )
    document = [{"number": n, "label": label} for n, label in enumerate(labels, 1)]
    invocation.output.result({"passphrases": document})


@command.command("add")
@click.option("--label", default="", help="A name for it, such as a person's.")
@new_option
@pass_invocation
def add(invocation: Invocation, *, label: str, file: Path | None) -> None:
    """Let one more passphrase open this machine's keys."""
    from holdfast.client.key_file import add_passphrase, list_labels  # noqa: PLC0415

    path = invocation.profile().key_file
    known = invocation.passphrase()
    add_passphrase(path, known, invocation.new_passphrase(file), label=label)
    count = len(list_labels(path))
    have = wording.count(count, "passphrase")
    invocation.output.say(f"Added; {have} can open {path} now.")
    invocation.output.result({"number": count, "label": label})


@command.command("passwd")
@new_option
@pass_invocation
def passwd(invocation: Invocation, *, file: Path | None) -> None:
    """Replace the passphrase that you give by a new one."""
    from holdfast.client.key_file import change_passphrase  # noqa: PLC0415

    path = invocation.profile().key_file
    known = invocation.passphrase()
    change_passphrase(path, known, invocation.new_passphrase(file))
    invocation.output.say("Changed; the old passphrase no longer opens this file.")
    invocation.output.result({"changed": True})


@command.command("remove")
@click.argument("name", metavar="NUMBER|LABEL")
@pass_invocation
def remove(invocation: Invocation, *, name: str) -> None:
    """Remove a passphrase; you give another one, which stays."""
    from holdfast.client.key_file import list_labels, remove_passphrase  # noqa: PLC0415

    path = invocation.profile().key_file
    label = remove_passphrase(path, invocation.passphrase(), name)
    left = len(list_labels(path))
    have = wording.count(left, "passphrase")
    invocation.output.say(f"Removed; {have} can open {path} now.")
    invocation.output.result({"removed": label, "left": left})
