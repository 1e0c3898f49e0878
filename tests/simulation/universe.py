"""A whole network in one process: vaults, ledger, owners, time, from one seed.

The production nodes decide; this carries their effects out, as the seed's weather,
disks and crashes allow, and tells whoever watches what happened.
"""

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.operations import Operation
from holdfast.ledger.core.registry import registration
from holdfast.protocol.answer import Answer
from holdfast.protocol.judgement import Question, SealedAnswer, fault_of, seal
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import Grains, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import events as ev
from holdfast.vault.core.fault_messages import AuditOf
from simulation.clock import Chronicle, Clock
from simulation.consistency import Consistency
from simulation.exchange import Exchange
from simulation.following import Following
from simulation.sim_chain import SimChain
from simulation.sim_holder import at_once
from simulation.sim_vault import SimVault
from simulation.weather import Climate, Weather

GENESIS = 1_000_000
FOLLOW_SECONDS = 0.4
WORK_SECONDS = (0.01, 0.1)
WAKE_SECONDS = 1.0
REPAIR_SECONDS = 1.0
ANSWERS_MAX = 128
Watch = Callable[[str, SimVault, Any], None]


class Universe:
    """Everything, driven by one seed."""

    def __init__(
        self,
        seed: int,
        params: NetworkParams,
        vaults: int,
        climate: Climate | None = None,
        owners: int = 1,
    ) -> None:
        self.dice = random.Random(seed)
        self.params = params
        self.clock = Clock(float(params.genesis_seconds))
        self.chronicle = Chronicle()
        self.weather = Weather(climate or Climate(), random.Random(seed + 1))
        self._handlers = self._table()
        self.vaults: list[SimVault] = []
        self.by_id: dict[VaultId, SimVault] = {}
        self.calls: Counter[str] = Counter()
        self.repair_bytes = 0
        self.unrebuilt = 0
        self.watch: Watch = _nobody
        self.consistency = Consistency()
        self._verdicts: dict[tuple[int, int], tuple[object, str | None]] = {}
        self.replies: dict[int, Callable[[fx.Reply | fx.Refuse], None]] = {}
        self.tokens = itertools.count(1)
        everybody = [self._made(number, seed) for number in range(vaults)]
        self.owner_seeds = [self.dice.randbytes(32) for _ in range(owners)]
        self.chain = SimChain(params, self._accounts(everybody), lambda: self.clock.now)
        self.following = Following(self.chain)

    def _made(self, number: int, seed: int) -> SimVault:
        secret = seed.to_bytes(8, "big") + number.to_bytes(24, "big")
        vault = SimVault(
            number,
            NodeKeys(secret),
            self.params,
            lambda: self.clock.now,
            self._handlers,
            self.reach,
        )
        self.vaults.append(vault)
        self.by_id[vault.id] = vault
        return vault

    def _accounts(self, vaults: list[SimVault]) -> list[Any]:
        owners = (AccountKey.from_secret(secret) for secret in self.owner_seeds)
        return [*(v.account.id for v in vaults), *(owner.id for owner in owners)]

    def _table(self) -> dict[type, Callable[[SimVault, Any], None]]:
        return {
            fx.WakeAt: self._wake,
            fx.Call: self._call,
            fx.Reply: self._reply,
            fx.Refuse: self._reply,
            fx.TakeEntries: self._take_entries,
            fx.ReadLeaves: self._read_leaves,
            fx.SealAnswer: self._seal,
            fx.CheckAnswer: self._check,
            fx.KeepAnswer: self._keep_answer,
            fx.JudgeAnswer: self._judge_in_court,
            fx.ShowAudit: self._show_audit,
            fx.TakeOver: self._take_over,
            fx.DropTakeover: self._drop_takeover,
            fx.LetGo: self._let_go,
            fx.RebuildMissing: self._rebuild,
            fx.FindDeals: self._find_deals,
            fx.Submit: self._submit,
            fx.Log: self._log,
            fx.Save: _nothing,
        }

    # Time and the ledger.

    @property
    def now(self) -> float:
        return self.clock.now

    def begin(self, vaults: int, stake: Grains) -> None:
        """Begin epoch 0 and register the first vaults in it."""
        self.clock.now += 0.01
        self.tick()
        for vault in self.vaults[:vaults]:
            self.join(vault, stake)

    def tick(self) -> None:
        """Begin the epoch that the clock says, unless the ledger is down."""
        if self.chain.tick(self.dice.randbytes(32)):
            self.chronicle.note(self.now, "tick", self.chain.epoch)
            self.tell_all()

    def join(self, vault: SimVault, stake: Grains) -> None:
        account = vault.account.id
        operation = registration(
            vault.keys, self.params.network_id, account, account, stake
        )
        fault = self.chain.submit(vault.account, operation)
        assert fault is None, fault
        vault.alive = True
        self.tell_all()

    def tell_all(self) -> None:
        """Let every vault hear what the ledger has, a little later, once."""
        for vault in self.vaults:
            self._tell(vault)

    def _tell(self, vault: SimVault) -> None:
        if vault.following or not vault.alive:
            return
        vault.following = True
        life, delay = vault.life, FOLLOW_SECONDS * (0.2 + self.dice.random())

        def follow() -> None:
            if vault.life == life:
                vault.following = False
                self.follow(vault)

        self.clock.after(delay, follow)

    def follow(self, vault: SimVault) -> None:
        if not vault.alive or self.chain.down or self.weather.split(vault.number, -1):
            return
        if self.following.bring(vault.me.ledger):
            vault.deliver(ev.LedgerAdvanced(self.now))

    def start_again(self, vault: SimVault) -> None:
        """Start a vault from what it saved and what its disk kept."""
        vault.restart(lambda holder, state: holder.restart(state, self.dice))
        self.chronicle.note(self.now, "start", vault.number)
        self.follow(vault)
        self._wake(vault, fx.WakeAt(self.now))

    def submit(self, vault: SimVault, operation: Operation) -> str | None:
        fault = self.chain.submit(vault.account, operation)
        kind = type(operation).__name__
        self.chronicle.note(self.now, kind, vault.number, (fault or "").encode())
        self.watch(kind, vault, (operation, fault))
        if fault is None:
            self.tell_all()
        return fault

    # What nodes order.

    def later(
        self, vault: SimVault, event: Callable[[], ev.Event], seconds: float = 0.0
    ) -> None:
        least, most = WORK_SECONDS
        delay = least + (most - least) * self.dice.random()
        life = vault.life

        def act() -> None:
            if vault.life == life and vault.alive:
                vault.deliver(event())

        self.clock.after(delay + seconds + vault.slow_seconds, act)

    def _wake(self, vault: SimVault, effect: fx.WakeAt) -> None:
        """Wake a vault a little late, as timers do: together for what is near."""
        if effect.seconds in vault.asked:
            return
        vault.asked.add(effect.seconds)
        seconds = WAKE_SECONDS * math.ceil(effect.seconds / WAKE_SECONDS)
        if seconds in vault.wakes:
            return
        vault.wakes.add(seconds)
        life = vault.life

        def act() -> None:
            if vault.life == life and vault.alive:
                vault.wakes.discard(seconds)
                now = self.clock.now
                vault.asked = {one for one in vault.asked if one > now}
                vault.deliver(ev.Woken(now, self.dice.randbytes(32)))

        self.clock.at(max(seconds, self.now), act)

    def _reply(self, vault: SimVault, effect: fx.Reply | fx.Refuse) -> None:
        answer = self.replies.pop(effect.token, None)
        if answer is not None:
            answer(effect)

    def _call(self, vault: SimVault, call: fx.Call) -> None:
        assert not isinstance(call.peer, int), "no seeds here"
        kind = type(call.request).__name__
        self.calls[kind] += 1
        target = self.by_id[call.peer]
        who = vault.number * 4096 + target.number
        self.chronicle.note(self.clock.now, kind, who)
        self.consistency.called(vault, call)
        Exchange(self, vault, target, call).send()

    def _take_entries(self, vault: SimVault, effect: fx.TakeEntries) -> None:
        data = vault.holder.data
        if (entries := data.entries()) == vault.entries:
            # The very same again is what memories know again.
            entries = vault.entries
        vault.entries = entries
        heads = [data.signed_head(entry) for entry in entries.items if entry.sequence]
        fulls = (data.full_receipt(entry.deal) for entry in entries.items)
        dated = tuple(
            ev.Dated(
                full.head.value.deal, full.head.value.sequence, full.latest_epoch()
            )
            for full in fulls
            if full
        )
        found = tuple(head for head in heads if head)
        self.later(
            vault,
            lambda: ev.EntriesTaken(self.now, effect.epoch, entries, found, dated),
        )

    def _read_leaves(self, vault: SimVault, effect: fx.ReadLeaves) -> None:
        leaves = vault.holder.read(effect.wanted)
        self.watch("read", vault, leaves)
        if vault.mask:
            leaves = vault.mask.read(effect.wanted, leaves)
        self.later(vault, lambda: ev.LeavesRead(self.now, effect.epoch, leaves))

    def _seal(self, vault: SimVault, effect: fx.SealAnswer) -> None:
        sealed: SealedAnswer = seal(effect.answer, effect.question, vault.me.pair)
        self._verdicts[id(sealed.answer), effect.question.epoch] = (
            sealed.answer,
            sealed.fault,
        )
        epoch = effect.answer.epoch
        self.watch("sealed", vault, sealed)
        fault = None if vault.mask and vault.mask.forges else sealed.fault
        self.later(
            vault,
            lambda: ev.AnswerSealed(self.now, epoch, sealed.answer, fault),
        )

    def _check(self, vault: SimVault, effect: fx.CheckAnswer) -> None:
        fault = self.judge(effect.answer, effect.question)
        if vault.mask:
            fault = vault.mask.judge(vault, effect.answer, fault)
        token, answer = effect.token, effect.answer
        self.later(vault, lambda: ev.AnswerChecked(self.now, token, answer, fault))

    def judge(self, answer: Signed[Answer], question: Question) -> str | None:
        """Return the verdict; one answer is judged once in an epoch."""
        key = (id(answer), question.epoch)
        if key not in self._verdicts:
            if len(self._verdicts) > 4096:
                self._verdicts.clear()
            self._verdicts[key] = (answer, fault_of(answer, question))
        return self._verdicts[key][1]

    def _let_go(self, vault: SimVault, effect: fx.LetGo) -> None:
        at_once(vault.holder.data.checkpoint_answered(effect.entries))

    def _find_deals(self, vault: SimVault, effect: fx.FindDeals) -> None:
        if self.chain.down:
            self.later(vault, lambda: ev.DealsFound(self.now, effect.deals, None))
            return
        rows = (self.chain.book.state.deal(deal) for deal in sorted(effect.deals))
        found = tuple(row.deal for row in rows if row)
        self.following.tell(vault.me.ledger, LedgerNews(0, -1, deals=found))
        self.later(vault, lambda: ev.DealsFound(self.now, effect.deals, found))

    def _submit(self, vault: SimVault, effect: fx.Submit) -> None:
        operation, life = effect.operation, vault.life

        def act() -> None:
            fault = self.submit(vault, operation)
            if vault.life == life:
                self.later(vault, lambda: ev.OperationEnded(self.now, operation, fault))

        self.clock.after(self.weather.delay(), act)

    def _log(self, vault: SimVault, effect: fx.Log) -> None:
        if effect.warning:
            count = vault.warnings.get(effect.message, 0)
            vault.warnings[effect.message] = count + 1

    def _rebuild(self, vault: SimVault, effect: fx.RebuildMissing) -> None:
        def event() -> ev.Event:
            rebuilt = vault.holder.rebuild(effect)
            self._count_repair(vault)
            self.watch("rebuilt", vault, (effect.deal, rebuilt))
            return ev.MissingRebuilt(self.now, effect.deal.id, rebuilt)

        self.later(vault, event, REPAIR_SECONDS)

    def _take_over(self, vault: SimVault, effect: fx.TakeOver) -> None:
        def event() -> ev.Event:
            claim, reason, able = vault.holder.take_over(effect)
            self._count_repair(vault)
            self.watch("taken", vault, (effect, claim))
            deal, index = effect.deal.id, effect.index
            return ev.TakenOver(self.now, deal, index, claim, reason, able)

        self.later(vault, event, REPAIR_SECONDS)

    def _drop_takeover(self, vault: SimVault, effect: fx.DropTakeover) -> None:
        vault.holder.drop_takeover(effect.deal)

    def _count_repair(self, vault: SimVault) -> None:
        rebuilder = vault.holder.rebuilder
        self.repair_bytes += rebuilder.moved
        self.unrebuilt += rebuilder.failed
        rebuilder.moved = rebuilder.failed = 0

    def _judge_in_court(self, vault: SimVault, effect: fx.JudgeAnswer) -> None:
        fault = self.judge(effect.answer, effect.question)
        answer = effect.answer
        self.later(vault, lambda: ev.AnswerJudged(self.now, answer, fault))

    def _keep_answer(self, vault: SimVault, effect: fx.KeepAnswer) -> None:
        value = effect.answer.value
        vault.answers[value.checkpoint.vault, value.epoch] = effect.answer
        while len(vault.answers) > ANSWERS_MAX:
            vault.answers.popitem(last=False)

    def _show_audit(self, vault: SimVault, effect: fx.ShowAudit) -> None:
        answer = vault.answers.get((effect.vault, effect.epoch))
        self._reply(vault, fx.Reply(effect.token, AuditOf(answer)))

    def reach(self, one: SimVault, other: VaultId) -> SimVault | None:
        """Return a vault that another can reach now."""
        target = self.by_id[other]
        apart = self.weather.split(one.number, target.number)
        if not target.alive or apart or self.weather.lost():
            return None
        return target


def _nobody(kind: str, vault: SimVault, fact: object) -> None:
    pass


def _nothing(vault: SimVault, effect: object) -> None:
    pass
