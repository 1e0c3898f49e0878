"""The tables of a ledger's SQLite file, and how old files become new ones.

The journal is the truth; every other table can be made again from it, and
`verify` does. Amounts are grains, ids and keys are blobs.
"""

from typing import Final

from sqlite_utils import Database, Migrations

migrations: Final = Migrations("holdfast.ledger")

NULLABLE: Final = frozenset({"digest", "left_epoch", "closed_epoch"})
"""Columns that may be empty: `digest` is an operation's name, ticks have none."""


@migrations(name="0001_tables")
def create_tables(database: Database) -> None:
    """Create the journal and the tables that follow from it."""
    _create(
        database,
        "journal",
        {
            "sequence": int,
            "seconds": int,
            "kind": int,
            "payload": bytes,
            "previous": bytes,
            "hash": bytes,
            "digest": bytes,
        },
        ("sequence",),
    )
    database.table("journal").create_index(["digest"], unique=True)
    _create(
        database,
        "accounts",
        {"id": bytes, "balance": int, "nonce": int, "fed": int},
        ("id",),
    )
    _create_vaults(database)
    _create_deals(database)
    _create(
        database,
        "beacons",
        {"epoch": int, "value": bytes, "changed": int},
        ("epoch",),
    )
    _create(
        database,
        "settlements",
        {"period": int, "certificate": bytes, "sequence": int, "epoch": int},
        ("period",),
    )
    _create_books(database)


def _create_vaults(database: Database) -> None:
    _create(
        database,
        "vaults",
        {
            "vault": bytes,
            "number": int,
            "identity_key": bytes,
            "bls_key": bytes,
            "account": bytes,
            "payout": bytes,
            "stake": int,
            "committed_bytes": int,
            "listing": int,
            "joined_epoch": int,
            "left_epoch": int,
            "claimed": int,
            "changed": int,
            "slashed": int,
            "released_epoch": int,
        },
        ("vault",),
    )
    database.table("vaults").create_index(["bls_key"], unique=True)


def _create_deals(database: Database) -> None:
    _create(
        database,
        "deals",
        {
            "id": bytes,
            "number": int,
            "changed": int,
            "owner": bytes,
            "nonce": bytes,
            "deal_key": bytes,
            "k": int,
            "capacity": int,
            "opened_epoch": int,
            "end_epoch": int,
            "escrow": int,
            "closed_epoch": int,
            "refunded": int,
        },
        ("id",),
    )
    database.table("deals").create_index(["owner"])
    _create(
        database,
        "holders",
        {"deal": bytes, "place": int, "vault": bytes, "price": int, "since_epoch": int},
        ("deal", "place"),
    )
    database.table("holders").create_index(["vault"])
    _create(
        database,
        "past_holders",
        {
            "deal": bytes,
            "number": int,
            "place": int,
            "vault": bytes,
            "price": int,
            "since_epoch": int,
            "until_epoch": int,
        },
        ("deal", "number"),
    )


def _create_books(database: Database) -> None:
    _create(
        database,
        "books",
        {
            "id": int,
            "minted": int,
            "escrowed": int,
            "spent": int,
            "slashed": int,
            "earned": int,
            "claimed": int,
            "vaults": int,
            "deals": int,
        },
        ("id",),
    )


def _create(
    database: Database, name: str, columns: dict[str, type], key: tuple[str, ...]
) -> None:
    database.table(name).create(
        columns,
        pk=key[0] if len(key) == 1 else key,
        not_null=columns.keys() - NULLABLE,
        strict=True,
    )
