"""A quote's second signature is what any wallet makes of the same typed data."""

from eth_account import Account

from holdfast.ledger.core.countersigning import (
    CountersignedQuote,
    account_behind,
    countersign,
)
from holdfast.ledger.core.typed_data import DOMAIN_NAME, DOMAIN_VERSION
from holdfast.protocol.units import DealId
from ledger_stage import DEVELOPMENT, node_keys, quote, vault_key

FIELDS = "bytes32 deal, bytes32 vault, uint64 price, uint64 capacity, "
FIELDS += "uint64 endEpoch, uint64 validEpoch"
DOMAIN = "string name, string version, uint256 chainId, bytes32 salt"
SIGNED = quote(DEVELOPMENT, 1, DealId(b"\xdd" * 32), 3)
KEY = vault_key(1)


def members(text: str) -> list[dict[str, str]]:
    pairs = (part.split() for part in text.split(", "))
    return [{"name": name, "type": kind} for kind, name in pairs]


def test_a_wallet_makes_the_same_signature() -> None:
    value = SIGNED.value
    typed = {
        "types": {"EIP712Domain": members(DOMAIN), "Quote": members(FIELDS)},
        "primaryType": "Quote",
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": DEVELOPMENT.chain_id,
            "salt": DEVELOPMENT.network_id,
        },
        "message": {
            "deal": value.deal,
            "vault": value.vault,
            "price": value.price,
            "capacity": value.capacity,
            "endEpoch": value.end_epoch,
            "validEpoch": value.valid_epoch,
        },
    }
    wallet = Account.from_key(node_keys(1).account_secret)
    expected = bytes(wallet.sign_typed_data(full_message=typed).signature)
    assert countersign(DEVELOPMENT, SIGNED, KEY).account_signature == expected


def test_the_account_behind_a_quote_is_found_or_there_is_none() -> None:
    good = countersign(DEVELOPMENT, SIGNED, KEY)
    assert account_behind(DEVELOPMENT, good) == KEY.id
    assert account_behind(DEVELOPMENT, SIGNED) is None
    short = CountersignedQuote(good.value, good.signature, good.account_signature[:64])
    assert account_behind(DEVELOPMENT, short) is None
