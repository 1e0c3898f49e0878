"""`holdfast prune`: data that no backup needs goes, and so do its costs."""

import click

from holdfast.client import wording
from holdfast.client.command_line import Command
from holdfast.client.invocation import Invocation, pass_invocation


@click.command("prune", cls=Command)
@pass_invocation
def command(invocation: Invocation) -> None:
    """Drop data that no backup needs, and stop paying for it."""
    with invocation.client() as client:
        result = client.prune()
    output = invocation.output
    output.say(
        f"{wording.count(result.chunks_dropped, 'chunk')} dropped, "
        f"{wording.size(result.bytes_dropped)}; "
        f"{wording.size(result.bytes_rewritten)} of them written again"
    )
    output.result(
        {
            "chunks_dropped": result.chunks_dropped,
            "bytes_dropped": result.bytes_dropped,
            "bytes_rewritten": result.bytes_rewritten,
        }
    )
