"""Verification: anybody who has the file finds out whether the books are true.

The chain of the journal is recomputed, every entry goes through the rules again
from genesis, signatures included, and every table must come out as it is. What a
file alone cannot show is that its newest entries were cut off together with their
rows: compare the head's hash with one noted before.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from holdfast.ledger.core.account_key import digest_of
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.core.errors import LedgerError
from holdfast.ledger.core.invariants import broken_invariants
from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.operations import SignedOperation
from holdfast.ledger.core.rules import apply
from holdfast.ledger.core.values import Changes
from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.journal import JournalRow, read_entries
from holdfast.ledger.tables import TABLES, Row, Table
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen

PROBLEMS_MAX: Final = 100

Expected = dict[Table, dict[Row, Row]]


@frozen
class VerifyReport:
    """What was found; amounts are grains, `head` is the newest entry's hash in hex."""

    entries: int
    epoch: int
    accounts: int
    vaults: int
    deals: int
    minted: int
    head: str
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {"sound": self.sound, **asdict(self)}


def verify(path: Path) -> VerifyReport:
    """Return what the ledger file is worth, or raise LedgerFileError if it is none."""
    if not path.is_file():
        raise LedgerFileError(str(path), "no ledger is here")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")  # one snapshot, while the ledger goes on
            return _Replay().run(connection)
    except sqlite3.Error as error:
        raise LedgerFileError(str(path), f"SQLite cannot read it: {error}") from error


class _Replay:
    """The journal once more, into an empty state and the rows it should have made."""

    def __init__(self) -> None:
        self._state: MemoryState | None = None
        self._expected: Expected = {table: {} for table in TABLES}
        self._problems: list[str] = []

    def run(self, connection: sqlite3.Connection) -> VerifyReport:
        """Return the report on an open file."""
        try:
            for row in read_entries(connection):
                self._repeat(row)
        except (ProtocolError, LedgerError) as error:
            self._problems.append(str(error))
        else:
            self._compare(connection)
        return self._report()

    def _repeat(self, row: JournalRow) -> None:
        content, sequence = row.entry.content, row.entry.sequence
        if isinstance(content, Genesis) is not (self._state is None):
            raise LedgerFileError(f"row {sequence}", "a genesis stands first, and once")
        if isinstance(content, Genesis):
            self._state = MemoryState(content.params)
        assert self._state is not None
        digest = None
        if isinstance(content, SignedOperation):
            digest = digest_of(self._state.params, content)
        if digest != row.digest:
            self._problems.append(f"row {sequence} of the journal has a wrong digest")
        try:
            changes = apply(self._state, row.entry).changes
        except LedgerError as error:
            raise LedgerFileError(
                f"row {sequence} of the journal", str(error)
            ) from error
        self._state.take(changes)
        self._expect(changes)

    def _expect(self, changes: Changes) -> None:
        for table, rows in self._expected.items():
            rows.update((row[: table.keys], row) for row in table.written(changes))

    def _compare(self, connection: sqlite3.Connection) -> None:
        if self._state is None:
            self._problems.append("the journal is empty")
            return
        for table, expected in self._expected.items():
            found = {
                row[: table.keys]: row for row in connection.execute(table.select())
            }
            self._problems.extend(_differences(table, expected, found))
        self._problems.extend(broken_invariants(self._state))

    def _report(self) -> VerifyReport:
        state = self._state
        return VerifyReport(
            entries=0 if state is None else state.head.sequence + 1,
            epoch=-1 if state is None else state.head.epoch,
            accounts=0 if state is None else sum(1 for _ in state.accounts()),
            vaults=0 if state is None else state.books.vaults,
            deals=0 if state is None else state.books.deals,
            minted=0 if state is None else state.books.minted,
            head="" if state is None else state.head.hash.hex(),
            problems=tuple(self._problems[:PROBLEMS_MAX]),
        )


def _differences(
    table: Table, expected: dict[Row, Row], found: dict[Row, Row]
) -> Iterator[str]:
    """Yield what a table has too much, too little, or different."""
    for key in sorted(expected.keys() | found.keys()):
        name = f"{table.name} row {', '.join(_text(part) for part in key)}"
        if key not in found:
            yield f"{name} is missing"
        elif key not in expected:
            yield f"{name} does not follow from the journal"
        elif found[key] != expected[key]:
            pairs = zip(table.columns, found[key], expected[key], strict=True)
            yield from (
                f"{name}: {column} is {_text(is_)}, the journal says {_text(should)}"
                for column, is_, should in pairs
                if is_ != should
            )


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
