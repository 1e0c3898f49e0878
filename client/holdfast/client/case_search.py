"""Asking the network for the case against a vault: whoever has it hands it out."""

from typing import Final

from holdfast.client.auditor import Auditor
from holdfast.client.core.auditing_case import CaseFinding, judge_case_file
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import VaultId

_ASKED_MAX: Final = 64


class NoCaseError(HoldfastError):
    """Nobody who answers has a case against the vault."""

    def __init__(self, vault: VaultId, asked: int) -> None:
        super().__init__(
            f"none of the {asked} vaults asked has a case against {vault.hex()[:12]} "
            "that fits the ledger"
        )


async def find_case(auditor: Auditor, vault: VaultId) -> CaseFinding:
    """Return the case against a vault, rather one that convicts.

    What does not fit the ledger that the auditor follows is passed over. Raises
    NoCaseError.
    """
    state, best, asked = auditor.state, None, 0
    for witness in _likely(auditor, vault)[:_ASKED_MAX]:
        file = await auditor.case(witness, vault)
        asked += 1
        if file is None or file.case.vault != vault:
            continue
        await auditor.know_deals(deal.deal for deal in file.extract.deals)
        found = judge_case_file(file, state.network_id, state)
        if found.differences or found.verdict is None:
            continue
        if found.guilty:
            return found
        best = best or found
    if best is None:
        raise NoCaseError(vault, asked)
    return best


def _likely(auditor: Auditor, vault: VaultId) -> list[VaultId]:
    """Return whom to ask: the accused, its neighbours, those who judged, all others."""
    state = auditor.state
    current = state.params.period_of(state.epoch)
    row = state.row(vault)
    last = state.epoch if row is None or row.left_epoch is None else row.left_epoch
    judges = state.committee(current) + state.committee(state.params.period_of(last))
    near = state.group(vault, last)
    active = [v for v in state.vaults() if state.is_active(v)]
    return list(dict.fromkeys((vault, *near, *judges, *active)))
