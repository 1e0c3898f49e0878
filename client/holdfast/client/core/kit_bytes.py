"""The bytes of a recovery kit, whose code is printed.

210 bytes: version (1), checksum (6), master key (32), network id (32), entries, and
if there is room a zero and padding. The padding is not zeros, because people lose
their place in a row of one character. An entry is its role (1), its length (1) and
that many bytes: a certificate's fingerprint (16), and the endpoint as an IPv4 address
(4) and port (2), or else as "host:port". The checksum refuses a wrong correction.
"""

import hashlib
import ipaddress
from dataclasses import field
from enum import Enum
from typing import Final

from holdfast.client.core.kit_code import DATA_BYTES
from holdfast.client.core.owner_keys import MASTER_KEY_BYTES
from holdfast.protocol.encoding import Reader
from holdfast.protocol.errors import DecodingError, HoldfastError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import NetworkId

VERSION: Final = 1
FINGERPRINT_BYTES: Final = 16
_NETWORK_ID_BYTES: Final = 32
_CHECKSUM_BYTES: Final = 6
_HEAD_BYTES: Final = 1 + _CHECKSUM_BYTES
ENTRIES_BYTES: Final = DATA_BYTES - _HEAD_BYTES - MASTER_KEY_BYTES - _NETWORK_ID_BYTES
_ENTRY_HEAD_BYTES: Final = 2
_END: Final = 0
_PADDING: Final = hashlib.shake_256(b"holdfast kit padding").digest(ENTRIES_BYTES)


class Role(Enum):
    """What an entry's server is, and how its endpoint is written."""

    LEDGER = 1
    SEED = 2
    LEDGER_IPV4 = 3
    SEED_IPV4 = 4


