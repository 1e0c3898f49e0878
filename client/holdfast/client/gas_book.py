"""What a profile has paid for gas on its network's chain, kept beside its keys.

The chain itself does not add it up for anybody. What a command spent is written when
it ends; of one that was killed it is missing.
"""

import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from holdfast.client.durable_file import write_durably
from holdfast.protocol.frozen import frozen

NAME: Final = "gas.json"


@runtime_checkable
class GasPayer(Protocol):
    """An account on a chain: what it has used since it was opened."""

    @property
    def gas(self) -> int:
        """Units of gas."""
        ...

    @property
    def spent(self) -> int:
        """Wei that were paid for them."""
        ...


@frozen
class GasSpent:
    """Units of gas, and the wei that were paid for them."""

    gas: int = 0
    wei: int = 0


def gas_spent(home: Path) -> GasSpent:
    """Return what all commands of a profile spent; nothing if that is unreadable."""
    try:
        said = json.loads((home / NAME).read_bytes())
        return GasSpent(int(said["gas"]), int(said["wei"]))
    except (OSError, ValueError, KeyError, TypeError):
        return GasSpent()


def add_gas(home: Path, account: object) -> None:
    """Add what an account has spent, if it is one that pays for gas.

    A disk that is full loses the figure and fails nothing.
    """
    if not isinstance(account, GasPayer) or not account.gas:
        return
    before = gas_spent(home)
    total = GasSpent(before.gas + account.gas, before.wei + account.spent)
    with contextlib.suppress(OSError):
        write_durably(home / NAME, json.dumps(asdict(total)).encode())
