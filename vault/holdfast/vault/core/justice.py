"""Everything about faults, wired: signs of life, misses, cases, courts.

It is the part of the node that asks what other vaults did, and says so.
"""

from typing import assert_never

from holdfast.protocol.checkpoint import StorageCertificate
from holdfast.protocol.units import VaultId
from holdfast.vault.core.case_book import CaseBook
from holdfast.vault.core.effects import Effect, Refuse, Reply, ShowAudit
from holdfast.vault.core.events import AnswerJudged, Asked, Replied, Unanswered
from holdfast.vault.core.fault_messages import (
    AskAudit,
    AskCase,
    AskMisses,
    AuditOf,
    CaseOf,
    FaultRequest,
    MissesOf,
    OpenCase,
    Ping,
    PingFor,
    Reached,
    TellMiss,
    TellMissed,
)
from holdfast.vault.core.judging import Judging
from holdfast.vault.core.letters import Letters
from holdfast.vault.core.liveness import Liveness
from holdfast.vault.core.messages import Noted
from holdfast.vault.core.miss_book import MissBook
from holdfast.vault.core.misses import Misses
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.proof_store import ProofStore
from holdfast.vault.core.prosecuting import Prosecuting
from holdfast.vault.core.rechecking import Rechecking
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.saved import Restored
from holdfast.vault.core.sittings import Court
from holdfast.vault.core.watching import Watching


class Justice:
    """The machines of faults, behind one door."""

    def __init__(
        self, me: Myself, watching: Watching, proofs: ProofStore, restored: Restored
    ) -> None:
        self._me = me
        self._watching = watching
        self._letters = Letters(me)
        self.cases = CaseBook(me, restored)
        self.court = Court(me, self.cases)
        self.judging = Judging(me, self.cases, self.court)
        self.liveness = Liveness(me)
        self.book = MissBook(me, self._letters, restored)
        self.misses = Misses(
            me, watching, self.liveness, self.book, self._letters, restored
        )
        self.prosecuting = Prosecuting(
            me, watching, self.book, self.cases, self._letters
        )
        self.rechecking = Rechecking(me, proofs, self.prosecuting)

    def step(self, now: float) -> list[Effect]:
        """Do what the time and the ledger now allow."""
        return [
            *self.misses.step(now),
            *self.cases.step(),
            *self.prosecuting.step(now),
            *self.court.step(now),
            *self.rechecking.step(now),
            *self._letters.step(now),
        ]

    def judged(self, event: AnswerJudged) -> list[Effect]:
        """Take the judgement of an answer that was shown in court."""
        judged = self.court.judged(event) + self.rechecking.judged(event)
        return judged + self._go_on(event.now)

    def asked(self, event: Asked, request: FaultRequest) -> list[Effect]:
        """Answer what another vault, or anybody, asks."""
        try:
            effects = self._asked(event, request)
        except RefusedError as refused:
            return [Refuse(event.token, refused.kind, refused.reason)]
        # What was learned is told on at once.
        return [*effects, *self._letters.step(event.now)]

    def replied(self, event: Replied) -> list[Effect] | None:
        """Take a reply; None if it belongs to another machine."""
        peer, now = event.peer, event.now
        assert not isinstance(peer, int)
        match event.request, event.reply:
            case Ping(), Noted():
                effects = self.liveness.heard(peer)
                return effects + self.misses.step(now)
            case PingFor() as request, Reached(reached):
                effects = self.liveness.helped(peer, request, reached=reached)
                return effects + self.misses.step(now)
            case (TellMiss() | TellMissed() | OpenCase()) as content, Noted() if (
                self._letters.is_ours(content)
            ):
                return self._letters.arrived(now, peer, content)
            case AskAudit() as request, AuditOf() as reply:
                shown = self.court.shown(peer, request, reply)
                if shown is None:
                    shown = self.rechecking.shown(peer, request, reply)
                return shown + self._go_on(now)
            case _:
                return None

    def unanswered(self, event: Unanswered) -> list[Effect] | None:
        """Take it that a peer did not answer; None if another machine asked it."""
        peer, now = event.peer, event.now
        assert not isinstance(peer, int)
        match event.request:
            case Ping():
                alive = event.kind is not None
                told = self.liveness.heard if alive else self.liveness.silent
                return told(peer) + self.misses.step(now)
            case PingFor() as request:
                effects = self.liveness.helped(peer, request, reached=False)
                return effects + self.misses.step(now)
            case (TellMiss() | TellMissed() | OpenCase()) as content if (
                self._letters.is_ours(content)
            ):
                if event.kind is None or event.kind.passing:
                    silent = event.kind is None
                    return self._letters.failed(now, peer, content, silent=silent)
                return self._letters.arrived(now, peer, content)
            case AskAudit() as request:
                if not self.court.unshown(peer, request):
                    self.rechecking.shown(peer, request, None)
                return self._go_on(now)
            case _:
                return None

    def _go_on(self, now: float) -> list[Effect]:
        """Ask the next who may have an answer; what was found is told at once."""
        return [
            *self.court.step(now),
            *self.rechecking.step(now),
            *self.prosecuting.step(now),
            *self._letters.step(now),
        ]

    def _asked(self, event: Asked, request: FaultRequest) -> list[Effect]:
        match request:
            case Ping():
                return [Reply(event.token, Noted())]
            case PingFor():
                return self.liveness.asked(event, request)
            case TellMiss():
                return self.misses.asked(event, request)
            case TellMissed():
                kept = self.book.told(request, event.now)
                return [*kept, Reply(event.token, Noted())]
            case AskMisses(vault):
                reply = MissesOf(self.book.of(vault), self._newest(vault))
                return [Reply(event.token, reply)]
            case AskAudit(vault, epoch):
                return [ShowAudit(event.token, vault, epoch)]
            case OpenCase():
                kept = self.judging.brought(request, event.now)
                return [*kept, Reply(event.token, Noted())]
            case AskCase(vault):
                return [Reply(event.token, self._case(vault))]
            case _:
                assert_never(request)

    def _case(self, vault: VaultId) -> CaseOf:
        file = self.cases.file(vault)
        if file is None:
            text = "no case against this vault is known here"
            raise RefusedError(Refusal.UNKNOWN, text)
        return CaseOf(file)

    def _newest(self, vault: VaultId) -> StorageCertificate | None:
        return self._watching.certificate(vault)
