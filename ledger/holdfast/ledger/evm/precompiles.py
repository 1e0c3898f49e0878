"""The heavy precompiles of EIP-2537 in py-evm, computed by arkworks.

py-evm's own take seconds for a pairing; these give the same results and cost the same
gas. Malformed input burns all the gas, as it must.
"""

from collections.abc import Callable

from eth.exceptions import VMError
from eth.vm.forks.prague.computation import PragueComputation
from py_arkworks_bls12381 import GT, G1Point, G2Point

from holdfast.contracts.points import P

PAIRING = (0x0F).to_bytes(20, "big")
MAP_TO_G2 = (0x11).to_bytes(20, "big")
PAIR_BYTES = 384


def install() -> None:
    """Make py-evm's Prague use arkworks from now on."""
    PragueComputation._precompiles = {
        **PragueComputation._precompiles,
        PAIRING: _precompile(_pairing_gas, _pairing),
        MAP_TO_G2: _precompile(_map_gas, _map_to_g2),
    }


def _precompile(
    gas: Callable[[bytes], int], run: Callable[[bytes], bytes]
) -> Callable[[PragueComputation], None]:
    def precompile(computation: PragueComputation) -> None:
        data = bytes(computation.msg.data)
        computation.consume_gas(gas(data), reason="EIP-2537")
        try:
            computation.output = run(data)
        except ValueError as error:
            raise VMError(str(error)) from error

    return precompile


def _pairing_gas(data: bytes) -> int:
    if not data or len(data) % PAIR_BYTES:
        raise VMError("the input of a pairing has another length")
    return 37_700 + 32_600 * (len(data) // PAIR_BYTES)


def _pairing(data: bytes) -> bytes:
    pairs = [data[at : at + PAIR_BYTES] for at in range(0, len(data), PAIR_BYTES)]
    keys = [_key(pair[:128]) for pair in pairs]
    points = [_point(pair[128:]) for pair in pairs]
    return bytes(31) + bytes([GT.pairing_check(keys, points)])


def _map_gas(_: bytes) -> int:
    return 23_800


def _map_to_g2(data: bytes) -> bytes:
    if len(data) != 128:
        raise VMError("the input of a map has another length")
    return _padded(G2Point.map_from_fp2_be(_bare(data)).to_xy_bytes_be())


def _key(data: bytes) -> G1Point:
    return G1Point.from_xy_bytes_be(_bare(data)) if any(data) else G1Point.identity()


def _point(data: bytes) -> G2Point:
    return G2Point.from_xy_bytes_be(_bare(data)) if any(data) else G2Point.identity()


def _bare(data: bytes) -> bytes:
    words = [data[at : at + 64] for at in range(0, len(data), 64)]
    if any(int.from_bytes(word, "big") >= P for word in words):
        raise ValueError("a coordinate is out of range")
    return b"".join(word[16:] for word in words)


def _padded(data: bytes) -> bytes:
    return b"".join(bytes(16) + data[at : at + 48] for at in range(0, len(data), 48))
