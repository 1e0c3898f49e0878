"""One example of every operation, from fixed bytes, and strategies for any."""

from typing import Any

from hypothesis import strategies as st

from holdfast.ledger.core.operations import (
    Claim,
    Close,
    Extend,
    Faucet,
    Fund,
    Open,
    Operation,
    Refund,
    Register,
    Replace,
    Settle,
    Transfer,
    Unbond,
    Withdraw,
)
from holdfast.protocol.deal import Quote
from holdfast.protocol.settlement import (
    Certificate,
    Ejection,
    Replacement,
    Statement,
    Total,
    TotalProof,
)
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import (
    U64_MAX,
    AccountId,
    DealId,
    Digest,
    NetworkId,
    VaultId,
)

u8, u32 = st.integers(0, 255), st.integers(0, (1 << 32) - 1)
u64 = st.integers(0, U64_MAX)
id20, id32 = st.binary(min_size=20, max_size=20), st.binary(min_size=32, max_size=32)


def sized(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


def few(strategy: st.SearchStrategy[Any], limit: int = 3) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=limit).map(tuple)


quotes = few(
    st.builds(
        Signed, st.builds(Quote, id32, id32, u64, u64, u64, u64), signature=sized(64)
    )
)
ejections = few(st.builds(Ejection, id32, u64, id32))
statements = st.builds(Statement, id32, u64, id32, u32, u64, u64, ejections)
proofs = st.builds(TotalProof, st.builds(Total, u8, id32, u64), u32, u32, few(id32))
operations: st.SearchStrategy[Operation] = st.one_of(
    st.builds(Transfer, id20, u64),
    st.builds(Faucet),
    st.builds(Register, id32, sized(48), sized(96), id20, u64, sized(64)),
    st.builds(Unbond, id32),
    st.builds(Withdraw, id32),
    st.builds(Open, id32, id32, u8, u64, u64, quotes),
    st.builds(Fund, id32, u64),
    st.builds(Extend, id32, u64, u64, quotes),
    st.builds(Close, id32),
    st.builds(
        Settle, st.builds(Certificate, statements, st.binary(max_size=128), sized(96))
    ),
    st.builds(Claim, proofs),
    st.builds(Refund, id32, few(proofs, 2)),
    st.builds(Replace, st.builds(Replacement, id32, u8, id32, id32), proofs),
)


def examples() -> dict[str, Operation]:
    """Return one of each, always the same."""
    deal, vault = DealId(b"\xdd" * 32), VaultId(b"\xaa" * 32)
    quote = Signed(Quote(deal, vault, 5, 1 << 30, 99, 7), b"\x51" * 64)
    other = Signed(Quote(deal, VaultId(b"\xbb" * 32), 6, 1 << 30, 99, 8), b"\x52" * 64)
    statement = Statement(
        network=NetworkId(b"\x01" * 32),
        period=3,
        root=Digest(b"\x02" * 32),
        count=4,
        earned_total=500,
        spent_total=600,
        ejections=(Ejection(vault, 70, Digest(b"\x03" * 32)),),
    )
    leaf = TotalProof(Total(1, vault, 9), 0, 2, (b"\x04" * 32, b"\x05" * 32))
    certificate = Certificate(statement, b"\x07", b"\x06" * 96)
    listed: list[Operation] = [
        Transfer(AccountId(b"\x10" * 20), 5),
        Faucet(),
        Register(
            identity_key=b"\x11" * 32,
            bls_key=b"\x12" * 48,
            possession=b"\x13" * 96,
            payout=AccountId(b"\x14" * 20),
            stake=1 << 40,
            consent=b"\x15" * 64,
        ),
        Unbond(vault),
        Withdraw(vault),
        Open(b"\x16" * 32, b"\x17" * 32, 1, 1 << 30, 99, (quote, other)),
        Fund(deal, 1),
        Extend(deal, 1 << 31, 100, (quote,)),
        Close(deal),
        Settle(certificate),
        Claim(leaf),
        Refund(deal, (leaf, leaf)),
        Replace(Replacement(deal, 2, vault, VaultId(b"\xbb" * 32)), leaf),
    ]
    return {type(operation).__name__: operation for operation in listed}
