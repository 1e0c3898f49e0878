"""`holdfast audit case`: judges a case file offline, or asks the network for one."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from holdfast.client import wording
from holdfast.client.command_line import Command
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.new_profile import network_file
from holdfast.protocol.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.client.core.auditing_case import CaseFinding
    from holdfast.ledger.network_file import NetworkFile
    from holdfast.protocol.cases import CaseFile

CASE_BYTES_MAX: Final = 256 << 20


class CaseFileError(HoldfastError):
    """A file is no case file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is no case file: {reason}")


@click.command("case", cls=Command)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--vault", help="Ask the network for the case against this vault.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --vault: the file to write, which must not be there yet.",
)
@click.option(
    "--network",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The network that the case should be of; nothing is asked of it.",
)
@click.option(
    "--online",
    is_flag=True,
    help="Compare the ledger's rows in FILE with the ledger itself, too.",
)
@pass_invocation
def case_command(
    invocation: Invocation,
    *,
    file: Path | None,
    vault: str | None,
    output: Path | None,
    network: Path | None,
    online: bool,
) -> int:
    """Judge the case in FILE with nothing but the file: guilty or not, and why.

    Exit code 0 means guilty, 21 anything else. The digest of the ledger's rows in the
    file lets two people see that they judge by the same; --online compares the rows.
    """
    if (file is None) == (vault is None) or (vault is None) != (output is None):
        raise click.UsageError("Name a FILE, or --vault together with --output.")
    if vault is not None and output is not None:
        found = _fetched(invocation, vault, network, output)
        invocation.output.say(f"Case written to {output}")
    else:
        assert file is not None
        found = _judged(invocation, file, network, online=online)
    _tell(invocation, found)
    invocation.output.result(document_of(found) | ({"file": output} if output else {}))
    return ExitCode.OK if found.guilty else ExitCode.UNTRUE


def read_case(path: Path) -> "CaseFile":
    """Return the case file at a path, or raise CaseFileError or OSError."""
    from holdfast.protocol.cases import CASE_FILE  # noqa: PLC0415
    from holdfast.protocol.errors import DecodingError  # noqa: PLC0415

    with path.open("rb") as file:
        data = file.read(CASE_BYTES_MAX + 1)
    if len(data) > CASE_BYTES_MAX:
        raise CaseFileError(path, f"it has more than {CASE_BYTES_MAX} bytes")
    try:
        return CASE_FILE.decode(data)
    except DecodingError as error:
        raise CaseFileError(path, str(error)) from error


def _judged(
    invocation: Invocation, path: Path, network: Path | None, *, online: bool
) -> "CaseFinding":
    from holdfast.client.core.auditing_case import judge_case_file  # noqa: PLC0415
    from holdfast.ledger.network_file import NetworkFile  # noqa: PLC0415

    file = read_case(path)
    if not online:
        expected = NetworkFile.load(network).network_id if network else None
        return judge_case_file(file, expected)
    known = NetworkFile.load(network_file(invocation, network))
    return asyncio.run(_compared(file, known))


async def _compared(file: "CaseFile", network: "NetworkFile") -> "CaseFinding":
    from holdfast.client.core.auditing_case import judge_case_file  # noqa: PLC0415
    from holdfast.client.followed_ledger import FollowedLedger  # noqa: PLC0415
    from holdfast.ledger.joining import join  # noqa: PLC0415

    followed = FollowedLedger(await join(network))
    try:
        await followed.catch_up()
        await followed.know_deals(deal.deal for deal in file.extract.deals)
    finally:
        await followed.close()
    return judge_case_file(file, network.network_id, followed.state)


def _fetched(
    invocation: Invocation, vault: str, network: Path | None, output: Path
) -> "CaseFinding":
    from holdfast.client.auditor import Auditor  # noqa: PLC0415
    from holdfast.client.case_search import find_case  # noqa: PLC0415
    from holdfast.client.durable_file import write_durably  # noqa: PLC0415
    from holdfast.ledger.network_file import NetworkFile  # noqa: PLC0415
    from holdfast.protocol.cases import CASE_FILE  # noqa: PLC0415

    file = NetworkFile.load(network_file(invocation, network))

    async def ask() -> "CaseFinding":
        async with await Auditor.connect(file) as auditor:
            return await find_case(auditor, auditor.find_vault(vault))

    found = asyncio.run(ask())
    write_durably(output, CASE_FILE.encode(found.file), replace=False)
    output.chmod(0o644)  # it is made to be handed on
    return found


def _tell(invocation: Invocation, found: "CaseFinding") -> None:
    say, case, extract = invocation.output.say, found.file.case, found.file.extract
    params = found.params
    say(f"Accused   vault {found.vault.hex()}")
    say(f"Of        {found.fault}; case {wording.short(case.digest())}")
    say(f"Network   {params.name} ({params.network_id.hex()})")
    say(
        f"Read with {wording.count(len(extract.vaults), 'vault')} and "
        f"{wording.count(len(extract.beacons), 'beacon')} of the ledger in epoch "
        f"{extract.epoch}, {'compared' if found.compared else 'not compared'} with it"
    )
    say(f"Extract   {found.extract.hex()}")
    if case.misses:
        say()
        invocation.output.table(("epoch", "witnesses"), _witnesses(found))
    say()
    verdict = found.verdict
    if verdict is not None and verdict.slashed is not None:
        say(
            f"Lost {wording.size(verdict.lost_bytes)}; ejected with period "
            f"{verdict.period}, {wording.hold(verdict.slashed)} of the stake slashed"
        )
    for difference in found.differences:
        say(f"  {difference}")
    say(f"{found.finding.upper()}: {found.reason}")


def _witnesses(found: "CaseFinding") -> list[tuple[str, str]]:
    return [
        (
            str(miss.epoch),
            ", ".join(
                wording.short(witness.signer) + ("" if witness.reachable else " (away)")
                for witness in miss.witnesses
            ),
        )
        for miss in found.file.case.misses
    ]


def document_of(found: "CaseFinding") -> dict[str, object]:
    """Return a finding as `--json` prints it."""
    verdict, case = found.verdict, found.file.case
    return {
        "guilty": found.guilty,
        "finding": found.finding,
        "reason": found.reason,
        "vault": found.vault,
        "fault": found.fault,
        "case": case.digest(),
        "missed_epochs": [miss.epoch for miss in case.misses],
        "lost_bytes": verdict.lost_bytes if verdict else None,
        "slashed_grains": verdict.slashed if verdict else None,
        "period": verdict.period if verdict else None,
        "network": found.params.network_id,
        "network_name": found.params.name,
        "extract": found.extract,
        "extract_epoch": found.file.extract.epoch,
        "compared_with_ledger": found.compared,
        "differences": list(found.differences),
    }
