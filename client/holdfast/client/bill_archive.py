"""The owner's archive of settlements: one file for each period, never changed.

It lies in the profile and not in its cache: vaults forget old settlements, and this
is the proof of what was charged. Beside them is the part of the ledger that says who
could sign them.
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
from holdfast.protocol.cases import EXTRACT, Extract
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.units import NetworkId

_NAME: Final = re.compile(r"period-(\d{1,20})\.settled")
_FILE_BYTES_MAX: Final = 1 << 26
_LEDGER: Final = "ledger.extract"


def ledger_beside(bill: Path) -> Path:
    """Return where the ledger's extract is that goes with an archived settlement."""
    return bill.with_name(_LEDGER)


def read_settled(path: Path) -> SettledPeriod:
    """Return an archived settlement, not verified; raises OSError, DecodingError."""
    with path.open("rb") as file:
        return SETTLED_PERIOD.decode(file.read(_FILE_BYTES_MAX))


def read_extract(path: Path) -> Extract:
    """Return an extract of a ledger; raises OSError, DecodingError."""
    with path.open("rb") as file:
        return EXTRACT.decode(file.read(_FILE_BYTES_MAX))


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

    def extract(self) -> Extract | None:
        """Return what is kept of the ledger, or None if nothing usable is."""
        try:
            found = read_extract(self.folder / _LEDGER)
        except (OSError, ProtocolError):
            return None
        return found if found.params.network_id == self._network else None

    def keep_extract(self, extract: Extract) -> None:
        """Replace what is kept of the ledger; raises OSError."""
        write_durably(self.folder / _LEDGER, EXTRACT.encode(extract))

    def kept_periods(self) -> tuple[int, ...]:
        """Return the periods that have a file, oldest first."""
        return tuple(sorted(period for period, _ in self._files()))

    def newest_period(self) -> int:
        """Return the newest period that is kept, or −1."""
        return max((period for period, _ in self._files()), default=-1)

    def periods(self) -> Iterator[SettledPeriod]:
        """Yield all settlements that hold, oldest first; `bad` has the others."""
        self.bad.clear()
        for period, path in sorted(self._files()):
            try:
                settled = read_settled(path)
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
