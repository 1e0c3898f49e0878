"""Opens cases: against who missed too much, and against who was caught lying.

Once a period, and only against vaults that we watch. Whether a case convicts, the
committee says.
"""

from collections.abc import Iterable
from typing import Final

from holdfast.ledger.core.court import CaseError, held_epochs, judge_case
from holdfast.ledger.core.followed import LedgerState
from holdfast.ledger.core.values import Listing
from holdfast.protocol.cases import Case, Fault
from holdfast.protocol.checkpoint import SignedCheckpoint
from holdfast.protocol.faults import MissCertificate, is_reachable
from holdfast.protocol.units import VaultId
from holdfast.vault.core.case_book import CaseBook
from holdfast.vault.core.effects import Effect, Log
from holdfast.vault.core.fault_messages import OpenCase
from holdfast.vault.core.letters import Letters
from holdfast.vault.core.miss_book import MissBook
from holdfast.vault.core.most_held import fullest
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.watching import Watching

_LISTED: Final = (Listing.ACTIVE, Listing.UNBONDING)


class Prosecuting:
    """The machine that turns what we know into cases."""

    def __init__(
        self,
        me: Myself,
        watching: Watching,
        book: MissBook,
        cases: CaseBook,
        letters: Letters,
    ) -> None:
        self._me = me
        self._watching = watching
        self._book = book
        self._cases = cases
        self._letters = letters
        self._period = -1
        self._changes = -1
        self._opened: set[VaultId] = set()

    def step(self, now: float) -> list[Effect]:
        """Look at the misses known when a committee is drawn, and when more come."""
        epoch = self._me.epoch_at(now)
        period = self._me.params.period_of(epoch)
        effects = self._take_lies(period)
        members = self._me.ledger.committee(period)
        if not members:
            return effects
        if period > self._period:
            self._period, self._changes = period, -1
            self._opened = set()
        if self._changes == self._book.changes and not effects:
            return effects
        self._changes = self._book.changes
        for case in [*self._cases.lying(), *self._accusations(epoch)]:
            if self._is_open_to(case.vault):
                effects += self._open(case, period, members)
        return effects

    def accuse(self, case: Case, now: float) -> list[Effect]:
        """Open a case of lying that another machine found."""
        if self._cases.has_lying(case.vault, Fault(case.fault)):
            return []
        epoch = self._me.epoch_at(now)
        try:
            judge_case(case, self._me.ledger, epoch)
        except CaseError:
            return []
        period = self._me.params.period_of(epoch)
        effects = self._cases.add(case, period)
        self._changes = -1
        return effects

    def _take_lies(self, period: int) -> list[Effect]:
        effects: list[Effect] = []
        for one, two in self._watching.take_conflicts():
            vault = one.value.vault
            if self._cases.has_lying(vault, Fault.TWO_CHECKPOINTS):
                continue
            case = Case(vault, Fault.TWO_CHECKPOINTS.value, checkpoints=(one, two))
            effects += self._cases.add(case, period)
        return effects

    def _accusations(self, epoch: int) -> list[Case]:
        params, found = self._me.params, []
        first = params.first_epoch(params.period_of(epoch))
        # A case must name an epoch of the period before.
        for vault in self._book.missing(first - params.period_epochs, first):
            if vault in self._opened or not self._is_open_to(vault):
                continue
            if self._me.id not in self._me.ledger.group(vault, epoch):
                continue
            held = (
                self._watching.fullest_checkpoint(vault),
                self._watching.newest_checkpoint(vault),
                self._book.checkpoint(vault),
            )
            misses = self._book.of(vault)
            case = accusation(self._me.ledger, vault, misses, held, epoch)
            found += [case] if case else []
        return found

    def _is_open_to(self, vault: VaultId) -> bool:
        """Return whether a vault may be accused by us in this period."""
        row = self._me.ledger.row(vault)
        listed = row and row.listing in _LISTED
        return bool(listed) and vault not in self._opened and vault != self._me.id

    def _open(
        self, case: Case, period: int, members: tuple[VaultId, ...]
    ) -> list[Effect]:
        self._opened.add(case.vault)
        params = self._me.params
        until = float(params.epoch_start(params.first_epoch(period + 1)))
        told = dict.fromkeys((*members, case.vault))
        self._letters.send(OpenCase(case), told, until)
        fields = {"vault": case.vault.hex(), "fault": Fault(case.fault).name.lower()}
        opened = Log("opened a case against a vault", fields, warning=True)
        return [*self._cases.add(case, period), opened]


def accusation(
    ledger: LedgerState,
    vault: VaultId,
    misses: tuple[MissCertificate, ...],
    known: Iterable[SignedCheckpoint | None],
    epoch: int,
) -> Case | None:
    """Return the case that these misses make in the period of `epoch`, if any.

    It shows, of the vault's `known` checkpoints, the fullest that a court takes.
    """
    params = ledger.params
    first = params.first_epoch(params.period_of(epoch))
    past = [miss for miss in misses if miss.epoch < first]
    reached = [m for m in past if is_reachable(m, ledger.group(vault, m.epoch))]
    rules = (
        (Fault.MISSED, reached, params.missed_reachable, params.window_reachable),
        (Fault.AWAY, past, params.missed_unreachable, params.window_unreachable),
    )
    for fault, found, needed, window in rules:
        inside = [m for m in found if m.epoch > found[-1].epoch - window]
        shown = inside[-needed:]
        held = fullest(known, *held_epochs(shown, params)) if shown else None
        checkpoints = (held,) if held else ()
        case = Case(vault, fault.value, tuple(shown), checkpoints)
        try:
            judge_case(case, ledger, epoch)
        except CaseError:
            continue
        return case
    return None
