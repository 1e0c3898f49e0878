"""Transactions as bytes: typed, signed with an account's key, ready to send."""

from typing import Any, Final

import rlp
from rlp.exceptions import RLPException

from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.address import keccak
from holdfast.ledger.evm.chain import Fees
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import AccountId, Digest

KIND: Final = b"\x02"
_V_FIRST: Final = 27
_FIELDS: Final = 12


@frozen
class Transaction:
    """A call, paid for by whoever signs it (EIP-1559); `value` is wei."""

    chain_id: int
    nonce: int
    fees: Fees
    gas: int
    to: AccountId | None
    data: bytes
    value: int = 0


@frozen
class SignedTransaction:
    """A transaction's bytes, and the hash that is its name."""

    transaction: Transaction
    raw: bytes
    hash: bytes


def sign(transaction: Transaction, key: AccountKey) -> SignedTransaction:
    """Return the transaction signed with an account's key."""
    fields: list[Any] = [
        transaction.chain_id,
        transaction.nonce,
        transaction.fees.tip,
        transaction.fees.highest,
        transaction.gas,
        transaction.to or b"",
        transaction.value,
        transaction.data,
        [],
    ]
    signature = key.sign_digest(Digest(keccak(KIND + rlp.encode(fields))))
    r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
    raw = KIND + rlp.encode([*fields, signature[64] - _V_FIRST, r, s])
    return SignedTransaction(transaction, raw, keccak(raw))


def parse(raw: bytes) -> SignedTransaction:
    """Return the transaction that `sign` made these bytes of, or raise DecodingError.

    The signature is not checked: a node does that.
    """
    try:
        fields = rlp.decode(raw.removeprefix(KIND))
    except (RLPException, TypeError) as error:
        raise DecodingError(f"no transaction: {error}") from error
    if not isinstance(fields, list) or len(fields) != _FIELDS or raw[:1] != KIND:
        raise DecodingError("no transaction of type 2")
    if any(not isinstance(one, bytes) for one in (*fields[:8], *fields[9:])):
        raise DecodingError("a transaction with lists for fields")
    chain, nonce, tip, highest, gas, value = (
        int.from_bytes(fields[place], "big") for place in (0, 1, 2, 3, 4, 6)
    )
    to = AccountId(fields[5]) if fields[5] else None
    fees = Fees(highest, tip)
    made = Transaction(chain, nonce, fees, gas, to, fields[7], value)
    return SignedTransaction(made, raw, keccak(raw))
