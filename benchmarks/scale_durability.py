"""How likely a deal loses data: a Markov chain solved exactly, and dice beside it."""

import math
import random
from dataclasses import dataclass

import numpy as np
from scale_network import HOURS_A_MONTH, HOURS_A_YEAR, PARAMS, K, N


@dataclass(frozen=True, slots=True)
class Repair:
    """How long a lost place stays empty, in hours.

    A vault that is away misses 24 epochs, waits for the next period's committee and
    its settlement, then is rebuilt; `urgent` is the early start at k + 1 live holders.
    """

    rebuild_hours: float

    @property
    def usual(self) -> float:
        """The mean from a loss to the place taken over and recorded."""
        verdict = PARAMS.missed_unreachable + PARAMS.period_epochs / 2 + 3
        return verdict + self.rebuild_hours

    @property
    def urgent(self) -> float:
        """The mean until the shards exist again when only k + 1 holders live."""
        return 2 + self.rebuild_hours


def loss_a_year(monthly: float, repair: Repair, k: int = K, n: int = N) -> float:
    """Return the probability that a deal loses data within a year.

    States 0 … n−k count lost holders, n−k+1 is the loss. Each live holder leaves at
    a constant rate; each lost place is filled after an exponential time.
    """
    rate = -math.log(1 - monthly) / HOURS_A_MONTH
    states = n - k + 1
    flow = np.zeros((states + 1, states + 1))
    for lost in range(states):
        flow[lost, lost + 1] = (n - lost) * rate
        if lost:
            # What is urgent begins at once for all, and so also ends about together.
            urgent = n - lost <= k + 1
            flow[lost, lost - 1] = 1 / repair.urgent if urgent else lost / repair.usual
        flow[lost, lost] = -flow[lost].sum()
    return float(_exponential(flow * HOURS_A_YEAR)[0, states])


def _exponential(matrix: np.ndarray) -> np.ndarray:
    """Return e to a matrix: a series of a small part of it, squared up again.

    Rates of very different size make squaring lose digits, so it is done with
    nonnegative numbers only (uniformization): nothing is ever subtracted.
    """
    fastest = float(-matrix.diagonal().min())
    halvings = max(0, math.ceil(math.log2(fastest)) + 8)
    step = matrix / 2**halvings
    size = fastest / 2**halvings
    stochastic = np.eye(len(matrix)) + step / size
    term = np.eye(len(matrix)) * math.exp(-size)
    total = term.copy()
    for power in range(1, 30):
        term = term @ stochastic * (size / power)
        total += term
    for _ in range(halvings):
        total = total @ total
    return total


def loss_by_chance(
    monthly: float, repair: Repair, deals: int, years: int, seed: int
) -> float:
    """Return the same by rolling dice, deal after deal, with fixed repair times."""
    dice = random.Random(seed)
    rate = -math.log(1 - monthly) / HOURS_A_MONTH
    losses = sum(_loses(dice, rate, repair, years * HOURS_A_YEAR) for _ in range(deals))
    return losses / (deals * years)


def _loses(dice: random.Random, rate: float, repair: Repair, hours: float) -> bool:
    now, filled = 0.0, list[float]()
    while True:
        now += dice.expovariate((N - len(filled)) * rate)
        filled = [at for at in filled if at > now]
        if now > hours:
            return False
        filled.append(now + repair.usual)
        if N - len(filled) <= K + 1:
            filled = [min(at, now + repair.urgent) for at in filled]
        if len(filled) > N - K:
            return True
