"""EIP-712: what an account signs, in a form that a wallet can show.

One table says which fields each operation shows. From it follow the digest that is
signed, and the JSON that other wallets sign (`typed_data`). Every operation shows
its account and nonce first. The domain carries the network: its chain id and, as
salt, the NetworkId, so a signature is good for one network only.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, Final

from holdfast.ledger.core.address import address_text, keccak
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
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import AccountId, Digest

DOMAIN_NAME: Final = "Holdfast"
DOMAIN_VERSION: Final = "1"


@frozen
class Member:
    """One field: its type and name as a wallet shows them, and where the value is."""

    type: str
    name: str
    attribute: str


def _members(*lines: str) -> tuple[Member, ...]:
    """Read "type name" or "type name attribute" lines."""
    parts = (line.split() for line in lines)
    return tuple(Member(part[0], part[1], part[-1]) for part in parts)


_TERMS = ("uint64 capacity", "uint64 endEpoch end_epoch", "Quote[] quotes")

STRUCTS: Final[Mapping[str, tuple[Member, ...]]] = {
    "Transfer": _members("address to", "uint64 amount"),
    "Faucet": (),
    "Register": _members(
        "bytes32 identityKey identity_key",
        "bytes blsKey bls_key",
        "bytes possession",
        "address payout",
        "uint64 stake",
        "bytes consent",
    ),
    "Unbond": _members("bytes32 vault"),
    "Withdraw": _members("bytes32 vault"),
    "Open": _members(
        "bytes32 dealNonce nonce", "bytes32 dealKey deal_key", "uint8 k", *_TERMS
    ),
    "Fund": _members("bytes32 deal", "uint64 amount"),
    "Extend": _members("bytes32 deal", *_TERMS),
    "Close": _members("bytes32 deal"),
    "Settle": _members("Certificate certificate"),
    "Claim": _members("TotalProof proof"),
    "Refund": _members("bytes32 deal", "TotalProof[] proof"),
    "Replace": _members("Replacement replacement", "TotalProof proof"),
    "Quote": _members(
        "bytes32 deal value.deal",
        "bytes32 vault value.vault",
        "uint64 price value.price",
        "uint64 capacity value.capacity",
        "uint64 endEpoch value.end_epoch",
        "uint64 validEpoch value.valid_epoch",
        "bytes signature",
    ),
    "Certificate": _members("Statement statement", "bytes signers", "bytes signature"),
    "Statement": _members(
        "bytes32 network",
        "uint64 period",
        "bytes32 root",
        "uint32 count",
        "uint64 earnedTotal earned_total",
        "uint64 spentTotal spent_total",
        "Ejection[] ejections",
    ),
    "Ejection": _members(
        "bytes32 vault", "uint64 slashed", "bytes32 caseDigest case_digest"
    ),
    "Replacement": _members(
        "bytes32 deal", "uint8 index", "bytes32 lost", "bytes32 vault"
    ),
    "TotalProof": _members(
        "Total total", "uint32 index", "uint32 count", "bytes32[] path"
    ),
    "Total": _members("uint8 party", "bytes32 id", "uint64 grains"),
}
_SIGNER = _members("address account", "uint64 nonce")
_OPERATIONS: Final[Mapping[type[Any], str]] = {
    operation: operation.__name__
    for operation in (
        Transfer,
        Faucet,
        Register,
        Unbond,
        Withdraw,
        Open,
        Fund,
        Extend,
        Close,
        Settle,
        Claim,
        Refund,
        Replace,
    )
}
_DOMAIN = _members(
    "string name", "string version", "uint256 chainId chain_id", "bytes32 salt"
)


def operation_digest(
    params: NetworkParams, account: AccountId, nonce: int, operation: Operation
) -> Digest:
    """Return the 32 bytes that the account signs: the operation's name for good."""
    name = _OPERATIONS[type(operation)]
    body = keccak(
        _type_hash(name)
        + _word("address", account)
        + _word("uint64", nonce)
        + _fields(STRUCTS[name], operation)
    )
    return Digest(keccak(b"\x19\x01" + domain_separator(params) + body))


def typed_data(
    params: NetworkParams, account: AccountId, nonce: int, operation: Operation
) -> dict[str, Any]:
    """Return the same as the JSON object of eth_signTypedData_v4."""
    name = _OPERATIONS[type(operation)]
    types = {"EIP712Domain": _DOMAIN, **{used: _struct(used) for used in _used(name)}}
    signer = {"account": address_text(account), "nonce": nonce}
    return {
        "types": {
            struct: [{"name": member.name, "type": member.type} for member in members]
            for struct, members in types.items()
        },
        "primaryType": name,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": params.chain_id,
            "salt": "0x" + params.network_id.hex(),
        },
        "message": signer | _shown(STRUCTS[name], operation),
    }


def _struct(name: str) -> tuple[Member, ...]:
    own = STRUCTS[name]
    return (*_SIGNER, *own) if name in _OPERATIONS.values() else own


def _used(name: str) -> tuple[str, ...]:
    """Return a struct and all that it refers to, the others by name."""
    found: dict[str, None] = {}

    def visit(struct: str) -> None:
        found[struct] = None
        for member in _struct(struct):
            inner = member.type.removesuffix("[]")
            if inner in STRUCTS and inner not in found:
                visit(inner)

    visit(name)
    return (name, *sorted(found.keys() - {name}))


def _declaration(name: str, members: tuple[Member, ...]) -> str:
    fields = ",".join(f"{member.type} {member.name}" for member in members)
    return f"{name}({fields})"


@cache
def _type_hash(name: str) -> bytes:
    text = "".join(_declaration(used, _struct(used)) for used in _used(name))
    return keccak(text.encode())


def domain_separator(params: NetworkParams) -> bytes:
    """Return the hash of the domain that every signature for the network has."""
    return keccak(
        keccak(_declaration("EIP712Domain", _DOMAIN).encode())
        + keccak(DOMAIN_NAME.encode())
        + keccak(DOMAIN_VERSION.encode())
        + _word("uint256", params.chain_id)
        + params.network_id
    )


def _values(members: tuple[Member, ...], value: object) -> Iterator[tuple[str, Any]]:
    return ((member.type, attrgetter(member.attribute)(value)) for member in members)


def _fields(members: tuple[Member, ...], value: object) -> bytes:
    return b"".join(_word(kind, field) for kind, field in _values(members, value))


def _word(kind: str, value: Any) -> bytes:  # noqa: ANN401 # `kind` says which type
    """Return the 32 bytes that stand for a value in its struct's hash."""
    if kind.endswith("[]"):
        inner = kind.removesuffix("[]")
        return keccak(b"".join(_word(inner, item) for item in value))
    if kind in STRUCTS:
        return keccak(_type_hash(kind) + _fields(STRUCTS[kind], value))
    if kind.startswith("uint"):
        return int(value).to_bytes(32, "big")
    if kind == "address":
        return bytes(12) + bytes(value)
    return keccak(value) if kind == "bytes" else bytes(value)


def _shown(members: tuple[Member, ...], value: object) -> dict[str, Any]:
    fields = _values(members, value)
    return {
        member.name: _show(kind, field)
        for member, (kind, field) in zip(members, fields, strict=True)
    }


def _show(kind: str, value: Any) -> Any:  # noqa: ANN401 # JSON
    if kind.endswith("[]"):
        return [_show(kind.removesuffix("[]"), item) for item in value]
    if kind in STRUCTS:
        return _shown(STRUCTS[kind], value)
    if kind == "address":
        return address_text(value)
    return int(value) if kind.startswith("uint") else "0x" + bytes(value).hex()
