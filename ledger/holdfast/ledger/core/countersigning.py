"""Quotes that the vault's account signed too, as a chain checks them.

An Ed25519 signature costs a contract eighty times what an account's does, so on a
chain it is the account's that counts. The embedded ledger needs the vault's alone: the
second one is no part of an operation's bytes, and only travels beside the quote.
"""

from dataclasses import dataclass
from typing import Final

from holdfast.ledger.core.account_key import AccountKey, signer_of
from holdfast.ledger.core.address import keccak
from holdfast.ledger.core.typed_data import domain_separator
from holdfast.protocol.deal import Quote, SignedQuote
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import AccountId, Digest

SIGNATURE_BYTES: Final = 65
_TYPE: Final = keccak(
    b"Quote(bytes32 deal,bytes32 vault,uint64 price,uint64 capacity,"
    b"uint64 endEpoch,uint64 validEpoch)"
)


@dataclass(frozen=True, slots=True)
class CountersignedQuote(Signed[Quote]):
    """A signed quote; `account_signature` is r, s and v over its EIP-712 digest."""

    account_signature: bytes


def countersign(
    params: NetworkParams, signed: SignedQuote, key: AccountKey
) -> CountersignedQuote:
    """Return the quote with the signature of the vault's account."""
    signature = key.sign_digest(quote_digest(params, signed.value))
    return CountersignedQuote(signed.value, signed.signature, signature)


def account_signature(signed: SignedQuote) -> bytes:
    """Return the account's signature of a quote; nothing when it has none."""
    return signed.account_signature if isinstance(signed, CountersignedQuote) else b""


def with_account_signature(signed: SignedQuote, signature: bytes) -> SignedQuote:
    """Return a quote with what came beside it, which is not verified here."""
    if not signature:
        return signed
    return CountersignedQuote(signed.value, signed.signature, signature)


def account_behind(params: NetworkParams, signed: SignedQuote) -> AccountId | None:
    """Return the account that signed a quote, or None when none did."""
    if not isinstance(signed, CountersignedQuote):
        return None
    if len(signed.account_signature) != SIGNATURE_BYTES:
        return None
    return signer_of(quote_digest(params, signed.value), signed.account_signature)


def quote_digest(params: NetworkParams, quote: Quote) -> Digest:
    """Return the 32 bytes that the vault's account signs (EIP-712)."""
    numbers = (quote.price, quote.capacity, quote.end_epoch, quote.valid_epoch)
    words = b"".join(number.to_bytes(32, "big") for number in numbers)
    body = keccak(_TYPE + quote.deal + quote.vault + words)
    return Digest(keccak(b"\x19\x01" + domain_separator(params) + body))
