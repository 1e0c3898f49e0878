"""After a start, what the neighbours remember of our checkpoints.

A vault restored from an old disk does not know what it signed since. Before it
signs anything it asks those who keep its checkpoints, for a bounded time.
"""

from holdfast.protocol.checkpoint import CHECKPOINT
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.units import VaultId
from holdfast.vault.core.effects import Call, Effect, Log
from holdfast.vault.core.messages import AskLastCheckpoint, LastCheckpoint
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.timing import call_seconds, retry_seconds


class Recollection:
    """The machine that asks once; `newest_epoch` is what it learned, or −1."""

    def __init__(self, me: Myself) -> None:
        self._me = me
        self._outbox: Outbox | None = None
        self._ends = 0.0
        self.newest_epoch = -1

    @property
    def ends_seconds(self) -> float:
        """Until when it waits for replies."""
        return self._ends

    def is_open(self, now: float) -> bool:
        """Return whether replies are still awaited."""
        return self._outbox is None or (len(self._outbox) > 0 and now < self._ends)

    def step(self, now: float) -> list[Effect]:
        """Ask the neighbours, as soon as it is known who they are."""
        if self._outbox is None:
            epoch = self._me.epoch_at(now)
            group = self._me.ledger.group
            asked = group(self._me.id, epoch) or group(self._me.id, epoch + 1)
            if not asked:
                return []
            self._outbox = Outbox(asked, retry_seconds(self._me.params))
            self._ends = now + self._me.params.epoch_seconds / 8
        if not self.is_open(now):
            return []
        request, seconds = AskLastCheckpoint(self._me.id), call_seconds(self._me.params)
        return [Call(peer, request, seconds) for peer in self._outbox.due(now)]

    def remembered(self, peer: VaultId, reply: LastCheckpoint) -> list[Effect]:
        """Learn what a neighbour has of us; only our own signature convinces."""
        if self._outbox:
            self._outbox.settle(peer)
        signed = reply.checkpoint
        if signed is None or signed.value.vault != self._me.id:
            return []
        try:
            CHECKPOINT.verify(signed, self._me.network, self._me.pair.public)
        except ProtocolError:
            return []
        self.newest_epoch = max(self.newest_epoch, signed.value.epoch)
        return []

    def unreachable(self, peer: VaultId, now: float) -> list[Effect]:
        """Ask that neighbour again later, while there is time."""
        if self._outbox:
            self._outbox.fail(peer, now)
        return []


def disk_is_old(signed_epoch: int, recollected_epoch: int) -> Log:
    """Return the warning that the neighbours know more than the disk."""
    fields = {"signed_epoch": signed_epoch, "neighbours_epoch": recollected_epoch}
    text = "neighbours have a newer checkpoint of this vault than its disk"
    return Log(text, fields, warning=True)
