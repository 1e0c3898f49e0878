"""A block's header as the chain hashes it: RLP, from what JSON-RPC says of the block.

The contract that records beacons compares the hash, so a field too many or too few, on
a chain whose headers have another form, is refused there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

# In the order of the header; what a fork added later may be absent.
HASHES_AND_NUMBERS: Final = (
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
NUMBERS: Final = frozenset(
    {
        "difficulty",
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "baseFeePerGas",
        "blobGasUsed",
        "excessBlobGas",
    }
)


def encode_header(block: Mapping[str, Any]) -> bytes:
    """Return the RLP of a block's header; `block` has the fields of eth_getBlock.

    Values are bytes and integers, as web3 gives them. The caller compares the hash.
    """
    fields = [
        _field(name, block[name])
        for name in HASHES_AND_NUMBERS
        if block.get(name) is not None
    ]
    return _list(fields)


def _field(name: str, value: Any) -> bytes:  # noqa: ANN401 # JSON
    if name in NUMBERS:
        number = int(value)
        return number.to_bytes((number.bit_length() + 7) // 8, "big")
    if isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    return bytes(value)


def _list(fields: Sequence[bytes]) -> bytes:
    body = b"".join(_string(field) for field in fields)
    return _length(len(body), 0xC0) + body


def _string(data: bytes) -> bytes:
    if len(data) == 1 and data[0] < 0x80:
        return data
    return _length(len(data), 0x80) + data


def _length(size: int, offset: int) -> bytes:
    if size < 56:
        return bytes([offset + size])
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([offset + 55 + len(digits)]) + digits
