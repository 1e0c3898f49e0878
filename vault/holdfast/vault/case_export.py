"""Exporting the case against a vault's operator, from its own journal and the ledger.

Whether the vault runs does not matter: the case was brought to it, and the rows of the
ledger that it is judged with are public.
"""

from pathlib import Path

from holdfast.ledger.core.case_files import Verdict, extract_of, judge_file
from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.network_file import NetworkFile, write_whole
from holdfast.ledger.port import Ledger
from holdfast.ledger.remote import RemoteLedger
from holdfast.protocol.cases import CASE_FILE, CaseFile
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import DealId
from holdfast.vault.config import VaultDirectory
from holdfast.vault.core.own_record import Accusation
from holdfast.vault.record import record_of

PATIENCE_SECONDS = 10.0


class NoCaseError(HoldfastError):
    """No case against the vault is kept in its directory."""

    def __init__(self, vault: str) -> None:
        super().__init__(
            f"no case against this vault is kept here; others may have one: "
            f"`holdfast audit case --vault {vault[:16]} --output FILE` asks them"
        )


async def export_case(path: Path, output: Path) -> Verdict:
    """Write the newest case against the vault in `path`, an upheld one before others.

    Returns what the file says to whoever judges it. Raises NoCaseError, CaseError when
    its evidence does not hold, LedgerError, and what reading the directory raises.
    """
    record = record_of(path)
    if not record.accusations:
        raise NoCaseError(record.vault.hex())
    chosen = max(
        record.accusations, key=lambda one: (one.upheld is not None, one.period)
    )
    made = await _file_of(VaultDirectory(path).network(), chosen)
    verdict = judge_file(made)
    write_whole(output, CASE_FILE.encode(made), 0o644)
    return verdict


async def _file_of(network: NetworkFile, chosen: Accusation) -> CaseFile:
    ledger = await RemoteLedger.join(network, PATIENCE_SECONDS)
    try:
        state = await _followed(ledger)
        answers = [answer for answer in (chosen.case.answer, chosen.answer) if answer]
        named = {p.entry.deal for answer in answers for p in answer.value.entries}
        deals = await ledger.deals(tuple(DealId(deal) for deal in sorted(named)))
        state.absorb(LedgerNews(0, -1, deals=deals))
    finally:
        await ledger.close()
    extract = extract_of(state, chosen.case, chosen.answer)
    return CaseFile(extract, chosen.case, chosen.upheld, chosen.answer)


async def _followed(ledger: Ledger) -> LedgerState:
    """Return the ledger's registry and beacons as a follower has them."""
    state, after, more = LedgerState(ledger.params), 0, True
    while more:
        changes = await ledger.sync((), after)
        after, more = changes.upto, changes.more
        epoch = -1 if more else changes.tip.epoch
        state.absorb(LedgerNews(after, epoch, changes.beacons, changes.vaults))
    return state
