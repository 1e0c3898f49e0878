"""The heavy parts of py-evm, computed natively.

py-evm's own pairing takes seconds; arkworks' gives the same results for the same gas.
Malformed input burns all the gas, as it must. At `IDENTITY` stands the Ed25519
verifier, with the interface of the contract of that name.
"""

from collections.abc import Callable
from typing import Final

from eth.exceptions import VMError
from eth.vm.forks.prague.computation import PragueComputation
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError
from py_arkworks_bls12381 import GT, G1Point, G2Point

from holdfast.contracts.points import P

PAIRING = (0x0F).to_bytes(20, "big")
MAP_TO_G2 = (0x11).to_bytes(20, "big")
PAIR_BYTES = 384
IDENTITY: Final = bytes(17) + b"\xed\x25\x19"
IDENTITY_GAS: Final = 630_000


def install() -> None:
    """Make py-evm's Prague use these from now on."""
    # py-evm has no public way to exchange them.
    PragueComputation._precompiles = {  # noqa: SLF001
        **PragueComputation._precompiles,  # noqa: SLF001
        PAIRING: _precompile(_pairing_gas, _pairing),
        MAP_TO_G2: _precompile(_map_gas, _map_to_g2),
        IDENTITY: _precompile(lambda _: IDENTITY_GAS, _verify_identity),
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


def _verify_identity(data: bytes) -> bytes:
    try:
        key, message, signature = decode(["bytes32", "bytes", "bytes"], data[4:])
    except DecodingError as error:
        raise VMError(str(error)) from error
    return bytes(31) + bytes([_signed(key, message, signature)])


def _signed(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True


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
