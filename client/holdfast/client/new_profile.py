"""What `init` and `recover` share: which network, and what the user is told."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from holdfast.client.invocation import Invocation
from holdfast.protocol.errors import HoldfastError

if TYPE_CHECKING:  # imported late: see invocation.py
    from holdfast.client.profile import Profile

_WORDS_IN_A_LINE: Final = 6

network_option = click.option(
    "--network",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The network's file.  [default: the network on this machine]",
)


class NetworkFileMissingError(HoldfastError):
    """No network file was named, and there is no network on this machine."""


def network_file(invocation: Invocation, chosen: Path | None) -> Path:
    """Return the network file to use, or raise NetworkFileMissingError."""
    path = chosen or invocation.home / "network" / "network.json"
    if not path.is_file():
        raise NetworkFileMissingError(
            f"{path} does not exist"
            if chosen
            else "no network is named, and none was ever started on this machine"
        )
    return path


def show_phrase(invocation: Invocation, profile: "Profile", phrase: str) -> None:
    """Print the recovery phrase, and what comes next."""
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415

    output = invocation.output
    output.say(f"Profile made in {profile.home}")
    output.say(f"Account: {address_text(profile.account)}")
    output.say()
    output.say("Your recovery phrase. Write it on paper, all words in their order:")
    output.say()
    show_words(invocation, phrase)
    output.say()
    output.say("`holdfast recovery kit` writes a page to print instead.")
    if profile.network.params.development:
        output.say("Next: `holdfast wallet faucet`, then `holdfast backup PATH`.")
    else:
        output.say("Next: send tokens to the account, then `holdfast backup PATH`.")
    output.result(_document(profile) | {"phrase": phrase})


def show_words(invocation: Invocation, phrase: str) -> None:
    """Print the 24 words in lines of six."""
    words = phrase.split()
    for first in range(0, len(words), _WORDS_IN_A_LINE):
        line = words[first : first + _WORDS_IN_A_LINE]
        invocation.output.say("  " + " ".join(f"{word:<9}" for word in line).rstrip())


def show_recovered(
    invocation: Invocation, profile: "Profile", mended: tuple[int, ...] = ()
) -> None:
    """Say that the keys are back; `mended` are lines of a kit that had mistakes."""
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415

    output = invocation.output
    output.say(f"Profile made in {profile.home}")
    output.say(f"Account: {address_text(profile.account)}")
    output.say(
        "Next: `holdfast snapshots`, then `holdfast restore latest --target DIR`."
    )
    output.result(_document(profile) | {"mended_lines": list(mended)})


def _document(profile: "Profile") -> dict[str, object]:
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415

    return {
        "home": profile.home,
        "account": address_text(profile.account),
        "network": profile.network.params.name,
    }
