"""Neighbours that vote for an answer which proves nothing: found, judged, slashed."""

from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import pytest

from holdfast.ledger.core.case_files import judge_file
from holdfast.protocol.cases import CASE_FILE, Fault
from holdfast.protocol.placement import majority
from holdfast.protocol.units import GIB, LEAF_BYTES, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import events as ev
from holdfast.vault.core import rechecking
from holdfast.vault.core.fault_messages import AskAudit
from holdfast.vault.core.saved import CaseKept, VoteGiven
from simulation.accounts import deals_on, newest_totals
from simulation.test_cases import EjectingLedger, ejected
from simulation.world import SimVault, World, sim_params

VAULTS = 9
FORGED = range(5, 8)
"""Epochs of one period, whose neighbours are drawn together."""

JUDGED = 13
WRONG = bytes(LEAF_BYTES)


@pytest.fixture(autouse=True)
def every_answer_is_drawn() -> Iterator[None]:
    """Leave nothing to luck: the committee judges every answer once more."""
    with mock.patch.object(rechecking, "ONE_IN", 1):
        yield


class Conspiracy(World):
    """A holder answers with bytes that it does not have, and friends vote for it."""

    forger: VaultId
    group: tuple[VaultId, ...] = ()
    friends: frozenset[VaultId] = frozenset()

    def forges(self, vault: SimVault, epoch: int) -> bool:
        return epoch in FORGED and vault.id == self.forger

    def conspire(self, voters: int) -> None:
        """Let so many of the forger's neighbours vote for everything."""
        state = next(iter(self.vaults.values())).me.ledger
        self.group = state.group(self.forger, FORGED[0])
        self.friends = frozenset(self.group[:voters])

    def deliver(self, vault: SimVault, event: ev.Event) -> None:
        match event:
            case ev.LeavesRead(_, epoch, leaves) if self.forges(vault, epoch):
                wrong = tuple(replace(leaf, data=WRONG) for leaf in leaves if leaf)
                event = replace(event, leaves=wrong)
            case ev.AnswerSealed() if self.forges(vault, event.epoch):
                event = replace(event, fault=None)
            case ev.AnswerChecked() if vault.id in self.friends:
                event = replace(event, fault=None)
            case _:
                pass
        super().deliver(vault, event)


def conspiracy(seed: int, voters: int) -> Conspiracy:
    """Return a network in which so many of five neighbours back a forger."""
    params = sim_params(group_size=5, rebuild_price=1 << 30)
    world = Conspiracy(VAULTS, seed=seed, params=params)
    world.ledger = EjectingLedger(params, world.ledger.rows)
    deals_on(world, 4)
    world.forger = next(iter(world.ledger.deals.values())).holders[0].vault
    world.at(params.epoch_start(FORGED[0] - 1) + 5, lambda: world.conspire(voters))
    return world


def accused(world: World) -> set[tuple[VaultId, int]]:
    kept = (s for v in world.vaults.values() for s in v.saved)
    return {(s.case.vault, s.case.fault) for s in kept if isinstance(s, CaseKept)}


@pytest.fixture(scope="module")
def believed() -> Conspiracy:
    """Return a network whose majority of neighbours certified a forgery."""
    world = conspiracy(1, voters=3)
    with mock.patch.object(rechecking, "ONE_IN", 1):
        world.run_to_epoch(JUDGED)
    return world


def test_neighbours_that_vote_for_a_wrong_answer_lose_their_place_and_stake(
    believed: Conspiracy,
) -> None:
    world = believed
    assert set(FORGED) <= world.vaults[world.forger].certified(), "they believed it"
    assert len(world.friends) == majority(len(world.group))
    assert ejected(world) == world.friends
    assert accused(world) == {(who, Fault.FALSE_VOTE.value) for who in world.friends}
    members = [v for v in world.vaults.values() if v.id not in world.friends]
    for friend in world.friends:
        assert world.ledger.rows[friend].stake == 0
        shown = [member.node.justice.cases.file(friend) for member in members]
        upheld = [file for file in shown if file and file.certificate]
        assert upheld, "nobody has the case"
        verdict = judge_file(CASE_FILE.decode(CASE_FILE.encode(upheld[0])))
        assert verdict.guilty
        assert verdict.fault is Fault.FALSE_VOTE


def test_a_neighbour_that_refused_the_wrong_answer_is_not_touched(
    believed: Conspiracy,
) -> None:
    world = believed
    honest = set(world.group) - world.friends
    assert len(honest) == 2
    for vault in honest:
        votes = [s for s in world.vaults[vault].saved if isinstance(s, VoteGiven)]
        assert votes, "it did vote, for others"
        assert not [v for v in votes if (v.vault, v.epoch) == (world.forger, FORGED[0])]
        row = world.ledger.rows[vault]
        assert row.stake == 1 << 40
    assert not ejected(world) & honest


def test_a_forged_answer_earns_nothing_whether_its_friends_show_it_or_not(
    believed: Conspiracy,
) -> None:
    hidden = conspiracy(1, voters=3)

    def hide(caller: VaultId, call: fx.Call) -> bool:
        del caller
        hiders = {hidden.forger, *hidden.friends}
        return isinstance(call.request, AskAudit) and call.peer in hiders

    hidden.intercept = hide
    hidden.run_to_epoch(JUDGED)
    assert set(FORGED) <= hidden.vaults[hidden.forger].certified()
    assert accused(hidden) == set(), "what nobody shows convicts nobody"
    for world in (believed, hidden):
        assert newest_totals(world).earned[world.forger] == proved(world)


def proved(world: Conspiracy) -> int:
    """Return what the forger earned with the epochs that it did not forge."""
    settled = world.params.first_epoch(
        world.ledger.settlements[-1].statement.period + 1
    )
    forger = world.vaults[world.forger]
    epochs = [e for e in forger.certified() - set(FORGED) if e < settled]
    held = forger.held.deals.values()
    earned = 0
    for fake in held:
        index = fake.deal.index_of(forger.id)
        assert index is not None
        price = fake.deal.holders[index].price
        earned += len(epochs) * (fake.manifest.held_bytes * price // GIB)
    return earned


@pytest.mark.long
def test_a_minority_of_false_votes_certifies_nothing_and_nobody_is_convicted() -> None:
    world = conspiracy(2, voters=2)
    world.run_to_epoch(JUDGED)
    assert not set(FORGED) & world.vaults[world.forger].certified()
    voters = [v for v in world.vaults.values() if v.id != world.forger]
    assert any(isinstance(s, VoteGiven) for v in voters for s in v.saved)
    assert {fault for _, fault in accused(world)} <= {Fault.MISSED.value}
    assert ejected(world) <= {world.forger}
