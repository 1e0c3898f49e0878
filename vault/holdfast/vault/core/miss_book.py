"""The missed epochs of all vaults, as far as a majority of neighbours certified them.

A certificate that is new is told to the accused and to a few vaults that the hash of
who, whose and when draws. So it reaches everybody, and nothing is sent at rest.
"""

from typing import Final

from holdfast.protocol.checkpoint import CHECKPOINT, SignedCheckpoint
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.faults import MissCertificate, check_miss
from holdfast.protocol.units import VaultId
from holdfast.vault.core.effects import Effect, Save
from holdfast.vault.core.fault_messages import TellMissed
from holdfast.vault.core.letters import Letters
from holdfast.vault.core.most_held import fuller
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.rumour_peers import RumourPeers
from holdfast.vault.core.saved import MissKept, Restored

MISSES_MAX: Final = 65_536


class MissBook:
    """The certificates known, at most one for each vault and epoch."""

    def __init__(self, me: Myself, letters: Letters, restored: Restored) -> None:
        self._me = me
        self._letters = letters
        self._rumours = RumourPeers(me)
        self._known: dict[VaultId, dict[int, MissCertificate]] = {}
        self._checkpoints: dict[VaultId, SignedCheckpoint] = {}
        self._count = 0
        self.changes = 0
        for kept in restored.misses:
            self._add(kept.certificate)
            self._learn(kept.checkpoint)

    def missing(self, first_epoch: int, end_epoch: int) -> list[VaultId]:
        """Return the vaults of which a missed epoch of [first, end) is known."""
        epochs = range(first_epoch, end_epoch)
        known = self._known.items()
        return [
            vault for vault, missed in known if any(map(missed.__contains__, epochs))
        ]

    def of(self, vault: VaultId) -> tuple[MissCertificate, ...]:
        """Return what is known of a vault, ascending by epoch."""
        known = self._known.get(vault, {})
        return tuple(known[epoch] for epoch in sorted(known))

    def newest(self) -> tuple[MissCertificate, ...]:
        """Return the newest certificate of each vault that has any."""
        return tuple(known[max(known)] for known in self._known.values() if known)

    def checkpoint(self, vault: VaultId) -> SignedCheckpoint | None:
        """Return what a vault that missed an epoch held, as far as it is known."""
        return self._checkpoints.get(vault)

    def told(self, request: TellMissed, now: float) -> list[Effect]:
        """Take a certificate that another vault tells; raises RefusedError."""
        certificate = request.certificate
        if self._has(certificate):
            return []
        epoch, ledger = certificate.epoch, self._me.ledger
        current = self._me.epoch_at(now)
        if not current - self._me.params.window_unreachable < epoch <= current:
            raise RefusedError(Refusal.UNTIMELY, "that epoch is too old, or to come")
        group = ledger.group(certificate.vault, epoch)
        if not group or ledger.beacon(epoch) is None:
            text = "the neighbours of this vault and epoch are not known here"
            raise RefusedError(Refusal.UNREADY, text)
        try:
            check_miss(certificate, self._me.network, group, ledger.identities())
        except ProtocolError as error:
            raise RefusedError(Refusal.DENIED, str(error)) from error
        return self.take(certificate, request.checkpoint, now)

    def take(
        self,
        certificate: MissCertificate,
        checkpoint: SignedCheckpoint | None,
        now: float,
    ) -> list[Effect]:
        """Keep a certificate that holds, and tell it on if it is new."""
        if self._has(certificate):
            return []
        self._add(certificate)
        if checkpoint and checkpoint.value.vault == certificate.vault:
            self._learn(checkpoint)
        newest = self._checkpoints.get(certificate.vault)
        until = now + self._me.params.epoch_seconds
        drawn = self._rumours.drawn(certificate.vault, certificate.epoch)
        peers = dict.fromkeys((certificate.vault, *drawn))
        self._letters.send(TellMissed(certificate, newest), peers, until)
        return [Save(MissKept(certificate, newest))]

    def forget(self, epoch: int) -> None:
        """Let go of what no case can name any more in `epoch`."""
        oldest = (
            epoch - self._me.params.window_unreachable - self._me.params.period_epochs
        )
        for vault, known in list(self._known.items()):
            self._known[vault] = {e: c for e, c in known.items() if e >= oldest}
            if not self._known[vault]:
                del self._known[vault]
                self._checkpoints.pop(vault, None)
        self._count = sum(map(len, self._known.values()))

    def _has(self, certificate: MissCertificate) -> bool:
        return certificate.epoch in self._known.get(certificate.vault, {})

    def _add(self, certificate: MissCertificate) -> None:
        if self._count >= MISSES_MAX:
            return
        self._known.setdefault(certificate.vault, {})[certificate.epoch] = certificate
        self._count += 1
        self.changes += 1

    def _learn(self, checkpoint: SignedCheckpoint | None) -> None:
        """Remember a checkpoint if it says more, and is signed by its vault."""
        if checkpoint is None:
            return
        value = checkpoint.value
        known = self._checkpoints.get(value.vault)
        epochs = self._me.params.window_reachable
        if fuller(known, checkpoint, epochs) == known:
            return
        key = self._me.ledger.identities().get(value.vault)
        try:
            if key is not None:
                CHECKPOINT.verify(checkpoint, self._me.network, key)
        except ProtocolError:
            return
        self._checkpoints[value.vault] = checkpoint
