"""Signed values: a canonical encoding, the network it is for, one Ed25519 signature.

The kind and version in the encoding keep a signature of one format from being
shown as another, and the network id keeps it from being shown elsewhere.
"""

from typing import Generic, TypeVar

from holdfast.protocol.encoding import BYTES64, Codec, Format, Reader
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import SigningPair, verify
from holdfast.protocol.units import NetworkId

T = TypeVar("T")


@frozen
class Signed(Generic[T]):
    """A value and its 64-byte signature, which may still have to be verified."""

    value: T
    signature: bytes


class SignedFormat(Generic[T]):
    """How values of one format are signed, verified, written and read."""

    def __init__(self, value_format: Format[T]) -> None:
        self.format = value_format

    def sign(self, value: T, network: NetworkId, pair: SigningPair) -> Signed[T]:
        """Return `value` signed with `pair` for `network`."""
        return Signed(value, pair.sign(self.message(value, network)))

    def verify(self, signed: Signed[T], network: NetworkId, public: bytes) -> T:
        """Return the value, or raise SignatureInvalidError."""
        verify(public, self.message(signed.value, network), signed.signature)
        return signed.value

    def message(self, value: T, network: NetworkId) -> bytes:
        """Return the bytes that are signed."""
        return b"holdfast signed v1" + network + self.format.encode(value)

    def encode(self, signed: Signed[T]) -> bytes:
        """Return the value's encoding followed by the signature."""
        return self.format.encode(signed.value) + signed.signature

    def decode(self, data: bytes) -> Signed[T]:
        """Return the signed value, unverified, or raise DecodingError."""
        reader = Reader(data)
        signed = self._read(reader)
        reader.finish()
        return signed

    def nested(self) -> Codec:
        """Return a codec that embeds the value and its signature."""
        return Codec(self.encode, self._read)

    def _read(self, reader: Reader) -> Signed[T]:
        value: T = self.format.nested().read(reader)
        return Signed(value, BYTES64.read(reader))
