"""The owner's archive of settlements: one file for each period, never changed.

It lies in the profile and not in its cache: vaults forget old settlements, and this
is the proof of what was charged.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.client.core.billing import (
    SETTLED_PERIOD,
    BillError,
    SettledPeriod,
    check_settled,
)
from holdfast.client.durable_file import write_durably
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.units import NetworkId

_NAME: Final = re.compile(r"period-(\d{1,20})\.settled")
_FILE_BYTES_MAX: Final = 1 << 26


class BillArchive:
    """The files in one folder; whatever is read is verified first."""

    def __init__(self, folder: Path, network: NetworkId) -> None:
        self.folder = folder
        self._network = network
        self.bad: list[tuple[Path, str]] = []

    def path(self, period: int) -> Path:
        """Return where a period's settlement is kept."""
        return self.folder / f"period-{period:010d}.settled"

    def keep(self, settled: SettledPeriod) -> None:
        """Keep a settlement, unless its period has one; raises OSError, BillError."""
        check_settled(settled, self._network)
        path = self.path(settled.period)
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(path, SETTLED_PERIOD.encode(settled))

    def newest_period(self) -> int:
        """Return the newest period that is kept, or −1."""
        return max((period for period, _ in self._files()), default=-1)

    def periods(self) -> Iterator[SettledPeriod]:
        """Yield all settlements that hold, oldest first; `bad` has the others."""
        self.bad.clear()
        for period, path in sorted(self._files()):
            try:
                with path.open("rb") as file:
                    data = file.read(_FILE_BYTES_MAX)
                settled = SETTLED_PERIOD.decode(data)
                check_settled(settled, self._network)
                if settled.period != period:
                    raise BillError("it is of another period")
            except (OSError, ProtocolError) as error:
                self.bad.append((path, str(error)))
            else:
                yield settled

    def _files(self) -> Iterator[tuple[int, Path]]:
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if name := _NAME.fullmatch(path.name):
                yield int(name[1]), path
