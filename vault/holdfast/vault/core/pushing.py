"""Hands our certificates to every member of the committee that will settle them.

All vaults begin at the same instant, so each goes round the committee from a place of
its own, and asks few members at once: who is busy is waited for and not asked more.
"""

from typing import Final

from holdfast.protocol.units import VaultId
from holdfast.vault.core.effects import Call, Effect, Log, WakeAt
from holdfast.vault.core.messages import Certify
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.proof_store import ProofStore, push_of
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.timing import large_call_seconds, retry_seconds

AT_ONCE: Final = 16
"""Even where a third of 128 members hang, all others have been asked in an epoch."""


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
            wanted = self._in_turn(members) if self._push.certificates else ()
            self._outbox = Outbox(wanted, retry_seconds(params))
        if self._period < current or ledger.settled_period >= current - 1:
            return []
        return self._send(now)

    def taken(self, now: float, peer: VaultId) -> list[Effect]:
        """Cross off a member that has our certificates, and turn to the next."""
        self._outbox.settle(peer)
        return self._send(now)

    def refused(
        self, now: float, peer: VaultId, kind: Refusal | None, reason: str
    ) -> list[Effect]:
        """Try again later, unless the member refuses for good."""
        if kind is None or kind.passing:
            self._outbox.fail(peer, now)
            return self._send(now)
        self._outbox.settle(peer)
        fields = {"peer": peer.hex(), "reason": reason}
        told = Log("a committee member refused our certificates", fields, True)
        return [told, *self._send(now)]

    def is_ours(self, push: Certify) -> bool:
        """Return whether this is the push of our own certificates."""
        return push is self._push

    def _send(self, now: float) -> list[Effect]:
        seconds = large_call_seconds(self._me.params)
        due = self._outbox.due(now, AT_ONCE)
        calls = [Call(peer, self._push, seconds) for peer in due]
        following = self._outbox.next_due()
        if following is None or following <= now:  # a reply makes room for the next
            return [*calls]
        return [*calls, WakeAt(following)]

    def _in_turn(self, members: tuple[VaultId, ...]) -> list[VaultId]:
        """Return the other members, from a place on that our id draws."""
        first = int.from_bytes(self._me.id[:4], "big") % len(members)
        turned = members[first:] + members[:first]
        return [member for member in turned if member != self._me.id]
