"""Rows of the tables from values, and values from rows.

A row that no value can be made of raises ValueError or a ProtocolError; only
tampering makes one.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple
from itertools import groupby
from typing import Any, Final

from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.values import (
    Account,
    Applied,
    Beacon,
    BeaconRow,
    Books,
    Changes,
    DealRow,
    Head,
    Listing,
    RegisteredVault,
    Settled,
)
from holdfast.protocol.deal import Deal, Holder, PastHolder
from holdfast.protocol.frozen import frozen
from holdfast.protocol.settlement import CERTIFICATE

Row = tuple[Any, ...]


@frozen
class Table:
    """A table that follows from the journal; the first `keys` columns are its key.

    `written` makes the rows that an entry writes.
    """

    name: str
    keys: int
    columns: tuple[str, ...]
    written: Callable[[Changes], Iterable[Row]]

    @property
    def upsert(self) -> str:
        """The statement that writes one row."""
        names, marks = ", ".join(self.columns), ", ".join("?" * len(self.columns))
        key = ", ".join(self.columns[: self.keys])
        rest = self.columns[self.keys :]
        new = ", ".join(f"{column} = excluded.{column}" for column in rest)
        insert = f"INSERT INTO {self.name} ({names}) VALUES ({marks})"  # noqa: S608 # ours
        return f"{insert} ON CONFLICT ({key}) DO UPDATE SET {new}"

    def select(self, order: str = "rowid") -> str:
        """Return the statement that reads all rows."""
        names = ", ".join(self.columns)
        return f"SELECT {names} FROM {self.name} ORDER BY {order}"  # noqa: S608 # ours


def _account_rows(changes: Changes) -> Iterator[Row]:
    return (astuple(account) for account in changes.accounts)


def _vault_rows(changes: Changes) -> Iterator[Row]:
    for vault in changes.vaults:
        row = {name: getattr(vault, name) for name in VAULTS.columns}
        yield tuple((row | {"listing": vault.listing.value}).values())


def _deal_rows(changes: Changes) -> Iterator[Row]:
    for row in changes.deals:
        own = tuple(getattr(row.deal, name) for name in DEALS.columns[3:])
        yield (row.deal.id, row.number, row.changed, *own)


def _holder_rows(changes: Changes) -> Iterator[Row]:
    for row in changes.deals:
        for place, holder in enumerate(row.deal.holders):
            yield (row.deal.id, place, holder.vault, holder.price, holder.since_epoch)


def _past_rows(changes: Changes) -> Iterator[Row]:
    for row in changes.deals:
        for number, past in enumerate(row.deal.past):
            yield (row.deal.id, number, *astuple(past))


def _beacon_rows(changes: Changes) -> Iterator[Row]:
    if changes.beacon is not None:
        beacon = changes.beacon.beacon
        yield (beacon.epoch, beacon.value, changes.beacon.changed)


def _settlement_rows(changes: Changes) -> Iterator[Row]:
    if changes.settled is not None:
        certificate = CERTIFICATE.encode(changes.settled.certificate)
        yield (changes.settled.period, certificate, *astuple(changes.settled.applied))


def _books_rows(changes: Changes) -> Iterator[Row]:
    yield (1, *astuple(changes.books))


ACCOUNTS: Final = Table("accounts", 1, ("id", "balance", "nonce", "fed"), _account_rows)
VAULTS: Final = Table("vaults", 1, tuple(RegisteredVault.__match_args__), _vault_rows)
DEALS: Final = Table(
    "deals",
    1,
    (
        *("id", "number", "changed", "owner", "nonce", "deal_key", "k", "capacity"),
        *("opened_epoch", "end_epoch", "escrow", "closed_epoch", "refunded"),
    ),
    _deal_rows,
)
HOLDERS: Final = Table(
    "holders", 2, ("deal", "place", "vault", "price", "since_epoch"), _holder_rows
)
PAST_HOLDERS: Final = Table(
    "past_holders",
    2,
    ("deal", "number", "place", "vault", "price", "since_epoch", "until_epoch"),
    _past_rows,
)
BEACONS: Final = Table("beacons", 1, ("epoch", "value", "changed"), _beacon_rows)
SETTLEMENTS: Final = Table(
    "settlements", 1, ("period", "certificate", "sequence", "epoch"), _settlement_rows
)
BOOKS: Final = Table("books", 1, ("id", *Books.__match_args__), _books_rows)
TABLES: Final = (
    *(ACCOUNTS, VAULTS, DEALS, HOLDERS, PAST_HOLDERS),
    *(BEACONS, SETTLEMENTS, BOOKS),
)


def load(connection: sqlite3.Connection, state: MemoryState, head: Head) -> None:
    """Take all tables into an empty state whose newest entry is `head`."""
    books = Books(*connection.execute(BOOKS.select()).fetchone()[1:])
    accounts = connection.execute(ACCOUNTS.select())
    vaults = connection.execute(VAULTS.select("changed"))
    state.take(
        Changes(
            head,
            books,
            accounts=tuple(
                Account(row[0], row[1], row[2], bool(row[3])) for row in accounts
            ),
            vaults=tuple(_vault(row) for row in vaults),
            settled=_newest_settlement(connection),
        )
    )
    for row in connection.execute(BEACONS.select("epoch")):
        beacon = BeaconRow(Beacon(row[0], row[1]), row[2])
        state.take(Changes(head, books, beacon=beacon))
    latest = sorted(_deals(connection), key=lambda row: row.changed)
    state.take(Changes(head, books, deals=tuple(latest)))


def _vault(row: Row) -> RegisteredVault:
    values = dict(zip(VAULTS.columns, row, strict=True))
    return RegisteredVault(**(values | {"listing": Listing(values["listing"])}))


def _deals(connection: sqlite3.Connection) -> tuple[DealRow, ...]:
    """Return all deals with their holders."""
    holders = _by_deal(connection.execute(HOLDERS.select("deal, place")))
    past = _by_deal(connection.execute(PAST_HOLDERS.select("deal, number")))
    return tuple(
        _deal(row, holders.get(row[0], []), past.get(row[0], []))
        for row in connection.execute(DEALS.select())
    )


def _by_deal(rows: Iterable[Row]) -> dict[bytes, list[Row]]:
    """Return what follows each deal and the place in its list."""
    groups = groupby(rows, key=lambda row: row[0])
    return {deal: [row[2:] for row in group] for deal, group in groups}


def _deal(row: Row, holders: list[Row], past: list[Row]) -> DealRow:
    values = dict(zip(DEALS.columns, row, strict=True))
    number, changed = values.pop("number"), values.pop("changed")
    values["refunded"] = bool(values["refunded"])
    values["holders"] = tuple(Holder(*holder) for holder in holders)
    values["past"] = tuple(PastHolder(*before) for before in past)
    return DealRow(Deal(**values), number, changed)


def _newest_settlement(connection: sqlite3.Connection) -> Settled | None:
    rows = connection.execute(SETTLEMENTS.select("period DESC") + " LIMIT 1")
    for _, certificate, sequence, epoch in rows:
        return Settled(CERTIFICATE.decode(certificate), Applied(sequence, epoch))
    return None
