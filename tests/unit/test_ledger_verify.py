"""Whoever alters the ledger's file is found out, and the report says where."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from holdfast.ledger.core.chain import EntryKind, Genesis, entry_hash
from holdfast.ledger.core.change_log import ChangeLog
from holdfast.ledger.core.operations import Claim, Fund, Replace, Transfer, Unbond
from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.main import ledger as commands
from holdfast.ledger.sqlite import open_book
from holdfast.ledger.tables import TABLES
from holdfast.ledger.verify import VerifyReport, verify
from holdfast.protocol.settlement import (
    REPLACEMENT_LEAF,
    VAULT_LEAF,
    Replacement,
    Totals,
    prove_total,
)
from holdfast.protocol.units import Digest
from ledger_stage import (
    DEVELOPMENT,
    account_key,
    opened,
    sqlite_stage,
    vault_ids,
    vault_key,
)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger file with rows in every table, closed cleanly."""
    path = tmp_path_factory.mktemp("honest")

    async def live() -> None:
        async with sqlite_stage(Genesis(DEVELOPMENT), path) as stage:
            await stage.vaults([1, 2, 3])
            owner = await stage.fed(50)
            wish = await stage.opening(owner, numbers=[1, 2], price=9, end_epoch=20)
            await stage.act(owner, wish)
            await stage.act(owner, Transfer(account_key(51).id, 5))
            await stage.advance_to(4)
            first, second, third = vault_ids([1, 2, 3])
            deal = opened(owner, wish)
            change = Replacement(deal, 1, second, third)
            totals = Totals({first: 7}, {deal: 7}, (change,))
            await stage.settle(owner, totals, [1, 2, 3])
            proof = prove_total(totals, VAULT_LEAF, first)
            named = prove_total(totals, REPLACEMENT_LEAF, change.leaf().id)
            assert proof is not None
            assert named is not None
            await stage.act(owner, Claim(proof))
            await stage.act(vault_key(2), Unbond(second))
            await stage.act(owner, Replace(change, named))

    asyncio.run(live())
    return path / "ledger.db"


@pytest.fixture
def copy(honest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(honest, tmp_path / "ledger.db"))


