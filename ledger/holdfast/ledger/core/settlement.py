"""Settlements: one certificate a period says what was earned and spent so far.

The ledger recomputes nothing of it. It checks that a majority of the period's
committee signed, that totals never shrink, and that no more is paid than deals
spent and ejected vaults lost.
"""

from dataclasses import replace

from holdfast.ledger.core.account_certificates import is_signed_by
from holdfast.ledger.core.events import PeriodSettled, VaultEjected
from holdfast.ledger.core.operations import Settle
from holdfast.ledger.core.periods import committee
from holdfast.ledger.core.settlement_errors import (
    AlreadySettledError,
    SettlementFault,
    SettlementRefusedError,
)
from holdfast.ledger.core.state import Draft
from holdfast.ledger.core.values import Applied, Listing, RegisteredVault, Settled
from holdfast.protocol import placement
from holdfast.protocol.settlement import Certificate, Ejection, Statement
from holdfast.protocol.units import Grains


def settle(draft: Draft, operation: Settle) -> None:
    """Make the certificate's statement the newest settlement."""
    certificate = operation.certificate
    statement = certificate.statement
    _check_turn(draft, statement)
    _check_signers(draft, certificate)
    _check_ejections(draft, statement)
    for ejection in statement.ejections:
        _eject(draft, ejection)
    _move_totals(draft, statement)
    applied = Applied(draft.entry.sequence, draft.epoch)
    draft.settled = Settled(certificate, applied)


def _check_turn(draft: Draft, statement: Statement) -> None:
    settled = draft.settled
    if statement.network != draft.params.network_id:
        raise _refused(statement, SettlementFault.NETWORK)
    if settled is not None and statement.period <= settled.period:
        raise AlreadySettledError(statement.period, settled.period)
    if statement.period != draft.params.period_of(draft.epoch) - 1:
        raise _refused(statement, SettlementFault.PERIOD)


def _check_signers(draft: Draft, certificate: Certificate) -> None:
    statement = certificate.statement
    members = committee(draft.state, statement.period + 1)
    if not members:
        raise _refused(statement, SettlementFault.COMMITTEE)
    ranks = certificate.ranks()
    whole = len(certificate.signers) == -(-len(members) // 8)
    if not whole or any(rank >= len(members) for rank in ranks):
        raise _refused(statement, SettlementFault.SIGNERS)
    if len(ranks) < placement.majority(len(members)):
        raise _refused(statement, SettlementFault.MAJORITY)
    signers = [members[rank] for rank in ranks]
    by_accounts = draft.state.accounts_certify
    if not is_signed_by(
        draft.params, signers, certificate, accounts_certify=by_accounts
    ):
        raise _refused(statement, SettlementFault.SIGNATURE)


def _check_ejections(draft: Draft, statement: Statement) -> None:
    vaults = [ejection.vault for ejection in statement.ejections]
    rows = [draft.find_vault(vault) for vault in vaults]
    known = all(row and row.listing is not Listing.EJECTED for row in rows)
    if not known or len(set(vaults)) != len(vaults):
        raise _refused(statement, SettlementFault.EJECTIONS)


def _eject(draft: Draft, ejection: Ejection) -> None:
    """Throw a vault out; a stake that was withdrawn meanwhile cannot be slashed."""
    row = draft.vault(ejection.vault)
    slashed = min(ejection.slashed, row.stake)
    draft.put_vault(_ejected(row, draft.epoch, slashed))
    draft.books = replace(draft.books, slashed=draft.books.slashed + slashed)
    draft.say(VaultEjected(row.vault, slashed))


def _ejected(row: RegisteredVault, epoch: int, slashed: Grains) -> RegisteredVault:
    return replace(
        row,
        stake=row.stake - slashed,
        slashed=row.slashed + slashed,
        left_epoch=epoch if row.left_epoch is None else row.left_epoch,
        listing=Listing.EJECTED,
    )


def _move_totals(draft: Draft, statement: Statement) -> None:
    """Move what deals spent from escrow to what can be claimed."""
    books = draft.books
    earned = statement.earned_total - books.earned
    spent = statement.spent_total - books.spent
    if earned < 0 or spent < 0:
        raise _refused(statement, SettlementFault.TOTALS_SHRINK)
    if spent > books.escrowed:
        raise _refused(statement, SettlementFault.ESCROW)
    if statement.earned_total > statement.spent_total + books.slashed:
        raise _refused(statement, SettlementFault.OVERPAID)
    draft.books = replace(
        books,
        escrowed=books.escrowed - spent,
        spent=statement.spent_total,
        earned=statement.earned_total,
    )
    draft.say(PeriodSettled(statement.period, earned, spent))


def _refused(statement: Statement, fault: SettlementFault) -> SettlementRefusedError:
    return SettlementRefusedError(statement.period, fault)
