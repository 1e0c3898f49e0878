"""`holdfast mount DIR`: all backups as a read-only directory."""

from pathlib import Path

import click

from holdfast.client.command_line import Command
from holdfast.client.invocation import Invocation, pass_invocation


@click.command("mount", cls=Command)
@click.argument(
    "place",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
)
@pass_invocation
def command(invocation: Invocation, *, place: Path) -> None:
    """Show all backups in the directory DIR, to be read and copied from.

    It shows what there is when it begins, by id, time, host and tag, and ends with
    Ctrl-C or `fusermount3 -u DIR`. It needs FUSE and `pip install 'holdfast[mount]'`.
    """
    output = invocation.output

    def ready() -> None:
        output.say(f"Mounted at {place}; Ctrl-C or `fusermount3 -u {place}` ends it.")
        output.event("mounted", place=place)

    with invocation.reader() as client:
        from holdfast.client.mount_fuse import serve  # noqa: PLC0415
        from holdfast.client.mount_view import MountView  # noqa: PLC0415

        serve(MountView(client.read(lambda repository: repository)), place, ready)
    output.say("Unmounted.")
    output.result({"place": place})
