"""How the vault stands: for whoever asks, for its quotes, and in its record."""

from holdfast.ledger.core.court import suspicion
from holdfast.ledger.core.values import Listing
from holdfast.protocol.pricing import bytes_covered
from holdfast.protocol.record import VAULT_RECORD
from holdfast.protocol.units import Grains
from holdfast.vault.announcer import Announcer
from holdfast.vault.core.node import Node
from holdfast.vault.core.saved import Outcome
from holdfast.vault.ledger_mirror import LedgerMirror
from holdfast.vault.quote_desk import Terms
from holdfast.vault.vault_service import AuditFigures

UNREGISTERED = "unregistered"
SUSPECT = "suspect"


class Standing:
    """Answers from the core's and the mirror's state; it changes nothing."""

    def __init__(
        self, node: Node, mirror: LedgerMirror, announcer: Announcer, price: Grains
    ) -> None:
        self._node = node
        self._mirror = mirror
        self._announcer = announcer
        self._price = price

    def standing(self) -> str:
        """Return the one word for it."""
        row = self._mirror.state.row(self._announcer.vault)
        if row is None:
            return UNREGISTERED
        if row.listing is Listing.ACTIVE and self._is_suspect():
            return SUSPECT
        return row.listing.name.lower()

    def terms(self) -> Terms:
        """Return on which terms new deals are taken."""
        row = self._mirror.state.row(self._announcer.vault)
        stake = row.stake if row else 0
        covered = bytes_covered(stake, self._mirror.params.rebuild_price)
        return Terms(self._price, covered, self._refusal())

    def figures(self) -> AuditFigures:
        """Return the audit side's part of Describe."""
        audits = self._node.answering.audits
        certified = [e for e, a in audits.items() if a.outcome is Outcome.CERTIFIED]
        row = self._mirror.state.row(self._announcer.vault)
        record = self._announcer.record
        leaving = row is not None and row.listing is Listing.UNBONDING
        way_out = self._node.leaving
        return AuditFigures(
            record=VAULT_RECORD.encode(record) if record else b"",
            standing=self.standing(),
            ledger_sequence=max(self._mirror.state.sequence, 0),
            ledger_reachable=self._mirror.reachable,
            last_certified_epoch=max(certified, default=0),
            certified_epochs=self._node.answering.certified_epochs,
            earned_grains=self._node.claiming.earned,
            claimed_grains=row.claimed if row else 0,
            ledger=self._mirror.health,
            deals_left=way_out.deals_left(self._mirror.epoch()) if leaving else 0,
            stake_free_epoch=way_out.free_epoch() if leaving else 0,
        )

    def _refusal(self) -> str | None:
        standing = self.standing()
        if not self._mirror.reachable:
            return "this vault cannot reach the ledger just now"
        if standing == Listing.ACTIVE.name.lower():
            return None
        return f"this vault takes no new deals: it is {standing}"

    def _is_suspect(self) -> bool:
        params = self._mirror.params
        oldest = self._mirror.epoch() - params.window_reachable
        missed = [
            audit
            for epoch, audit in self._node.answering.audits.items()
            if epoch >= oldest and audit.outcome is Outcome.MISSED
        ]
        if len(missed) >= params.missed_reachable:
            return True
        # What we know of ourselves, and what a majority of our neighbours says.
        vault, book = self._announcer.vault, self._node.justice.book
        state, epoch = self._mirror.state, self._mirror.epoch()
        return suspicion(state, vault, book.of(vault), epoch) is not None
