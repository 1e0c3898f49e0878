"""Many vaults' audit sides in one process: one clock, one seed, one story.

Messages are lost, delayed, doubled and reordered as the seed says. The ledger is
the real rules where they matter to vaults: beacons, registry, one settlement a
period with a majority behind it.
"""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.core.values import Beacon, Listing, RegisteredVault
from holdfast.protocol.answer import Answer
from holdfast.protocol.judgement import Question, fault_of, seal
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.network import NetworkParams, beacon
from holdfast.protocol.record import VAULT_RECORD, VaultRecord
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import AccountId, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import events as ev
from holdfast.vault.core.fault_messages import AuditOf
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.node import Node
from holdfast.vault.core.saved import (
    Restored,
    Saved,
)
from simulation.fake_data import FakeDeal, FakeHeld
from simulation.world_ledger import GENESIS, SimLedger, sim_params
from simulation.world_vault import SimVault, restored_from

__all__ = ["GENESIS", "SimLedger", "SimVault", "Weather", "World", "sim_params"]

EPOCHS_MAX = 400


@dataclass
class Weather:
    """What the network does to messages."""

    loss: float = 0.0
    delay_seconds: tuple[float, float] = (0.01, 0.2)
    doubling: float = 0.0


class World:
    """Everything, driven by one seed."""

    def __init__(
        self,
        vaults: int,
        seed: int,
        params: NetworkParams | None = None,
        weather: Weather | None = None,
        seeds: int = 0,
    ) -> None:
        self.seeds = seeds
        self.random = random.Random(seed)
        self.params = params or sim_params()
        self.weather = weather or Weather()
        self.now = float(GENESIS - 1)
        self.ledger = SimLedger(self.params)
        self.vaults: dict[VaultId, SimVault] = {}
        self.calls: Counter[str] = Counter()
        self.intercept: Callable[[VaultId, fx.Call], bool] | None = None
        self._verdicts: dict[tuple[bytes, int], str | None] = {}
        self._tokens = itertools.count()
        self._replies: dict[int, Callable[[fx.Reply | fx.Refuse], None]] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        for number in range(vaults):
            self._add(number)
        for epoch in range(EPOCHS_MAX):
            start = self.params.epoch_start(epoch)
            self.at(start + 0.01, lambda epoch=epoch: self._tick(epoch))  # type: ignore[misc]

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (seconds, next(self._order), act))

    def run_to_epoch(self, epoch: int) -> None:
        self.run_until(self.params.epoch_start(epoch))

    def run_until(self, end: float) -> None:
        while self._queue and self._queue[0][0] < end:
            seconds, _, act = heapq.heappop(self._queue)
            self.now = max(self.now, seconds)
            act()
        self.now = float(end)

    def place(self, fake: FakeDeal) -> None:
        """Put a deal on the ledger and its shards on its holders."""
        self.ledger.deals[fake.deal.id] = fake.deal
        for holder in fake.deal.holders:
            self.vaults[holder.vault].held.deals[fake.deal.id] = fake

    def restart(self, vault: SimVault, *, keep: Callable[[Saved], bool] = bool) -> None:
        """Start a vault's node anew from what it saved."""
        vault.saved = [saved for saved in vault.saved if keep(saved)]
        state = LedgerState(self.params)
        vault.me = Myself(vault.keys, state)
        restored = restored_from(vault.saved, vault.id)
        vault.node = Node(vault.me, restored, seeds=self.seeds)
        vault.wakes = set()
        vault.alive = True
        self._follow(vault)

    def deliver(self, vault: SimVault, event: ev.Event) -> None:
        if vault.alive:
            self._carry_out(vault, vault.node.receive(event))

    def _add(self, number: int) -> None:
        keys = NodeKeys(number.to_bytes(32, "big"))
        me = Myself(keys, LedgerState(self.params))
        held = FakeHeld(keys.vault_id)
        vault = SimVault(keys, me, held, Node(me, Restored(), seeds=self.seeds))
        self.vaults[vault.id] = vault
        self.ledger.rows[vault.id] = RegisteredVault(
            vault.id,
            number,
            keys.identity.public,
            keys.bls_public,
            AccountId(bytes(20)),
            AccountId(bytes(20)),
            1 << 40,
            0,
            Listing.ACTIVE,
            -2,
            None,
            0,
            0,
        )
        record = VaultRecord(
            keys.identity.public,
            bytes(keys.box.public_key),
            keys.bls_public,
            AccountId(bytes(20)),
            (f"10.0.0.{number}:1",),
            b"",
            1,
            1,
            1,
        )
        signed = VAULT_RECORD.sign(record, self.params.network_id, keys.identity)
        self.at(self.now, lambda: self.deliver(vault, ev.RecordMade(self.now, signed)))

    def _tick(self, epoch: int) -> None:
        if self.ledger.down:
            return
        block = self.random.randbytes(32)
        value = beacon(self.params.network_id, epoch, block)
        self.ledger.beacons[epoch] = Beacon(epoch, value)
        self.ledger.epoch = epoch
        self.tell()

    def tell(self) -> None:
        """Let every vault hear what the ledger has, a little later."""
        for vault in self.vaults.values():
            delay = self.random.uniform(0.0, 1.0)
            self.at(self.now + delay, lambda vault=vault: self._follow(vault))  # type: ignore[misc]

    def _follow(self, vault: SimVault) -> None:
        if not vault.alive or not vault.hears_ledger or self.ledger.down:
            return
        vault.me.ledger.absorb(self.ledger.news())
        vault.me.ledger.followed(self.ledger.rows)
        self.deliver(vault, ev.LedgerAdvanced(self.now))

    def _carry_out(self, vault: SimVault, effects: list[fx.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, fx.Save):
                vault.saved.append(effect.saved)
        for effect in effects:
            self._do(vault, effect)

    def _later(self, vault: SimVault, event: Callable[[], ev.Event]) -> None:
        node, delay = vault.node, self.random.uniform(0.01, 0.1)

        def act() -> None:
            if vault.node is node:
                self.deliver(vault, event())

        self.at(self.now + delay, act)

    def _do(  # noqa: C901, PLR0912, PLR0915 # one case for each effect
        self, vault: SimVault, effect: fx.Effect
    ) -> None:
        held = vault.held
        match effect:
            case fx.WakeAt(seconds):
                self._wake(vault, seconds)
            case fx.Call():
                self._call(vault, effect)
            case fx.Reply() | fx.Refuse():
                answer = self._replies.pop(effect.token, None)
                if answer:
                    answer(effect)
            case fx.TakeEntries(epoch):
                entries, heads = held.entries(), held.heads()
                self._later(
                    vault, lambda: ev.EntriesTaken(self.now, epoch, entries, heads)
                )
            case fx.ReadLeaves(epoch, wanted):
                leaves = held.read(wanted)
                self._later(vault, lambda: ev.LeavesRead(self.now, epoch, leaves))
            case fx.SealAnswer():
                sealed = seal(effect.answer, effect.question, vault.keys.identity)
                key = (sealed.answer.signature, effect.question.epoch)
                self._verdicts[key] = sealed.fault
                self._later(
                    vault,
                    lambda: ev.AnswerSealed(
                        self.now, effect.answer.epoch, sealed.answer, sealed.fault
                    ),
                )
            case fx.CheckAnswer():
                fault = self.judge(effect.answer, effect.question)
                self._later(
                    vault,
                    lambda: ev.AnswerChecked(
                        self.now, effect.token, effect.answer, fault
                    ),
                )
            case fx.LetGo(entries):
                held.let_go.append(entries)
            case fx.Submit(operation):
                fault = self.ledger.submit(operation)
                self.tell()
                self._later(
                    vault, lambda: ev.OperationEnded(self.now, operation, fault)
                )
            case fx.FindDeals(deals):
                found = tuple(
                    self.ledger.deals[deal]
                    for deal in deals
                    if deal in self.ledger.deals
                )
                vault.me.ledger.absorb(LedgerNews(0, -1, deals=found))
                self._later(vault, lambda: ev.DealsFound(self.now, deals, found))
            case fx.RebuildMissing(deal, _entry, _requests):
                count = len(held.lost)
                held.lost.clear()
                held.declared.clear()
                self._later(vault, lambda: ev.MissingRebuilt(self.now, deal.id, count))
            case fx.Log():
                vault.logs.append(effect)
            case fx.JudgeAnswer():
                fault = self.judge(effect.answer, effect.question)
                self._later(
                    vault, lambda: ev.AnswerJudged(self.now, effect.answer, fault)
                )
            case fx.KeepAnswer(kept):
                vault.kept[kept.value.checkpoint.vault, kept.value.epoch] = kept
            case fx.ShowAudit(token, accused, epoch):
                shown = AuditOf(vault.kept.get((accused, epoch)))
                self._do(vault, fx.Reply(token, shown))
            case fx.Save():
                pass

    def judge(self, answer: Signed[Answer], question: Question) -> str | None:
        """Return the verdict; equal answers to equal questions are judged once."""
        key = (answer.signature, question.epoch)
        if key not in self._verdicts:
            self._verdicts[key] = fault_of(answer, question)
        return self._verdicts[key]

    def _peer(self, peer: ev.Peer) -> SimVault:
        return (
            list(self.vaults.values())[peer]
            if isinstance(peer, int)
            else self.vaults[peer]
        )

    def _wake(self, vault: SimVault, seconds: float) -> None:
        if seconds in vault.wakes:
            return
        vault.wakes.add(seconds)
        node = vault.node

        def act() -> None:
            vault.wakes.discard(seconds)
            if vault.node is node:
                entropy = self.random.randbytes(32)
                self.deliver(vault, ev.Woken(self.now, entropy))

        self.at(max(seconds, self.now), act)

    def _call(  # noqa: C901 # one message's way there and back
        self, caller: SimVault, call: fx.Call
    ) -> None:
        self.calls[type(call.request).__name__] += 1
        node, target = caller.node, self._peer(call.peer)
        if self.intercept and self.intercept(caller.id, call):
            lost = True
        else:
            lost = self.random.random() < self.weather.loss
        done = [False]

        def finish(event: Callable[[], ev.Event]) -> None:
            if not done[0] and caller.node is node:
                done[0] = True
                self.deliver(caller, event())

        def time_out() -> None:
            text = "no answer in time"
            finish(lambda: ev.Unanswered(self.now, call.peer, call.request, None, text))

        def answered(effect: fx.Reply | fx.Refuse) -> None:
            if self.random.random() < self.weather.loss:
                return
            delay = self.random.uniform(*self.weather.delay_seconds)
            self.at(self.now + delay, lambda: finish(lambda: event_of(effect)))

        def event_of(effect: fx.Reply | fx.Refuse) -> ev.Event:
            if isinstance(effect, fx.Reply):
                return ev.Replied(self.now, call.peer, call.request, effect.reply)
            return ev.Unanswered(
                self.now, call.peer, call.request, effect.kind, effect.reason
            )

        def arrive() -> None:
            token = next(self._tokens)
            self._replies[token] = answered
            self.deliver(target, ev.Asked(self.now, token, call.request))

        self.at(self.now + call.seconds, time_out)
        if lost:
            return
        copies = 2 if self.random.random() < self.weather.doubling else 1
        for _ in range(copies):
            delay = self.random.uniform(*self.weather.delay_seconds)
            self.at(self.now + delay, arrive)
