"""What is done about a transaction follows from what was seen of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.ledger.evm.chain import Fees
from holdfast.ledger.evm.node_errors import NodeFault, refusal, reverted
from holdfast.ledger.evm.pending import (
    BUMPS_MAX,
    Pending,
    Seen,
    Step,
    next_step,
    raised,
)
from holdfast.ledger.evm.transaction import SignedTransaction, Transaction, sign
from ledger_stage import account_key

KEY = account_key(1)
PATIENCE = 10.0


def attempt(nonce: int = 5) -> SignedTransaction:
    fees = Fees(100, 10)
    return sign(Transaction(1, nonce, fees, 21_000, KEY.id, b""), KEY)


@pytest.mark.parametrize(
    ("seen", "seconds", "step"),
    [
        (Seen(block=8, final=8, used=0), 0.0, Step.DONE),
        (Seen(block=8, final=7, used=0), 99.0, Step.WAIT),
        (Seen(block=None, final=7, used=5), 9.0, Step.WAIT),
        (Seen(block=None, final=7, used=5), 10.0, Step.RAISE_FEES),
        (Seen(block=None, final=7, used=6), 0.0, Step.LOST),
        (Seen(block=None, final=7, used=5, dropped=True), 0.0, Step.SEND_AGAIN),
        (Seen(block=None, final=7, used=6, dropped=True), 0.0, Step.LOST),
    ],
)
def test_each_sight_has_its_step(seen: Seen, seconds: float, step: Step) -> None:
    pending = Pending((attempt(),), 0.0)
    assert next_step(pending, seen, seconds, PATIENCE) is step


def test_fees_are_not_raised_for_ever() -> None:
    pending = Pending((attempt(),) * (BUMPS_MAX + 1), 0.0)
    seen = Seen(block=None, final=7, used=5)
    assert next_step(pending, seen, PATIENCE, PATIENCE) is Step.SEND_AGAIN


@given(
    st.builds(Fees, st.integers(0, 10**15), st.integers(0, 10**12)),
    st.builds(Fees, st.integers(0, 10**15), st.integers(0, 10**12)),
)
def test_raised_fees_replace_and_are_what_is_asked(old: Fees, asked: Fees) -> None:
    new = raised(old, asked)
    assert new.highest * 10 >= old.highest * 11
    assert new.tip * 10 >= old.tip * 11
    assert new.highest >= asked.highest
    assert new.tip >= asked.tip


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("nonce too low: next nonce 5, tx nonce 4", NodeFault.NONCE_LOW),
        ("Invalid transaction nonce: Expected 3, but got 2", NodeFault.NONCE_LOW),
        ("already known", NodeFault.KNOWN),
        ("transaction already imported", NodeFault.KNOWN),
        ("replacement transaction underpriced", NodeFault.FEES_LOW),
        ("Insufficient funds for gas * price + value", NodeFault.NO_ETHER),
        ("the moon is full", NodeFault.OTHER),
    ],
)
def test_what_nodes_say_is_sorted(text: str, fault: NodeFault) -> None:
    assert refusal(text).fault is fault


def test_a_contracts_reason_stands_alone() -> None:
    assert reverted("execution reverted: stake locked").reason == "stake locked"
    assert reverted("stake locked").reason == "stake locked"
    assert reverted("execution reverted").reason == ""


def test_a_transaction_is_what_a_wallet_makes_of_it() -> None:
    from eth_account import Account  # noqa: PLC0415 # slow to import

    wallet = Account.from_key((1).to_bytes(32, "big"))
    fields = {
        "type": 2,
        "chainId": 1,
        "nonce": 5,
        "maxFeePerGas": 100,
        "maxPriorityFeePerGas": 10,
        "gas": 21_000,
        "value": 0,
        "data": b"",
    }
    fields["to"] = wallet.address
    signed = wallet.sign_transaction(fields)
    assert attempt().raw == bytes(signed.raw_transaction)
    assert attempt().hash == bytes(signed.hash)
