"""Drill receipts: an owner's signed word that a sample of a backup came back, when.

The account that pays for the backup signs, so whoever reads the receipt needs
nothing else to know whose word it is. It names no file: only counts, sizes, times.
"""

import hashlib
from typing import Final

from holdfast.ledger.core.account_key import AccountKey, signer_of
from holdfast.protocol.encoding import (
    BYTES20,
    BYTES32,
    U32,
    U64,
    Format,
    text,
)
from holdfast.protocol.errors import DecodingError, SignatureInvalidError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import AccountId, Digest, NetworkId

SIGNATURE_BYTES: Final = 65
_DOMAIN: Final = b"holdfast drill v1"


@frozen
class DrillReceipt:
    """What came back of a random sample of a snapshot.

    `seconds` since 1970 is when it began, `milliseconds` how long restoring took.
    Of `files` in the sample, with `bytes` in all, `right` came back as the snapshot
    has them; `live` were compared with unchanged files on the owner's disk, and
    `live_differing` of those are not what they were.
    """

    network: NetworkId
    network_name: str
    account: AccountId
    snapshot: Digest
    snapshot_time_ns: int
    files_total: int
    bytes_total: int
    seconds: int
    milliseconds: int
    files: int
    bytes: int
    right: int
    live: int
    live_differing: int

    @property
    def passed(self) -> bool:
        """Whether everything came back, and nothing on the disk had changed."""
        return self.right == self.files and not self.live_differing


DRILL_RECEIPT: Final = Format(
    DrillReceipt,
    kind=112,
    version=1,
    network=BYTES32,
    network_name=text(64),
    account=BYTES20,
    snapshot=BYTES32,
    snapshot_time_ns=U64,
    files_total=U64,
    bytes_total=U64,
    seconds=U64,
    milliseconds=U64,
    files=U32,
    bytes=U64,
    right=U32,
    live=U32,
    live_differing=U32,
)


def sign_receipt(receipt: DrillReceipt, key: AccountKey) -> bytes:
    """Return the receipt's encoding followed by its account's signature."""
    assert key.id == receipt.account
    encoded = DRILL_RECEIPT.encode(receipt)
    return encoded + key.sign_digest(_digest(encoded))


def read_receipt(data: bytes) -> DrillReceipt:
    """Return a receipt whose account signed it.

    Raises DecodingError, or SignatureInvalidError.
    """
    encoded, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    if len(signature) < SIGNATURE_BYTES:
        raise DecodingError(f"{len(data)} bytes are too few for a drill receipt")
    receipt = DRILL_RECEIPT.decode(encoded)
    if signer_of(_digest(encoded), signature) != receipt.account:
        raise SignatureInvalidError("the account that it names did not sign it")
    return receipt


def _digest(encoded: bytes) -> Digest:
    return Digest(hashlib.sha256(_DOMAIN + encoded).digest())
