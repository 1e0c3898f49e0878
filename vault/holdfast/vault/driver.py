"""The loop event → core → journal → effects: the only place that carries out effects.

Events that are waiting are taken together, so that one commit serves them all.
What a batch saves is durable before anything else of it leaves.
"""

import asyncio
import heapq
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, Final

from holdfast.ledger.core.operations import Operation
from holdfast.ledger.errors import LedgerError
from holdfast.ledger.port import LedgerAccount
from holdfast.protocol.answer import ANSWER
from holdfast.protocol.errors import HoldfastError, ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.judgement import fault_of, seal
from holdfast.protocol.units import VaultId
from holdfast.vault.answer_files import AnswerFiles
from holdfast.vault.audit_journal import AuditJournal
from holdfast.vault.core import effects as fx
from holdfast.vault.core import events as ev
from holdfast.vault.core import messages as m
from holdfast.vault.core.fault_messages import AuditOf
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.node import Node
from holdfast.vault.core.refusals import Refusal, RefusedError, lacks_room
from holdfast.vault.core.saved import CheckpointSigned, Saved
from holdfast.vault.holdings_database import JournalError
from holdfast.vault.ledger_mirror import LedgerMirror
from holdfast.vault.network_calls import NetworkCalls
from holdfast.vault.ports import Clock, HeldData

BATCH_MAX: Final = 128
CALLS_MAX: Final = 128
"""So many of one kind are under way at once."""
ASK_SECONDS: Final = 60.0
UNSAVED_MAX: Final = 4096

_log = logging.getLogger(__name__)


@frozen
class Surroundings:
    """What the driver uses to carry out effects."""

    clock: Clock
    held: HeldData
    mirror: LedgerMirror
    calls: NetworkCalls
    journal: AuditJournal
    answers: AnswerFiles
    account: Callable[[], Coroutine[Any, Any, LedgerAccount]]


