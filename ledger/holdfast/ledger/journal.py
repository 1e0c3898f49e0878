"""The journal's rows as entries again, read in order, every hash recomputed."""

import sqlite3
from collections.abc import Iterator

from holdfast.ledger.core.chain import (
    GENESIS,
    Entry,
    EntryKind,
    Genesis,
    decode_content,
    entry_hash,
)
from holdfast.ledger.core.values import BEFORE_GENESIS, START, Head
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import Digest

_ENTRIES = (
    "SELECT sequence, seconds, kind, payload, previous, hash, digest "
    "FROM journal ORDER BY sequence"
)
_NEWEST = "SELECT sequence, seconds, hash FROM journal ORDER BY sequence DESC LIMIT 1"


class JournalBrokenError(DecodingError):
    """The journal's rows do not make a chain; the text says where."""


@frozen
class JournalRow:
    """An entry, and the name of its operation as the row has it."""

    entry: Entry
    digest: Digest | None


def read_genesis(connection: sqlite3.Connection) -> Genesis:
    """Return the first entry's content, or raise DecodingError."""
    first = connection.execute(_ENTRIES + " LIMIT 1").fetchone()
    if first is None or first[0] != 0 or first[2] != EntryKind.GENESIS.value:
        raise DecodingError("the journal does not begin with a genesis")
    return GENESIS.decode(first[3])


def newest_head(connection: sqlite3.Connection) -> Head:
    """Return the newest entry's place, time, epoch and hash."""
    sequence, seconds, digest = connection.execute(_NEWEST).fetchone()
    epoch = connection.execute("SELECT max(epoch) FROM beacons").fetchone()[0]
    return Head(sequence, seconds, BEFORE_GENESIS if epoch is None else epoch, digest)


def read_entries(connection: sqlite3.Connection) -> Iterator[JournalRow]:
    """Yield all entries in order, or raise JournalBrokenError at the first bad one."""
    sequence, previous = START.sequence, START.hash
    for row in connection.execute(_ENTRIES):
        entry = _entry(row)
        if entry.sequence != sequence + 1:
            raise JournalBrokenError(_gap(sequence + 1, entry.sequence - 1))
        if entry.previous != previous:
            raise JournalBrokenError(
                f"row {entry.sequence} of the journal does not follow row {sequence}"
            )
        sequence, previous = entry.sequence, entry.hash
        yield JournalRow(entry, row[6])


def _entry(row: tuple[int, int, int, bytes, bytes, bytes, bytes | None]) -> Entry:
    """Return a row's entry once its hash fits."""
    sequence, seconds, kind, payload, previous, found, _ = row
    try:
        kind_ = EntryKind(kind)
        digest = entry_hash(Digest(previous), sequence, seconds, kind_, payload)
        content = decode_content(kind_, payload)
    except (ValueError, OverflowError, DecodingError) as error:
        raise JournalBrokenError(_altered(sequence)) from error
    if digest != found:
        raise JournalBrokenError(_altered(sequence))
    return Entry(sequence, seconds, content, Digest(previous), digest)


def _altered(sequence: int) -> str:
    return f"row {sequence} of the journal was altered: its hash does not fit"


def _gap(first: int, last: int) -> str:
    if first == last:
        return f"row {first} of the journal is missing"
    return f"rows {first} to {last} of the journal are missing"
