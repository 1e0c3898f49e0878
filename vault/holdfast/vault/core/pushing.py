"""Hands our certificates to every member of the committee that will settle them."""

from holdfast.protocol.units import VaultId
from holdfast.vault.core.effects import Call, Effect, Log, WakeAt
from holdfast.vault.core.messages import Certify
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.proof_store import ProofStore, push_of
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.timing import large_call_seconds, retry_seconds


class Pushing:
    """The machine of our side of collecting: retried until taken or settled."""

    def __init__(self, me: Myself, proofs: ProofStore) -> None:
        self._me = me
        self._proofs = proofs
        self._period = -1
        self._outbox = Outbox((), 1.0)
        self._push = Certify((), ())

    def step(self, now: float) -> list[Effect]:
        """Begin when a committee is drawn; ask again whoever did not answer."""
        params, ledger = self._me.params, self._me.ledger
        current = params.period_of(self._me.epoch_at(now))
        if current > self._period and (members := ledger.committee(current)):
            self._period = current
            first = params.first_epoch(ledger.settled_period + 1)
            end = params.first_epoch(current)
            ours = self._proofs.between(first, end)
            self._push = push_of(p for p in ours if p.name.vault == self._me.id)
            others = [member for member in members if member != self._me.id]
            wanted = others if self._push.certificates else []
            self._outbox = Outbox(wanted, retry_seconds(params))
        if self._period < current or ledger.settled_period >= current - 1:
            return []
        return self._send(now)

    def taken(self, peer: VaultId) -> list[Effect]:
        """Cross off a member that has our certificates."""
        self._outbox.settle(peer)
        return []

    def refused(
        self, now: float, peer: VaultId, kind: Refusal | None, reason: str
    ) -> list[Effect]:
        """Try again later, unless the member refuses for good."""
        if kind is None or kind.passing:
            self._outbox.fail(peer, now)
            return self._wake()
        self._outbox.settle(peer)
        fields = {"peer": peer.hex(), "reason": reason}
        return [Log("a committee member refused our certificates", fields, True)]

    def is_ours(self, push: Certify) -> bool:
        """Return whether this is the push of our own certificates."""
        return push is self._push

    def _send(self, now: float) -> list[Effect]:
        seconds = large_call_seconds(self._me.params)
        calls = [Call(peer, self._push, seconds) for peer in self._outbox.due(now)]
        return [*calls, *self._wake()]

    def _wake(self) -> list[Effect]:
        due = self._outbox.next_due()
        return [] if due is None else [WakeAt(due)]