class Driver:
    """Runs one node; `run` returns only when it is cancelled."""

    def __init__(self, me: Myself, node: Node, around: Surroundings) -> None:
        self.me = me
        self.node = node
        self._around = around
        self._queue: asyncio.Queue[ev.Event] = asyncio.Queue()
        self._wakes: list[float] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._asked: dict[int, asyncio.Future[m.Reply]] = {}
        self._tokens = count()
        # Calls that carry much may take long, and must not stand before others.
        self._calls: dict[type, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(CALLS_MAX)
        )
        self._tasks: asyncio.TaskGroup | None = None
        self._unsaved: list[Saved] = []
        self._disk = ThreadPoolExecutor(1, "audit-journal")
        self._work = ThreadPoolExecutor(1, "audit-work")

    async def run(self) -> None:
        """Carry out what the core decides, for ever."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self.wake()
                while True:
                    await self._turn()
        finally:
            self._tasks = None
            if self._timer:
                self._timer.cancel()
            for waiting in self._asked.values():
                waiting.cancel()

    def close(self) -> None:
        """Let running work end; call it after `run` has ended."""
        self._work.shutdown(wait=True)
        self._disk.shutdown(wait=True)

    async def ask(self, request: m.Request) -> m.Reply:
        """Put a peer's request to the core; raises RefusedError."""
        token = next(self._tokens)
        reply: asyncio.Future[m.Reply] = asyncio.get_running_loop().create_future()
        self._asked[token] = reply
        try:
            self.tell(ev.Asked(self._now(), token, request))
            async with asyncio.timeout(ASK_SECONDS):
                return await reply
        except TimeoutError as error:
            text = "this vault is too busy just now"
            raise RefusedError(Refusal.UNREADY, text) from error
        finally:
            self._asked.pop(token, None)

    def tell(self, event: ev.Event) -> None:
        """Give the core an event."""
        self._queue.put_nowait(event)

    def ledger_advanced(self) -> None:
        """Tell the core that the mirror has something new."""
        self.tell(ev.LedgerAdvanced(self._now()))

    def wake(self) -> None:
        """Tell the core that time has passed."""
        self.tell(ev.Woken(self._now(), secrets.token_bytes(32)))

    async def saved(self, call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 # whatever the journal returns
        """Run a call on the journal in its thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, call, *arguments)

    async def _turn(self) -> None:
        batch = [await self._queue.get()]
        while len(batch) < BATCH_MAX and not self._queue.empty():
            batch.append(self._queue.get_nowait())
        effects: list[fx.Effect] = []
        for event in batch:
            effects += self._receive(event)
        saves = [effect.saved for effect in effects if isinstance(effect, fx.Save)]
        if saves and not await self._save(saves):
            effects = [effect for effect in effects if not _offers(effect)]
        for effect in effects:
            self._carry_out(effect)
        self._around.mirror.wishes()

    async def _save(self, saves: list[Saved]) -> bool:
        """Make `saves` durable; if the disk is full, try again with the next ones.

        Only our own checkpoints must not leave before: signing two would convict
        us. They are given up, and the one that stands goes on standing.
        """
        batch = [*self._unsaved, *saves]
        try:
            await self.saved(self._around.journal.save, batch)
        except JournalError as error:
            if not self._unsaved:
                _log.error("%s; audits go on with the last checkpoint", error)
            batch = [one for one in batch if not isinstance(one, CheckpointSigned)]
            self._unsaved = batch[-UNSAVED_MAX:]
            return False
        self._unsaved = []
        return True

    def _receive(self, event: ev.Event) -> list[fx.Effect]:
        try:
            return self.node.receive(event)
        except Exception:  # noqa: BLE001 # as the comment says
            # A fault of ours in one message must not take the vault down.
            kind = type(event).__name__
            _log.exception("a fault of this program", extra={"fields": {"event": kind}})
            if isinstance(event, ev.Asked):
                return [fx.Refuse(event.token, Refusal.UNREADY, "not possible now")]
            return []

    def _carry_out(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Save():
                pass
            case fx.WakeAt(seconds):
                self._wake_at(seconds)
            case fx.Call():
                self._start(self._call(effect))
            case fx.Reply(token, reply):
                self._answer(token, reply)
            case fx.Refuse(token, kind, reason):
                self._answer(token, RefusedError(kind, reason))
            case fx.TakeEntries(epoch):
                self._take_entries(epoch)
            case fx.Log():
                level = logging.WARNING if effect.warning else logging.INFO
                _log.log(level, effect.message, extra={"fields": dict(effect.fields)})
            case _:
                self._start(self._work_on(effect))

    async def _work_on(  # noqa: C901, PLR0912 # one line for each kind of effect
        self, effect: fx.Effect
    ) -> None:
        match effect:
            case fx.ReadLeaves(epoch, wanted):
                leaves = await self._around.held.read_leaves(wanted)
                self.tell(ev.LeavesRead(self._now(), epoch, leaves))
            case fx.SealAnswer(answer, question):
                pair = self.me.pair
                sealed = await self._in_thread(seal, answer, question, pair)
                self.tell(
                    ev.AnswerSealed(
                        self._now(), answer.epoch, sealed.answer, sealed.fault
                    )
                )
            case fx.CheckAnswer(token, answer, question):
                fault = await self._in_thread(fault_of, answer, question)
                self.tell(ev.AnswerChecked(self._now(), token, answer, fault))
            case fx.JudgeAnswer(answer, question):
                fault = await self._in_thread(fault_of, answer, question)
                self.tell(ev.AnswerJudged(self._now(), answer, fault))
            case fx.ShowAudit(token, vault, epoch):
                await self._show(token, vault, epoch)
            case fx.KeepAnswer(answer):
                await self._in_thread(self._keep, answer)
            case fx.LetGo(entries):
                await self._around.held.checkpoint_answered(entries)
            case fx.RebuildMissing():
                await self._rebuild(effect)
            case fx.TakeOver():
                await self._take_over(effect)
            case fx.DropTakeover(deal):
                await self._around.held.drop_takeover(deal)
            case fx.FindDeals(deals):
                await self._find(deals)
            case fx.Submit(operation):
                await self._submit(operation)
            case _:
                raise AssertionError(effect)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks
        self._tasks.create_task(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except HoldfastError as error:
            fields = {"reason": str(error)}
            _log.warning("could not do what was due", extra={"fields": fields})
        except Exception:  # noqa: BLE001 # one task's fault must not end the others
            _log.exception("a fault of this program")

    async def _call(self, call: fx.Call) -> None:
        peer, request = call.peer, call.request
        try:
            async with self._calls[type(request)]:
                reply = await self._around.calls.ask(peer, request, call.seconds)
        except RefusedError as error:
            kind, reason = error.kind, error.reason
            now = self._now()
            self.tell(ev.Unanswered(now, peer, request, kind, reason))
        except ProtocolError as error:
            self.tell(ev.Unanswered(self._now(), peer, request, None, str(error)))
        else:
            self.tell(ev.Replied(self._now(), peer, request, reply))

    def _answer(self, token: int, reply: m.Reply | RefusedError) -> None:
        waiting = self._asked.pop(token, None)
        if waiting is None or waiting.done():
            return
        if isinstance(reply, RefusedError):
            waiting.set_exception(reply)
        else:
            waiting.set_result(reply)

    def _take_entries(self, epoch: int) -> None:
        held = self._around.held
        entries = held.entries()
        heads = [held.signed_head(entry) for entry in entries.items if entry.sequence]
        receipts = (held.full_receipt(entry.deal) for entry in entries.items)
        dated = tuple(
            ev.Dated(
                full.head.value.deal, full.head.value.sequence, full.latest_epoch()
            )
            for full in receipts
            if full
        )
        found = tuple(head for head in heads if head)
        self.tell(ev.EntriesTaken(self._now(), epoch, entries, found, dated))

    def _keep(self, answer: Any) -> None:  # noqa: ANN401 # Signed[Answer]
        value = answer.value
        encoded = ANSWER.encode(answer)
        self._around.answers.keep(value.checkpoint.vault, value.epoch, encoded)

    async def _show(self, token: int, vault: VaultId, epoch: int) -> None:
        kept = await self._in_thread(self._around.answers.find, vault, epoch)
        answer = await self._in_thread(ANSWER.decode, kept) if kept else None
        self._answer(token, AuditOf(answer))

    async def _rebuild(self, effect: fx.RebuildMissing) -> None:
        shards = 0
        try:
            shards = await self._around.held.rebuild_missing(
                effect.deal, effect.entry, effect.requests
            )
        finally:
            self.tell(ev.MissingRebuilt(self._now(), effect.deal.id, shards))

    async def _take_over(self, effect: fx.TakeOver) -> None:
        claim, reason, able = None, "a fault of this program", False
        try:
            claim, able = await self._around.held.take_over(effect), True
        except HoldfastError as error:
            reason, able = str(error), not lacks_room(error)
        finally:
            deal, index = effect.deal.id, effect.index
            self.tell(ev.TakenOver(self._now(), deal, index, claim, reason, able))

    async def _find(self, deals: tuple[Any, ...]) -> None:
        found: tuple[Any, ...] | None = None
        try:
            found = await self._around.mirror.find_deals(deals)
        finally:
            self.tell(ev.DealsFound(self._now(), deals, found))

    async def _submit(self, operation: Operation) -> None:
        fault: str | None = None
        try:
            account = await self._around.account()
            await account.submit(operation)
        except LedgerError as error:
            fault = str(error)
        self.tell(ev.OperationEnded(self._now(), operation, fault))

    async def _in_thread(self, call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 # whatever the call returns
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._work, call, *arguments)

    def _wake_at(self, seconds: float) -> None:
        if seconds in self._wakes:
            return
        heapq.heappush(self._wakes, seconds)
        self._set_timer()

    def _set_timer(self) -> None:
        if not self._wakes or (self._timer and self._timer_at <= self._wakes[0]):
            return
        if self._timer:
            self._timer.cancel()
        self._timer_at = self._wakes[0]
        delay = max(self._timer_at - self._now(), 0.0)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._now()
        # What is due within a hundredth of a second is taken together, as if then.
        soon = now + 0.01
        while self._wakes and self._wakes[0] <= soon:
            now = max(now, heapq.heappop(self._wakes))
        self.tell(ev.Woken(now, secrets.token_bytes(32)))
        self._set_timer()

    def _now(self) -> float:
        return self._around.clock.now()


def _offers(effect: fx.Effect) -> bool:
    return isinstance(effect, fx.Call) and isinstance(effect.request, m.OfferCheckpoint)
