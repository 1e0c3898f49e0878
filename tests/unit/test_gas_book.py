"""What gas has cost a profile so far."""

from dataclasses import dataclass
from pathlib import Path

from holdfast.client.gas_book import NAME, GasSpent, add_gas, gas_spent


@dataclass
class Payer:
    gas: int
    spent: int


def test_what_commands_spend_adds_up(tmp_path: Path) -> None:
    assert gas_spent(tmp_path) == GasSpent()
    add_gas(tmp_path, Payer(21_000, 42_000))
    add_gas(tmp_path, Payer(300_000, 0))
    assert gas_spent(tmp_path) == GasSpent(321_000, 42_000)


def test_accounts_that_pay_no_gas_leave_no_file(tmp_path: Path) -> None:
    add_gas(tmp_path, object())
    add_gas(tmp_path, Payer(0, 0))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_nothing_and_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\xff{")
    assert gas_spent(tmp_path) == GasSpent()
    add_gas(tmp_path, Payer(5, 6))
    assert gas_spent(tmp_path) == GasSpent(5, 6)


def test_where_nothing_can_be_written_nothing_fails(tmp_path: Path) -> None:
    add_gas(tmp_path / "missing", Payer(5, 6))
    assert gas_spent(tmp_path / "missing") == GasSpent()
