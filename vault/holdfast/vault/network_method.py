"""One method of the Network service: its messages and how they are read."""

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import Message

from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import VaultId
from holdfast.vault.core import messages as m

ID_BYTES: Final = 32


@frozen
class Method:
    """A method's name, the types of its messages, and their four translations."""

    name: str
    request: type[Message]
    reply: type[Message]
    read_request: Callable[[Any], m.Request]
    write_request: Callable[[Any], Message]
    read_reply: Callable[[Any], m.Reply]
    write_reply: Callable[[Any], Message]


def exactly(value: bytes, size: int, name: str) -> bytes:
    """Return a field that must have `size` bytes, or raise DecodingError."""
    if len(value) != size:
        raise DecodingError(f"{name} has {len(value)} bytes, not {size}")
    return value


def read_vault(value: bytes) -> VaultId:
    """Return a vault's id, or raise DecodingError."""
    return VaultId(exactly(value, ID_BYTES, "a vault's id"))
