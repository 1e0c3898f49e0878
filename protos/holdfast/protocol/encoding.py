"""The canonical byte form of every value that is hashed, signed or stored.

A `Format` lists a dataclass's fields with their codecs. The bytes start with
"HF", the kind and the version, then the fields in order, big-endian, lengths
before contents. There is exactly one encoding of a value, and decoding refuses
everything else: short or spare bytes, other versions, lists beyond their bound.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter, call
from typing import Any, Final, Generic, TypeVar, cast

from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen

MAGIC: Final = b"HF"

T = TypeVar("T")


class Reader:
    """A cursor over bytes that refuses to read past their end."""

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes, or raise DecodingError."""
        end = self._at + count
        if end > len(self._data):
            raise DecodingError(f"{end - len(self._data)} bytes are missing")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def peek(self, count: int) -> bytes:
        """Return the next `count` bytes, or those that are left, and stay here."""
        return self._data[self._at : self._at + count]

    def finish(self) -> None:
        """Raise DecodingError unless every byte was read."""
        spare = len(self._data) - self._at
        if spare:
            raise DecodingError(f"{spare} spare bytes at the end")


@frozen
class Codec:
    """How one field is written and read back."""

    write: Callable[[Any], bytes]
    read: Callable[[Reader], Any]


def unsigned(size: int) -> Codec:
    """Return the codec of an integer of `size` bytes, big-endian, not negative."""
    return Codec(
        lambda value: int(value).to_bytes(size, "big"),
        lambda reader: int.from_bytes(reader.take(size), "big"),
    )


def fixed(size: int) -> Codec:
    """Return the codec of a byte string of exactly `size` bytes."""

    def write(value: bytes) -> bytes:
        assert len(value) == size, f"{len(value)} bytes where {size} belong"
        return bytes(value)

    return Codec(write, lambda reader: reader.take(size))


def variable(limit: int) -> Codec:
    """Return the codec of a byte string of at most `limit` bytes."""

    def write(value: bytes) -> bytes:
        assert len(value) <= limit, f"{len(value)} bytes where at most {limit} fit"
        return len(value).to_bytes(4, "big") + bytes(value)

    return Codec(write, lambda reader: reader.take(_count(reader, limit)))


def text(limit: int) -> Codec:
    """Return the codec of a UTF-8 string of at most `limit` bytes."""
    inner = variable(limit)

    def read(reader: Reader) -> str:
        try:
            return cast("bytes", inner.read(reader)).decode("utf-8")
        except UnicodeDecodeError as error:
            raise DecodingError("text is not UTF-8") from error

    return Codec(lambda value: inner.write(value.encode("utf-8")), read)


def sequence(inner: Codec, limit: int) -> Codec:
    """Return the codec of a tuple of at most `limit` items."""

    def write(value: Sequence[Any]) -> bytes:
        assert len(value) <= limit, f"{len(value)} items where at most {limit} fit"
        body = b"".join([inner.write(item) for item in value])
        return len(value).to_bytes(4, "big") + body

    def read(reader: Reader) -> tuple[Any, ...]:
        return tuple([inner.read(reader) for _ in range(_count(reader, limit))])

    return Codec(write, read)


def optional(inner: Codec) -> Codec:
    """Return the codec of a value that may be None: one byte 0 or 1 before it."""

    def read(reader: Reader) -> object:
        match reader.take(1):
            case b"\0":
                return None
            case b"\1":
                return inner.read(reader)
            case _:
                raise DecodingError("a presence byte is neither 0 nor 1")

    return Codec(
        lambda value: b"\0" if value is None else b"\1" + inner.write(value), read
    )


U8: Final = unsigned(1)
U16: Final = unsigned(2)
U32: Final = unsigned(4)
U64: Final = unsigned(8)
U128: Final = unsigned(16)
BYTES20: Final = fixed(20)
BYTES32: Final = fixed(32)
BYTES64: Final = fixed(64)


class Format(Generic[T]):
    """The byte format of one dataclass; `kind` and `version` lead its bytes."""

    def __init__(
        self, value_type: type[T], kind: int, version: int, **fields: Codec
    ) -> None:
        self._type = value_type
        self.kind = kind
        self.version = version
        self._prefix = MAGIC + bytes([kind, version])
        self._fields = fields
        self._writers = tuple(codec.write for codec in fields.values())
        self._values = _values_of(tuple(fields))

    def encode(self, value: T) -> bytes:
        """Return the one encoding of `value`, prefix included."""
        return self._prefix + self._body(value)

    def decode(self, data: bytes) -> T:
        """Return the value that `data` encodes, or raise DecodingError."""
        reader = Reader(data)
        value = self._read(reader)
        reader.finish()
        return value

    def nested(self) -> Codec:
        """Return a codec that embeds the whole encoding, prefix included."""
        return Codec(self.encode, self._read)

    def bare(self) -> Codec:
        """Return a codec that embeds the fields only, without the prefix."""
        return Codec(self._body, self._fields_from)

    def _body(self, value: T) -> bytes:
        return b"".join(map(call, self._writers, self._values(value)))

    def _read(self, reader: Reader) -> T:
        prefix = reader.take(len(self._prefix))
        if prefix[:3] != self._prefix[:3]:
            raise DecodingError(f"not a {self._type.__name__}")
        if prefix[3] != self.version:
            raise DecodingError(
                f"{self._type.__name__} version {prefix[3]} is unknown here; "
                f"this program reads version {self.version}"
            )
        return self._fields_from(reader)

    def _fields_from(self, reader: Reader) -> T:
        values = {name: codec.read(reader) for name, codec in self._fields.items()}
        try:
            return self._type(**values)
        except ValueError as error:
            raise DecodingError(f"{self._type.__name__}: {error}") from error


class Either(Generic[T]):
    """Two formats of one type, told apart by their kinds.

    `is_other` says which values are written in the `other` format; a value that
    stands in the wrong one is refused, so that it has one encoding.
    """

    def __init__(
        self, usual: Format[T], other: Format[Any], is_other: Callable[[T], bool]
    ) -> None:
        assert usual.kind != other.kind
        self._usual = usual
        self._other = other
        self._is_other = is_other

    def encode(self, value: T) -> bytes:
        """Return the one encoding of `value`, prefix included."""
        chosen = self._other if self._is_other(value) else self._usual
        return chosen.encode(value)

    def decode(self, data: bytes) -> T:
        """Return the value that `data` encodes, or raise DecodingError."""
        reader = Reader(data)
        value = self._read(reader)
        reader.finish()
        return value

    def nested(self) -> Codec:
        """Return a codec that embeds the whole encoding, prefix included."""
        return Codec(self.encode, self._read)

    def _read(self, reader: Reader) -> T:
        other = reader.peek(3) == MAGIC + bytes([self._other.kind])
        chosen = self._other if other else self._usual
        value = cast("T", chosen.nested().read(reader))
        if self._is_other(value) != other:
            raise DecodingError("a value stands in the format of another kind")
        return value


def _values_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads these attributes of a value, all at once."""
    if len(names) < 2:
        return lambda value: tuple(getattr(value, name) for name in names)
    return attrgetter(*names)


def _count(reader: Reader, limit: int) -> int:
    count = int.from_bytes(reader.take(4), "big")
    if count > limit:
        raise DecodingError(f"{count} items or bytes where at most {limit} may be")
    return count
