"""What happens in one story: everything that a seed decides beforehand.

Times are epochs, fractions of them too. Honest vaults stay within what the design
promises them: shorter away than the grace period, and not again too soon. Who stays
away longer, or for good, counts as dead.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import GRAINS_PER_HOLD
from simulation.universe import GENESIS
from simulation.weather import Climate

STAKE = 2 * GRAINS_PER_HOLD
CALM = Climate()
STORMY = Climate(loss=0.03, delay_seconds=(0.01, 1.5), doubling=0.05)
FIRST_DEALS = 2
CHUNKS = 8
FIRST_TROUBLE = 6
REST_EPOCHS = 20


class Act(Enum):
    """What can happen; `who` is a vault or owner, `amount` as the act needs it."""

    CRASH = "crash"  # for `amount` epochs
    DIE = "die"
    AWAY = "away"  # for `amount` epochs, longer than the grace period
    EXIT = "exit"
    JOIN = "join"
    SPLIT = "split"  # the network, for `amount` epochs
    OUTAGE = "outage"  # of the ledger, for `amount` epochs
    ROT = "rot"  # `amount` shards get a flipped byte
    FULL = "full"  # the disk, for `amount` epochs
    SLOW = "slow"  # the vault, for `amount` epochs
    UPLOAD = "upload"  # `amount` chunks


@dataclass(frozen=True, slots=True)
class Happening:
    """One act at one time."""

    epoch: float
    act: Act
    who: int = 0
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Story:
    """A whole story; `masks` says which vaults are hostile, and how."""

    seed: int
    vaults: int
    joiners: int
    epochs: int
    climate: Climate
    params: NetworkParams
    masks: tuple[tuple[int, str, float], ...]
    happenings: tuple[Happening, ...]
    hostile_owner: bool

    @property
    def hostile(self) -> frozenset[int]:
        return frozenset(number for number, _, _ in self.masks)


def params_of(**changes: int) -> NetworkParams:
    """Return the network of a story: short windows, few leaves, small groups."""
    values: dict[str, int] = {
        "epoch_seconds": 60,
        "period_epochs": 8,
        "group_size": 5,
        "committee_size": 9,
        "leaves_per_audit": 8,
        "missed_reachable": 3,
        "window_reachable": 16,
        "missed_unreachable": 6,
        "window_unreachable": 16,
        "unbonding_epochs": 8,
        "keep_epochs": 8,
        "least_stake": GRAINS_PER_HOLD,
        "rebuild_price": 1000,
        "faucet_grains": 1,
    }
    values.update(changes)
    return NetworkParams("simulation", 31337, GENESIS, **values)


MASKS = (
    ("dropper", 4),
    ("selective", 2),
    ("colluder", 4),
    ("liar", 1),
    ("garbage", 2),
    ("staller", 2),
)


def story_of(seed: int, vaults: int, epochs: int) -> Story:
    """Return the story that a seed tells."""
    dice = random.Random(f"story {seed}")
    hostile = dice.choice((0.0, 0.1, 0.2, 0.2, 0.2))
    kinds = [kind for kind, weight in MASKS for _ in range(weight)]
    if dice.random() < 0.1:
        hostile, kinds = 0.33, ["colluder"]
    masks = tuple(_masks(dice, vaults, int(hostile * vaults), kinds))
    honest = sorted(set(range(vaults)) - {number for number, _, _ in masks})
    joiners = max(vaults // 5, 1)
    happenings = (
        *_uploads(dice, vaults, epochs),
        *_troubles(dice, honest, epochs),
        *_churn(dice, honest, vaults, joiners, epochs),
        *_storms(dice, epochs),
    )
    return Story(
        seed,
        vaults,
        joiners,
        epochs,
        dice.choice((CALM, CALM, STORMY)),
        params_of(),
        masks,
        tuple(sorted(happenings, key=lambda one: (one.epoch, one.act.value, one.who))),
        dice.random() < 0.25,
    )


def _masks(
    dice: random.Random, vaults: int, count: int, kinds: list[str]
) -> Iterator[tuple[int, str, float]]:
    for number in sorted(dice.sample(range(vaults), count)):
        yield number, dice.choice(kinds), dice.choice((0.01, 0.05, 0.2, 0.5, 1.0))


def _uploads(dice: random.Random, vaults: int, epochs: int) -> Iterator[Happening]:
    for _ in range(vaults // 3):
        yield Happening(FIRST_DEALS + dice.random(), Act.UPLOAD, 0, CHUNKS)
    for _ in range(vaults // 4):
        when = dice.uniform(FIRST_TROUBLE, epochs * 0.8)
        yield Happening(when, Act.UPLOAD, dice.randrange(2), CHUNKS)


def _troubles(
    dice: random.Random, honest: list[int], epochs: int
) -> Iterator[Happening]:
    """Crashes and disks of honest vaults: each has time to recover in between."""
    for number in honest:
        when = dice.uniform(FIRST_TROUBLE, 3 * REST_EPOCHS)
        while when < epochs - 2:
            act = dice.choice((Act.CRASH, Act.CRASH, Act.ROT, Act.FULL, Act.SLOW))
            amount = dice.choice((0.05, 0.3, 1.0, 2.0))
            if act is Act.ROT:
                amount = float(dice.randint(1, 3))
            yield Happening(when, act, number, amount)
            when += REST_EPOCHS + dice.uniform(0, 3 * REST_EPOCHS)


def _churn(
    dice: random.Random, honest: list[int], vaults: int, joiners: int, epochs: int
) -> Iterator[Happening]:
    leavers = dice.sample(honest, min(joiners, len(honest) // 3))
    for place, number in enumerate(leavers):
        when = dice.uniform(FIRST_TROUBLE, epochs - 2)
        act = (Act.DIE, Act.EXIT, Act.AWAY, Act.DIE)[place % 4]
        yield Happening(when, act, number, dice.uniform(8.0, 30.0))
    for number in range(vaults, vaults + joiners):
        yield Happening(dice.uniform(FIRST_TROUBLE, epochs * 0.9), Act.JOIN, number)


def _storms(dice: random.Random, epochs: int) -> Iterator[Happening]:
    """At most one split and one outage of the ledger, far apart from each other."""
    if dice.random() < 0.5:
        when = dice.uniform(FIRST_TROUBLE, epochs * 0.4)
        yield Happening(when, Act.SPLIT, 0, dice.choice((0.5, 2.0, 8.0)))
    if dice.random() < 0.5:
        when = dice.uniform(epochs * 0.6, epochs * 0.9)
        yield Happening(when, Act.OUTAGE, 0, dice.choice((0.5, 2.0, 3.0)))
