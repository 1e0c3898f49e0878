"""The driver: durable before it shows, one commit for many, no fault takes it down."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from audit_parties import Parties
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.units import Digest
from holdfast.vault.core import effects as fx
from holdfast.vault.core import events as ev
from holdfast.vault.core import messages as m
from holdfast.vault.core.declared import Declared
from holdfast.vault.core.events import Event
from holdfast.vault.core.fault_messages import AskAudit, Ping
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.saved import CheckpointSigned, Saved, VoteGiven
from holdfast.vault.driver import CALLS_MAX, Driver, Surroundings
from holdfast.vault.holdings_database import JournalError

E = TypeVar("E", bound=Event)
PARTIES = Parties(3)
SIGNED = PARTIES.checkpoint(PARTIES.keys[0], 4, Entries(()))
CHECKPOINT = CheckpointSigned(SIGNED, Declared(Entries(()), {}))
VOTE = VoteGiven(PARTIES.keys[1].vault_id, 4, SIGNED.value.digest(), Digest(bytes(32)))
OFFER = m.OfferCheckpoint(SIGNED, None, Entries(()), (), ())
PEER = PARTIES.keys[1].vault_id


@dataclass
class World:
    """Everything around a driver, noting in which order it was used."""

    answers: dict[type, Callable[[Any], list[fx.Effect]]]
    told: list[str] = field(default_factory=list)
    batches: list[list[Saved]] = field(default_factory=list)
    full: bool = False
    refusal: Refusal = Refusal.UNREADY
    events: list[Event] = field(default_factory=list)

    def receive(self, event: Event) -> list[fx.Effect]:
        self.events.append(event)
        return self.answers.get(type(event), lambda _event: [])(event)

    def save(self, batch: list[Saved]) -> None:
        if self.full:
            raise JournalError("this vault's disk is full")
        self.batches.append(list(batch))
        self.told.append("saved")

    async def ask(self, _peer: object, request: m.Request, _seconds: float) -> m.Reply:
        self.told.append(type(request).__name__)
        return m.Noted()

    async def take_over(self, _order: fx.TakeOver) -> None:
        raise RefusedError(self.refusal, "not now")

    def now(self) -> float:
        return 1000.0

    def wishes(self) -> None:
        pass


async def until(so: Callable[[], bool]) -> None:
    while not so():  # noqa: ASYNC110 # the driver's own tasks make it so
        await asyncio.sleep(0)


def heard(world: World, kind: type[E]) -> list[E]:
    return [event for event in world.events if isinstance(event, kind)]


async def drive(world: World, act: Callable[[Driver], Awaitable[None]]) -> None:
    around = Surroundings(world, world, world, world, world, world, world)  # type: ignore[arg-type]
    driver = Driver(PARTIES.me, world, around)  # type: ignore[arg-type]
    running = asyncio.ensure_future(driver.run())
    try:
        async with asyncio.timeout(20):
            await act(driver)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        driver.close()


def test_what_is_saved_is_durable_before_anything_leaves() -> None:
    world = World(
        {ev.Asked: lambda e: [fx.Call(PEER, OFFER, 1.0), fx.Save(CHECKPOINT), reply(e)]}
    )

    async def act(driver: Driver) -> None:
        assert await driver.ask(m.AskLastCheckpoint(PEER)) == m.Noted()
        await until(lambda: len(world.told) >= 2)

    asyncio.run(drive(world, act))
    assert world.told == ["saved", "OfferCheckpoint"]


def reply(event: ev.Asked) -> fx.Reply:
    return fx.Reply(event.token, m.Noted())


def test_events_that_wait_together_share_a_commit() -> None:
    world = World({ev.Asked: lambda e: [fx.Save(VOTE), reply(e)]})

    async def act(driver: Driver) -> None:
        asks = [driver.ask(m.AskLastCheckpoint(PEER)) for _ in range(20)]
        await asyncio.gather(*asks)

    asyncio.run(drive(world, act))
    assert sum(map(len, world.batches)) == 20
    assert len(world.batches) <= 2


def test_a_fault_in_one_event_is_refused_and_the_next_is_served() -> None:
    calls = iter([True, False])

    def answer(event: ev.Asked) -> list[fx.Effect]:
        if next(calls):
            raise ZeroDivisionError
        return [reply(event)]

    world = World({ev.Asked: answer})

    async def act(driver: Driver) -> None:
        with pytest.raises(RefusedError) as refused:
            await driver.ask(m.AskLastCheckpoint(PEER))
        assert refused.value.kind is Refusal.UNREADY
        assert await driver.ask(m.AskLastCheckpoint(PEER)) == m.Noted()

    asyncio.run(drive(world, act))


def test_on_a_full_disk_votes_go_on_and_unsaved_checkpoints_stay() -> None:
    def answer(event: ev.Asked) -> list[fx.Effect]:
        saves = [fx.Save(CHECKPOINT), fx.Save(VOTE)]
        return [*saves, fx.Call(PEER, OFFER, 1.0), reply(event)]

    world = World({ev.Asked: answer}, full=True)

    async def act(driver: Driver) -> None:
        await driver.ask(m.AskLastCheckpoint(PEER))
        await driver.ask(m.AskLastCheckpoint(PEER))
        assert world.told == []
        world.full = False
        await driver.ask(m.AskLastCheckpoint(PEER))
        await until(lambda: len(world.told) >= 2)

    asyncio.run(drive(world, act))
    assert world.batches == [[VOTE, VOTE, CHECKPOINT, VOTE]]
    assert world.told == ["saved", "OfferCheckpoint"]


def test_a_peer_that_cannot_be_reached_is_an_event() -> None:
    class Deaf(World):
        async def ask(self, *_: object) -> m.Reply:
            raise RefusedError(Refusal.DENIED, "no")

    world = Deaf({ev.LedgerAdvanced: lambda _e: [fx.Call(PEER, OFFER, 1.0)]})

    async def act(driver: Driver) -> None:
        driver.ledger_advanced()
        await until(lambda: bool(heard(world, ev.Unanswered)))

    asyncio.run(drive(world, act))
    (event,) = heard(world, ev.Unanswered)
    assert (event.kind, event.reason) == (Refusal.DENIED, "no")


def test_calls_that_carry_much_do_not_keep_pings_waiting() -> None:
    class Hung(World):
        async def ask(
            self, peer: object, request: m.Request, seconds: float
        ) -> m.Reply:
            if isinstance(request, AskAudit):
                self.told.append("hangs")
                await asyncio.Event().wait()
            return await super().ask(peer, request, seconds)

    audits = [fx.Call(PEER, AskAudit(PEER, epoch), 1.0) for epoch in range(999)]
    ping = fx.Call(PEER, Ping(), 1.0)
    world = Hung({ev.Asked: lambda e: [*audits, ping, reply(e)]})

    async def act(driver: Driver) -> None:
        await driver.ask(m.AskLastCheckpoint(PEER))
        await until(lambda: "Ping" in world.told)
        assert world.told.count("hangs") == CALLS_MAX

    asyncio.run(drive(world, act))


def test_wakes_come_in_time_and_once() -> None:
    world = World({ev.LedgerAdvanced: lambda _e: [fx.WakeAt(1000.0)] * 3})

    async def act(driver: Driver) -> None:
        driver.ledger_advanced()
        await until(lambda: len(heard(world, ev.Woken)) >= 2)
        await asyncio.sleep(0)

    asyncio.run(drive(world, act))
    woken = heard(world, ev.Woken)
    assert len(woken) == 2  # one at the start
    assert all(len(e.entropy) == 32 for e in woken)


@pytest.mark.parametrize(
    ("refusal", "able"),
    [(Refusal.EXHAUSTED, False), (Refusal.UNREADY, True), (Refusal.UNTIMELY, True)],
)
def test_only_who_has_no_room_cannot_take_over(refusal: Refusal, *, able: bool) -> None:
    deal = PARTIES.deal(1, [0, 1]).deal
    order = fx.TakeOver(deal, 0, PEER, {}, {})
    world = World({ev.Woken: lambda _event: [order]}, refusal=refusal)

    async def act(driver: Driver) -> None:
        driver.wake()
        await until(lambda: bool(heard(world, ev.TakenOver)))

    asyncio.run(drive(world, act))
    ended = heard(world, ev.TakenOver)[0]
    assert (ended.claim, ended.reason, ended.able) == (None, "not now", able)
