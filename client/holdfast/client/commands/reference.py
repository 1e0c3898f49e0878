"""`holdfast reference`: this program's reference, for its docs and packages."""

from importlib.metadata import version
from pathlib import Path

import click

from holdfast.client.command_line import Command, LazyGroup
from holdfast.client.invocation import Invocation, pass_invocation


@click.command("reference", cls=Command, hidden=True)
@click.option(
    "--man",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write pages for man into this directory.",
)
@pass_invocation
@click.pass_context
def command(
    context: click.Context, invocation: Invocation, *, man: Path | None
) -> None:
    """Print the reference of all commands as Markdown, or write it for man."""
    from holdfast.client.reference import reference_of  # noqa: PLC0415
    from holdfast.client.reference_man import man_pages  # noqa: PLC0415
    from holdfast.client.reference_markdown import markdown_of  # noqa: PLC0415

    program = context.find_root().command
    assert isinstance(program, LazyGroup)
    reference = reference_of(program)
    if man is None:
        page = markdown_of(reference)
        invocation.output.say(page.rstrip("\n"))
        invocation.output.result({"markdown": page})
        return
    pages = man_pages(reference, version("holdfast"))
    man.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (man / name).write_text(text, encoding="ascii")
    invocation.output.say(f"{len(pages)} pages in {man}; read one: man -l {man}/NAME")
    invocation.output.result({"directory": man, "pages": sorted(pages)})
