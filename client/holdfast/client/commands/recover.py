"""`holdfast recover`: a profile on a new machine, from words, kit or shares."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from holdfast.client import wording
from holdfast.client.command_line import Command
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.new_profile import network_file, network_option, show_recovered

if TYPE_CHECKING:
    from holdfast.client.core.kit_bytes import KitReading
    from holdfast.ledger.network_file import NetworkFile

_TYPED_BYTES_MAX = 1 << 20


@click.command("recover", cls=Command)
@network_option
@click.option(
    "--phrase-file",
    type=click.File(encoding="utf-8"),
    help="Read the 24 words here; - is standard input.",
)
@click.option(
    "--kit",
    "kit_file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Read a recovery kit's code here; - is standard input.",
)
@click.option(
    "--share",
    "share_files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read a guardian's share here; repeat it for each.",
)
@pass_invocation
def command(
    invocation: Invocation,
    *,
    network: Path | None,
    phrase_file: TextIO | None,
    kit_file: Path | None,
    share_files: tuple[Path, ...],
) -> None:
    """Make a profile again, with a new passphrase.

    Its 24 words or enough guardian shares, with the network's file, are enough, or
    its recovery kit alone: every backup can then be listed and restored here.
    """
    if sum(map(bool, (kit_file, phrase_file, share_files))) > 1:
        raise click.UsageError("Say one of --kit, --share and --phrase-file.")
    if share_files:
        _from_shares(invocation, share_files, network)
    elif kit_file is not None:
        _from_kit(invocation, kit_file, network)
    else:
        _from_phrase(invocation, phrase_file, network)


def _from_phrase(
    invocation: Invocation, file: TextIO | None, network: Path | None
) -> None:
    from holdfast.client.profile import Profile  # noqa: PLC0415

    chosen = network_file(invocation, network)
    Profile.check_absent(invocation.home)
    phrase = _phrase(file)
    passphrase = invocation.passphrase(new=True)
    profile, _ = Profile.create(invocation.home, chosen, passphrase, phrase)
    show_recovered(invocation, profile)


def _phrase(file: TextIO | None) -> str:
    if file is not None:
        return file.read()
    if not sys.stdin.isatty():
        return sys.stdin.read()
    typed: str = click.prompt("The 24 words", err=True)
    return typed


def _from_shares(
    invocation: Invocation, files: tuple[Path, ...], network: Path | None
) -> None:
    from holdfast.client.guardian_shares import (  # noqa: PLC0415
        join_shares,
        read_share_file,
    )
    from holdfast.client.profile import Profile  # noqa: PLC0415
    from holdfast.ledger.network_file import NetworkFile  # noqa: PLC0415

    chosen = network_file(invocation, network)
    Profile.check_absent(invocation.home)
    master = join_shares({str(path): read_share_file(path) for path in files})
    loaded = NetworkFile.load(chosen)
    passphrase = invocation.passphrase(new=True)
    profile = Profile.make(invocation.home, loaded, passphrase, master, source=chosen)
    show_recovered(invocation, profile)


def _from_kit(invocation: Invocation, file: Path, chosen: Path | None) -> None:
    from holdfast.client.profile import Profile  # noqa: PLC0415

    Profile.check_absent(invocation.home)
    reading = _reading(invocation, file)
    network = _network(reading, chosen)
    profile = Profile.make(
        invocation.home,
        network,
        invocation.passphrase(new=True),
        reading.kit.master,
        source=chosen,
    )
    show_recovered(invocation, profile, mended=reading.mended)


def _reading(invocation: Invocation, file: Path) -> "KitReading":
    from holdfast.client.kit_file import read_kit_file, read_kit_text  # noqa: PLC0415

    if str(file) != "-":
        reading = read_kit_file(file)
    else:
        typed = sys.stdin.buffer.read(_TYPED_BYTES_MAX)
        reading = read_kit_text(typed.decode("utf-8", errors="replace"))
    if reading.mended:
        lines = wording.count(len(reading.mended), "line")
        numbers = ", ".join(map(str, reading.mended))
        invocation.output.say(f"Mended mistakes in {lines} of the code: {numbers}")
    return reading


def _network(reading: "KitReading", chosen: Path | None) -> "NetworkFile":
    from holdfast.wire import process  # noqa: PLC0415

    process.prepare()  # before the SDK imports NumPy
    from holdfast.client.kit_network import check_network, network_of  # noqa: PLC0415
    from holdfast.ledger.network_file import NetworkFile  # noqa: PLC0415

    if chosen is None:
        return asyncio.run(network_of(reading.kit))
    network = NetworkFile.load(chosen)
    check_network(reading.kit, network)
    return network