class KitError(HoldfastError):
    """The code of a recovery kit cannot be made, or not be read.

    `lines` are the numbers, from 1, of the printed lines to look at again.
    """

    def __init__(self, message: str, lines: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.lines = lines


@frozen
class KitEndpoint:
    """A server: "host:port" and its certificate's fingerprint; raises ValueError."""

    endpoint: str
    fingerprint: bytes

    def __post_init__(self) -> None:
        host, _, port = self.endpoint.rpartition(":")
        if not (host and host.isascii() and host.isprintable() and " " not in host):
            raise ValueError(f"{self.endpoint!r} is not host:port")
        digits = port.isascii() and port.isdigit() and len(port) <= 5
        if not (digits and 0 < int(port) < 1 << 16):
            raise ValueError(f"{self.endpoint!r} has no port from 1 to 65535")
        if len(self.fingerprint) != FINGERPRINT_BYTES:
            raise ValueError(f"a fingerprint has {FINGERPRINT_BYTES} bytes")

    @property
    def entry_bytes(self) -> int:
        """How many of a kit's ENTRIES_BYTES it takes."""
        return len(_entry(Role.SEED, Role.SEED_IPV4, self))


@frozen
class Kit:
    """All that a new machine needs to bring everything back; raises ValueError."""

    master: bytes = field(repr=False)
    network: NetworkId
    ledger: KitEndpoint
    seeds: tuple[KitEndpoint, ...] = ()

    def __post_init__(self) -> None:
        if len(self.master) != MASTER_KEY_BYTES:
            raise ValueError("a master key has 32 bytes")
        if len(self.network) != _NETWORK_ID_BYTES:
            raise ValueError("a network id has 32 bytes")
        if sum(s.entry_bytes for s in (self.ledger, *self.seeds)) > ENTRIES_BYTES:
            raise ValueError("more addresses than a recovery kit has room for")


@frozen
class KitReading:
    """A kit that was read; `mended` are the lines that had mistakes, from 1."""

    kit: Kit
    mended: tuple[int, ...]


def fingerprint(certificate_der: bytes) -> bytes:
    """Return the first 16 bytes of the SHA-256 of a certificate's DER."""
    return hashlib.sha256(certificate_der).digest()[:FINGERPRINT_BYTES]


def encode_kit(kit: Kit) -> bytes:
    """Return the 210 bytes of a kit."""
    entries = _entry(Role.LEDGER, Role.LEDGER_IPV4, kit.ledger)
    for seed in kit.seeds:
        entries += _entry(Role.SEED, Role.SEED_IPV4, seed)
    filled = (entries + bytes([_END]) + _PADDING)[:ENTRIES_BYTES]
    body = kit.master + kit.network + filled
    return bytes([VERSION]) + _checksum(VERSION, body) + body


def is_sound(data: bytes) -> bool:
    """Return whether the checksum in the 210 bytes fits, whatever their version."""
    return data[1:_HEAD_BYTES] == _checksum(data[0], data[_HEAD_BYTES:])


def decode_kit(data: bytes) -> Kit:
    """Return the kit of 210 sound bytes, or raise KitError."""
    if data[0] != VERSION:
        raise KitError(
            f"this is a recovery kit of version {data[0]}, made by a newer Holdfast; "
            "install the newest version and try again"
        )
    reader = Reader(data[_HEAD_BYTES:])
    try:
        master = reader.take(MASTER_KEY_BYTES)
        network = NetworkId(reader.take(_NETWORK_ID_BYTES))
        ledgers, seeds = _decode_entries(Reader(reader.take(ENTRIES_BYTES)))
        return Kit(master, network, ledgers[0], tuple(seeds))
    except (DecodingError, ValueError, IndexError) as error:
        raise KitError(
            "the code reads well, but says nothing that this Holdfast understands; "
            "recover with the 24 words"
        ) from error


def _entry(named: Role, ipv4: Role, server: KitEndpoint) -> bytes:
    packed = _pack_ipv4(server.endpoint)
    said = server.fingerprint + (packed or server.endpoint.encode("ascii"))
    role = ipv4 if packed else named
    # Too long for its length byte is far too long for a kit, which says so.
    return bytes([role.value, min(len(said), 255)]) + said


def _pack_ipv4(endpoint: str) -> bytes | None:
    host, _, port = endpoint.rpartition(":")
    try:
        packed = ipaddress.IPv4Address(host).packed + int(port).to_bytes(2, "big")
    except ValueError:
        return None
    return packed if _unpack_ipv4(packed) == endpoint else None


def _unpack_ipv4(packed: bytes) -> str:
    host = ipaddress.IPv4Address(packed[:-2])
    return f"{host}:{int.from_bytes(packed[-2:], 'big')}"


def _decode_entries(reader: Reader) -> tuple[list[KitEndpoint], list[KitEndpoint]]:
    """Return ledgers and seeds; an entry of a role that is unknown here is skipped."""
    ledgers: list[KitEndpoint] = []
    seeds: list[KitEndpoint] = []
    left = ENTRIES_BYTES
    while left and (role := reader.take(1)[0]) != _END:
        length = reader.take(1)[0]
        said = reader.take(length)
        left -= _ENTRY_HEAD_BYTES + length
        mark, where = said[:FINGERPRINT_BYTES], said[FINGERPRINT_BYTES:]
        match role:
            case Role.LEDGER.value:
                ledgers.append(KitEndpoint(where.decode("ascii"), mark))
            case Role.LEDGER_IPV4.value:
                ledgers.append(KitEndpoint(_unpack_ipv4(where), mark))
            case Role.SEED.value:
                seeds.append(KitEndpoint(where.decode("ascii"), mark))
            case Role.SEED_IPV4.value:
                seeds.append(KitEndpoint(_unpack_ipv4(where), mark))
    return ledgers, seeds


def _checksum(version: int, body: bytes) -> bytes:
    digest = hashlib.sha256(b"holdfast kit" + bytes([version]) + body).digest()
    return digest[:_CHECKSUM_BYTES]
