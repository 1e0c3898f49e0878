"""What the network does to messages: loses, delays, doubles, reorders, splits."""

import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Climate:
    """How the network is, as one story has it; times in seconds."""

    loss: float = 0.0
    delay_seconds: tuple[float, float] = (0.01, 0.2)
    doubling: float = 0.0


@dataclass
class Weather:
    """Every message's fate; `sides` splits the vaults while it is not empty."""

    climate: Climate
    dice: random.Random
    sides: dict[int, int] = field(default_factory=dict)
    sent: int = 0

    def split(self, one: int, other: int) -> bool:
        """Return whether a split keeps two vaults apart; −1 is on every side."""
        if not self.sides:
            return False
        here, there = self.sides.get(one), self.sides.get(other)
        return here is not None and there is not None and here != there

    def lost(self) -> bool:
        return self.climate.loss > 0 and self.dice.random() < self.climate.loss

    def copies(self) -> int:
        self.sent += 1
        doubling = self.climate.doubling
        return 2 if doubling and self.dice.random() < doubling else 1

    def delay(self) -> float:
        least, most = self.climate.delay_seconds
        return least + (most - least) * self.dice.random()
