"""What a simulated vault saved, and what its real journal would give back.

Saves are kept as values, which costs nothing; only when a vault starts again they
go through a real journal in memory and come back as a restart finds them.
"""

from collections.abc import Callable

from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import VaultId
from holdfast.vault.audit_journal import AuditJournal
from holdfast.vault.core.saved import (
    AcknowledgementGiven,
    RecordKnown,
    Restored,
    Saved,
    TotalsSettled,
)

KEPT_EPOCHS = 32


class Saves:
    """Everything saved lately, in order; old rows go as the journal prunes them."""

    def __init__(self, vault: VaultId, params: NetworkParams) -> None:
        self._vault = vault
        self._params = params
        self._epochs: dict[int, list[Saved]] = {}
        self._epoch = -1
        self._lasting: dict[object, Saved] = {}

    def begin_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        for old in [e for e in self._epochs if e < epoch - KEPT_EPOCHS]:
            for saved in self._epochs.pop(old):
                self._outlast(saved)

    def keep(self, batch: list[Saved]) -> None:
        self._epochs.setdefault(self._epoch, []).extend(batch)

    def everything(self) -> list[Saved]:
        recent = (saved for epoch in self._epochs.values() for saved in epoch)
        return [*self._lasting.values(), *recent]

    def forget(self, drop: Callable[[Saved], bool]) -> None:
        """Lose rows, as an old disk would."""
        self._lasting = {k: s for k, s in self._lasting.items() if not drop(s)}
        for epoch, saves in self._epochs.items():
            self._epochs[epoch] = [saved for saved in saves if not drop(saved)]

    def restore(self) -> Restored:
        """Return what a node starts with, through the journal's own tables."""
        journal = AuditJournal(":memory:", self._vault, self._params)  # type: ignore[arg-type]
        try:
            journal.save(self.everything())
            return journal.restore()
        finally:
            journal.close()

    def _outlast(self, saved: Saved) -> None:
        """Keep of the old rows those that the journal never prunes."""
        match saved:
            case AcknowledgementGiven(checkpoint, _):
                self._lasting[AcknowledgementGiven, checkpoint.value.vault] = saved
            case RecordKnown(record):
                self._lasting[RecordKnown, record.value.vault] = saved
            case TotalsSettled():
                self._lasting[TotalsSettled] = saved
            case _:
                pass