@contextmanager
def tampered(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def problems(path: Path) -> str:
    report = verify(path)
    assert not report.sound
    return "\n".join(report.problems)


def test_an_honest_file_is_sound(honest: Path) -> None:
    report = verify(honest)
    assert report.problems == ()
    assert (report.accounts, report.vaults, report.deals) == (5, 3, 1)
    assert report.minted == 40_000 * 10**9
    with closing(sqlite3.connect(honest)) as connection:
        for table in TABLES:
            assert connection.execute(table.select()).fetchone(), table.name


def test_a_reopened_ledger_knows_who_held_what_before(copy: Path) -> None:
    book = open_book(copy)
    (row,) = book.state.deals()
    second, third = vault_ids([2, 3])
    assert row.deal.held_by(1) == (third, second)
    assert book.state.deals_changed([second], row.changed - 1) == [row]
    assert list(book.state.deals_held(second)) == []
    lost = book.state.vault(second)
    assert lost is not None
    assert lost.released_epoch == row.deal.past[0].until_epoch == 8
    book.close()


def test_an_altered_balance_is_named(copy: Path) -> None:
    account = account_key(51).id
    with tampered(copy) as db:
        db.execute("UPDATE accounts SET balance = 6 WHERE id = ?", (account,))
    text = f"accounts row {account.hex()}: balance is 6, the journal says 5"
    assert text in problems(copy)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_any_altered_missing_or_added_row_of_any_table_is_found(
    copy: Path, table: object
) -> None:
    name, keys = table.name, table.keys  # type: ignore[attr-defined]
    column = table.columns[-1]  # type: ignore[attr-defined]
    with tampered(copy) as db:
        db.execute(f"UPDATE {name} SET {column} = 99 WHERE rowid = 1")
    assert f"{name} row" in problems(copy)
    with tampered(copy) as db:
        db.execute(f"DELETE FROM {name}")
    assert f"{name} row" in problems(copy)
    assert "is missing" in problems(copy)
    assert keys in {1, 2}


def test_an_invented_account_is_found(copy: Path) -> None:
    with tampered(copy) as db:
        db.execute("INSERT INTO accounts VALUES (?, 1, 0, 0)", (b"x" * 20,))
    assert "does not follow from the journal" in problems(copy)


@pytest.mark.parametrize("sequence", [0, 1, 5, 10])
@pytest.mark.parametrize("column", ["seconds", "payload", "previous", "hash", "kind"])
def test_an_altered_row_of_the_journal_is_named(
    copy: Path, sequence: int, column: str
) -> None:
    change = {
        "seconds": "seconds + 1",
        "payload": "substr(payload, 1, length(payload) - 1) || x'7f'",
        "previous": "x'" + "55" * 32 + "'",
        "hash": "x'" + "55" * 32 + "'",
        "kind": "kind % 3 + 1",
    }[column]
    with tampered(copy) as db:
        if column == "payload":
            change = f"CAST({change} AS BLOB)"
        db.execute(
            f"UPDATE journal SET {column} = {change} WHERE sequence = ?", (sequence,)
        )
    assert f"row {sequence} of the journal was altered" in problems(copy)


def test_missing_rows_of_the_journal_are_named(copy: Path) -> None:
    with tampered(copy) as db:
        db.execute("DELETE FROM journal WHERE sequence = 4")
    assert "row 4 of the journal is missing" in problems(copy)
    with tampered(copy) as db:
        db.execute("DELETE FROM journal WHERE sequence IN (5, 6)")
    assert "rows 4 to 6 of the journal are missing" in problems(copy)


def test_the_journals_end_does_not_vanish_quietly(copy: Path) -> None:
    with tampered(copy) as db:
        db.execute(
            "DELETE FROM journal WHERE sequence = (SELECT max(sequence) FROM journal)"
        )
    assert "the journal says" in problems(copy)


def test_a_chain_made_anew_does_not_hide_a_forged_operation(copy: Path) -> None:
    """The operator can repair every hash, but not an account's signature."""
    account = account_key(51).id
    with tampered(copy) as db:
        rows = db.execute(
            "SELECT sequence, seconds, kind, payload FROM journal ORDER BY sequence"
        ).fetchall()
        previous = Digest(bytes(32))
        forged = None
        for sequence, seconds, kind, payload in rows:
            changed = payload
            if account in payload:
                forged = sequence
                changed = payload.replace(account, b"z" * 20)
            digest = entry_hash(previous, sequence, seconds, EntryKind(kind), changed)
            db.execute(
                "UPDATE journal SET payload = ?, previous = ?, hash = ? "
                "WHERE sequence = ?",
                (changed, previous, digest, sequence),
            )
            previous = digest
    assert forged is not None
    text = problems(copy)
    assert f"row {forged} of the journal" in text
    assert "not signed by account" in text


def test_an_operation_under_another_name_is_found(copy: Path) -> None:
    with tampered(copy) as db:
        db.execute("UPDATE journal SET digest = NULL WHERE sequence = 3")
    assert "row 3 of the journal has a wrong digest" in problems(copy)


def test_a_reopened_ledger_is_the_same(tmp_path: Path) -> None:
    """Reading the tables gives the state that the rules made."""

    async def live() -> None:
        async with sqlite_stage(Genesis(DEVELOPMENT), tmp_path) as stage:
            await stage.vaults([1, 2])
            owner = await stage.fed(50)
            wishes = [
                await stage.opening(owner, numbers=[n % 2 + 1], nonce=n, price=9)
                for n in range(5)
            ]
            for wish in wishes:
                await stage.act(owner, wish)
            await stage.act(owner, Fund(opened(owner, wishes[0]), 1))
            await stage.advance_to(4)
            await stage.settle(owner, Totals({}, {}), [1, 2])
            await stage.act(vault_key(1), Transfer(owner.id, 1))
            before = stage.book.state
            again = open_book(tmp_path / "ledger.db")
            after = again.state
            again.close()
            for name, value in vars(before).items():
                assert _plain(getattr(after, name)) == _plain(value), name
            assert list(after.vaults()) == list(before.vaults()), "in the same order"
            assert after.deals_owned(owner.id) == before.deals_owned(owner.id)

    asyncio.run(live())


def _plain(table: object) -> object:
    """Return a table as values that can be compared."""
    if isinstance(table, ChangeLog):
        return list(table.after(-1))
    if isinstance(table, dict):
        return {key: _plain(value) for key, value in table.items()}
    return table


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    garbage = tmp_path / "ledger.db"
    for action in (verify, open_book):
        with pytest.raises(LedgerFileError, match="no ledger is here"):
            action(garbage)
    garbage.write_bytes(b"not a database" * 100)
    for action in (verify, open_book):
        with pytest.raises(LedgerFileError, match="not a database"):
            action(garbage)


def test_the_command_prints_the_report_and_its_status_tells(copy: Path) -> None:
    runner = CliRunner()
    arguments = ["verify", "--dir", str(copy.parent)]
    good = runner.invoke(commands, arguments)
    assert good.exit_code == 0
    assert "every balance follows" in good.output
    with tampered(copy) as db:
        db.execute("UPDATE accounts SET balance = balance + 1")
    bad = runner.invoke(commands, arguments)
    assert bad.exit_code == 3
    assert "PROBLEM: accounts row" in bad.output
    report = json.loads(runner.invoke(commands, [*arguments, "--json"]).output)
    assert report["sound"] is False
    assert set(report) == {"sound", *VerifyReport.__match_args__}
