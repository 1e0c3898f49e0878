"""What was sent is written down until its sender knows what became of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.evm.chain import Fees
from holdfast.ledger.evm.outbox import DOUBT_SECONDS, DOUBTS_MAX, Outbox
from holdfast.ledger.evm.transaction import (
    SignedTransaction,
    Transaction,
    parse,
    sign,
)
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.units import AccountId
from ledger_stage import account_key

KEY = account_key(1)
ALICE, BOB = AccountId(b"\1" * 20), AccountId(b"\2" * 20)
LABEL = b"l" * 32

transactions = st.builds(
    Transaction,
    chain_id=st.integers(1, 2**63),
    nonce=st.integers(0, 2**63),
    fees=st.builds(Fees, st.integers(0, 2**128), st.integers(0, 2**128)),
    gas=st.integers(0, 2**63),
    to=st.one_of(st.none(), st.binary(min_size=20, max_size=20).map(AccountId)),
    data=st.binary(max_size=100),
    value=st.integers(0, 2**100),
)


def signed(nonce: int, highest: int = 100) -> SignedTransaction:
    return sign(Transaction(1, nonce, Fees(highest, 10), 21_000, ALICE, b""), KEY)


@given(transactions)
def test_a_transaction_is_read_back_from_its_bytes(made: Transaction) -> None:
    one = sign(made, KEY)
    assert parse(one.raw) == one


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=9).map(b"\2".__add__)))
def test_what_is_no_transaction_is_refused(raw: bytes) -> None:
    with pytest.raises(DecodingError):
        parse(raw)


def test_a_doubt_and_all_its_attempts_survive_a_restart(tmp_path: Path) -> None:
    first, second = signed(5), signed(5, 200)
    outbox = Outbox(tmp_path / "sent")
    outbox.keep(KEY.id, LABEL, (first,))
    outbox.add(first.hash, second)
    outbox.close()
    again = Outbox(tmp_path / "sent")
    assert again.claim(BOB, LABEL) is None
    assert again.claim(KEY.id, b"x" * 32) is None
    assert again.claim(KEY.id, LABEL) == (first, second)


def test_a_doubt_is_claimed_by_one_and_the_oldest_first() -> None:
    now = [1000.0]
    outbox = Outbox(clock=lambda: now[0])
    for nonce in (5, 6):
        now[0] += 1
        outbox.keep(KEY.id, LABEL, (signed(nonce),))
        assert outbox.claim(KEY.id, LABEL) is None
    for nonce in (6, 5):
        outbox.leave(signed(nonce).hash)
    assert outbox.claim(KEY.id, LABEL) == (signed(5),)
    assert outbox.claim(KEY.id, LABEL) == (signed(6),)
    assert outbox.claim(KEY.id, LABEL) is None


def test_what_is_crossed_out_is_gone_and_gets_no_attempts() -> None:
    outbox = Outbox()
    outbox.keep(KEY.id, LABEL, (signed(5),))
    outbox.forget(signed(5).hash)
    outbox.add(signed(5).hash, signed(5, 200))
    assert outbox.claim(KEY.id, LABEL) is None


def test_a_day_later_the_same_wish_is_a_new_one() -> None:
    now = [1000.0]
    outbox = Outbox(clock=lambda: now[0])
    outbox.keep(KEY.id, LABEL, (signed(5),))
    outbox.leave(signed(5).hash)
    now[0] += DOUBT_SECONDS + 1
    assert outbox.claim(KEY.id, LABEL) is None


def test_doubts_are_bounded_and_the_newest_stay() -> None:
    now = [0.0]
    outbox = Outbox(clock=lambda: now[0])
    for nonce in range(DOUBTS_MAX + 3):
        now[0] += 1
        outbox.keep(KEY.id, LABEL, (signed(nonce),))
        outbox.leave(signed(nonce).hash)
    found = []
    while (claimed := outbox.claim(KEY.id, LABEL)) is not None:
        found.append(claimed[0].transaction.nonce)
    assert found == list(range(3, DOUBTS_MAX + 3))


def test_a_file_that_is_no_outbox_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "sent"
    path.write_bytes(b"something else" * 100)
    with pytest.raises(LedgerFileError, match="fate is unknown"):
        Outbox(path)
    assert path.read_bytes() == b"something else" * 100


def test_a_damaged_transaction_is_refused(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "sent")
    one = signed(5)
    broken = SignedTransaction(one.transaction, one.raw[:-3], one.hash)
    outbox.keep(KEY.id, LABEL, (broken,))
    outbox.leave(one.hash)
    with pytest.raises(LedgerFileError):
        outbox.claim(KEY.id, LABEL)
