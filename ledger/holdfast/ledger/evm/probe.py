"""Asks a chain whether it can draw committees and check certificates.

Committees are drawn with the randomness of its blocks (EIP-4399). Certificates are
checked with the precompiles of EIP-2537.

A chain that lacks one answers a call to its address with success and nothing at all,
so what counts is the answer: points whose sums and pairings are known.
"""

from typing import Final

from holdfast.contracts.points import P, key_point, signature_point
from holdfast.ledger.chain_errors import (
    PrecompilesMissingError,
    RandomnessMissingError,
)
from holdfast.ledger.evm.node import Node
from holdfast.ledger.evm.node_errors import NodeRefusedError, RevertedError
from holdfast.protocol import bls
from holdfast.protocol.units import AccountId

KEY_BYTES: Final = 128
POINT_BYTES: Final = 256
_TRUE: Final = (1).to_bytes(32, "big")
_CONSTANT_MAX: Final = (1 << 64) - 1


async def missing_precompiles(node: Node) -> tuple[str, ...]:
    """Return the names of those that contracts need and the chain lacks."""
    lacking = []
    for name, (address, data, answer) in _questions().items():
        to = AccountId(address.to_bytes(20, "big"))
        try:
            found = await node.call(to, data)
        except (RevertedError, NodeRefusedError):
            found = b""
        right = found == answer if isinstance(answer, bytes) else len(found) == answer
        if not right:
            lacking.append(name)
    return tuple(lacking)


async def require_precompiles(node: Node) -> None:
    """Raise PrecompilesMissingError unless the chain can check certificates."""
    lacking = await missing_precompiles(node)
    if lacking:
        raise PrecompilesMissingError(node.name, ", ".join(lacking))


async def require_randomness(node: Node) -> None:
    """Raise RandomnessMissingError if the newest block has none; the first never has.

    What is no more than 64 bits long is a constant of a chain without randomness.
    """
    latest = await node.block("latest")
    assert latest is not None
    if latest.number > 0 and await node.randomness(latest.number) <= _CONSTANT_MAX:
        raise RandomnessMissingError(node.name)


def _questions() -> dict[str, tuple[int, bytes, bytes | int]]:
    """Return for each its address, a question, and the answer or its length."""
    key = key_point(bls.public_key(1))
    point = signature_point(bls.sign(1, b"probe"))
    pairs = key + point + _negative(key) + point
    field = bytes(127) + b"\1"
    return {
        "BLS12_G1ADD": (0x0B, key + _negative(key), bytes(KEY_BYTES)),
        "BLS12_G2ADD": (0x0D, point + bytes(POINT_BYTES), point),
        "BLS12_PAIRING_CHECK": (0x0F, pairs, _TRUE),
        "BLS12_MAP_FP2_TO_G2": (0x11, field, POINT_BYTES),
    }


def _negative(key: bytes) -> bytes:
    y = int.from_bytes(key[64:], "big")
    return key[:64] + (P - y).to_bytes(64, "big")
