"""Acknowledgements that were given in time but lost on their way back.

For a quarter of the epoch the neighbours are asked to repeat what they gave. Nobody
gives a new one: the beacon is known by now.
"""

from holdfast.protocol.checkpoint import Entries, StandingCheckpoint
from holdfast.protocol.units import VaultId
from holdfast.vault.core.declared import Stood
from holdfast.vault.core.effects import Call, Effect, WakeAt
from holdfast.vault.core.messages import OfferCheckpoint
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.saved import CheckpointSigned
from holdfast.vault.core.tally import Tally
from holdfast.vault.core.timing import repeat_end, repeat_seconds


class Repeating:
    """The machine of one checkpoint's last chance; without one, it does nothing."""

    def __init__(self, me: Myself) -> None:
        self._me = me
        self._signed: CheckpointSigned | None = None
        self._tally = Tally()
        self._outbox = Outbox((), 1.0)

    @property
    def epoch(self) -> int:
        """The epoch of the checkpoint that is asked for, or −1."""
        return self._signed.checkpoint.value.epoch if self._signed else -1

    def begin(self, signed: CheckpointSigned, tally: Tally, asked: Outbox) -> None:
        """Ask again those who may have acknowledged this checkpoint."""
        self._signed, self._tally = signed, tally
        peers = [*tally.group, *tally.stand_ins]
        missing = [peer for peer in dict.fromkeys(peers) if peer in asked]
        self._outbox = Outbox(missing, repeat_seconds(self._me.params))

    def is_open(self, epoch: int, now: float) -> bool:
        """Return whether the checkpoint of `epoch` may still come to stand."""
        if self._signed is None or self.epoch != epoch:
            return False
        if now >= repeat_end(self._me.params, epoch):
            return False
        return self._tally.can_win(self._outbox.peers())

    def step(self, now: float) -> list[Effect]:
        """Ask whoever is due."""
        if self._signed is None or not self.is_open(self.epoch, now):
            self._signed = None
            return []
        request = OfferCheckpoint(self._signed.checkpoint, None, Entries(()), (), ())
        seconds = repeat_seconds(self._me.params)
        due = self._outbox.due(now)
        calls = [Call(peer, request, seconds) for peer in due]
        return [*calls, WakeAt(repeat_end(self._me.params, self.epoch))]

    def acknowledged(self, peer: VaultId, signature: bytes) -> Stood | None:
        """Count a repeated acknowledgement; return the checkpoint if it stands now."""
        self._outbox.settle(peer)
        self._tally.add(peer, signature)
        signatures = self._tally.enough()
        if self._signed is None or not signatures:
            return None
        standing = StandingCheckpoint(self._signed.checkpoint, signatures)
        stood = Stood(standing, self._signed.declared)
        self._signed = None
        return stood

    def refused(self, now: float, peer: VaultId, kind: Refusal | None) -> list[Effect]:
        """Ask again whom we did not reach; who refuses never acknowledged."""
        if kind is not None:
            self._outbox.settle(peer)
            return []
        self._outbox.fail(peer, now)
        due = self._outbox.next_due()
        return [] if due is None else [WakeAt(due)]
