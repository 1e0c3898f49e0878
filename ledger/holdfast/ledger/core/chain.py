"""The journal's entries: genesis, ticks and operations, each chained to the last.

An entry's hash covers the hash before it, its sequence, its time and its content,
so whoever knows the newest hash knows the whole journal.
"""

import hashlib
from enum import Enum
from typing import Final, assert_never

from holdfast.ledger.core.encodings import SIGNED_OPERATION
from holdfast.ledger.core.operations import SignedOperation
from holdfast.ledger.core.values import Head
from holdfast.protocol.encoding import BYTES20, BYTES32, U64, Format, sequence
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NETWORK_PARAMS, NetworkParams
from holdfast.protocol.units import AccountId, Digest, Grains

ALLOCATIONS_MAX: Final = 4096


@frozen
class Allocation:
    """What an account has from the beginning."""

    account: AccountId
    amount: Grains


@frozen
class Genesis:
    """The first entry: the network's parameters and who has what."""

    params: NetworkParams
    allocations: tuple[Allocation, ...] = ()


@frozen
class Tick:
    """An epoch begins; its beacon comes from this entry's hash.

    `random` is 32 bytes that nobody could know before.
    """

    epoch: int
    random: bytes


Content = Genesis | Tick | SignedOperation


class EntryKind(Enum):
    """What an entry contains."""

    GENESIS = 1
    TICK = 2
    OPERATION = 3


@frozen
class Entry:
    """One line of the journal; `seconds` is the operator's clock, never going back."""

    sequence: int
    seconds: int
    content: Content
    previous: Digest
    hash: Digest


ALLOCATION: Final = Format(Allocation, kind=65, version=1, account=BYTES20, amount=U64)
GENESIS: Final = Format(
    Genesis,
    kind=63,
    version=1,
    params=NETWORK_PARAMS.nested(),
    allocations=sequence(ALLOCATION.bare(), ALLOCATIONS_MAX),
)
TICK: Final = Format(Tick, kind=64, version=1, epoch=U64, random=BYTES32)


def next_entry(head: Head, seconds: int, content: Content) -> Entry:
    """Return the entry that follows `head`; a clock that went back stands still."""
    sequence_, later = head.sequence + 1, max(seconds, head.seconds)
    kind, payload = encode_content(content)
    digest = entry_hash(head.hash, sequence_, later, kind, payload)
    return Entry(sequence_, later, content, head.hash, digest)


def entry_hash(
    previous: Digest, sequence_: int, seconds: int, kind: EntryKind, payload: bytes
) -> Digest:
    """Return the hash of the entry with these columns."""
    message = (
        b"holdfast entry v1"
        + previous
        + sequence_.to_bytes(8, "big")
        + seconds.to_bytes(8, "big")
        + bytes([kind.value])
        + payload
    )
    return Digest(hashlib.sha256(message).digest())


def encode_content(content: Content) -> tuple[EntryKind, bytes]:
    """Return the kind of a content and its bytes."""
    match content:
        case Genesis():
            return EntryKind.GENESIS, GENESIS.encode(content)
        case Tick():
            return EntryKind.TICK, TICK.encode(content)
        case SignedOperation():
            return EntryKind.OPERATION, SIGNED_OPERATION.encode(content)
        case _:
            assert_never(content)


def decode_content(kind: EntryKind, payload: bytes) -> Content:
    """Return the content of an entry, or raise DecodingError."""
    match kind:
        case EntryKind.GENESIS:
            return GENESIS.decode(payload)
        case EntryKind.TICK:
            return TICK.decode(payload)
        case EntryKind.OPERATION:
            return SIGNED_OPERATION.decode(payload)
        case _:
            assert_never(kind)
