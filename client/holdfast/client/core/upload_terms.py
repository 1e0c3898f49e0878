"""What an upload to one deal is given: limits, the deal's key, and where it stands."""

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from holdfast.client.core.upload_events import Countersigned
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import SigningPair
from holdfast.protocol.manifest import NO_HEAD, Head, Manifest, SignedHead
from holdfast.protocol.units import MEMO_BYTES, MIB, Digest, NetworkId, VaultId

NO_MEMO: Final = bytes(MEMO_BYTES)


@frozen
class UploadLimits:
    """How much goes under one head, flies to one holder, and how long we wait.

    Bytes of a head are ciphertext, those of a window are one holder's shards.
    `patience_seconds` is for a holder that answers but gets nowhere, or longer, up to
    `stall_seconds`, where the connection is so slow; `away_seconds` is for one that
    cannot be reached.
    """

    head_bytes: int = 128 * MIB
    window_bytes: int = 16 * MIB
    patience_seconds: float = 30.0
    stall_seconds: float = 600.0
    away_seconds: float = 10.0
    retry_seconds: float = 1.0


@frozen
class UploadTerms:
    """Who uploads to which deal: the deal's key, and its holders' identity keys."""

    deal: Deal
    network: NetworkId
    pair: SigningPair
    identities: Mapping[VaultId, bytes]
    limits: UploadLimits = field(default_factory=UploadLimits)


@frozen
class Footing:
    """Where a deal stands: its newest acknowledged head, and what to build on.

    `predecessor` differs from that head only after `conflict`: two heads of one
    sequence, which prove that neither was acknowledged. `kept_bytes` are shard bytes
    that a holder keeps, with what was deleted until its next audit.
    """

    acknowledged: SignedHead | None
    manifest: Manifest
    predecessor: Head | None
    conflict: tuple[Countersigned, ...] = ()
    kept_bytes: int = 0

    @property
    def base(self) -> Digest:
        """The digest of the acknowledged head; NO_HEAD before the first."""
        return self.acknowledged.value.digest() if self.acknowledged else NO_HEAD

    @property
    def memo(self) -> bytes:
        """The memo of the acknowledged head."""
        return self.acknowledged.value.memo if self.acknowledged else NO_MEMO


def standing_on(
    head: SignedHead | None, manifest: Manifest, kept_bytes: int = 0
) -> Footing:
    """Return the footing on an acknowledged head that nobody has gone beyond."""
    before = head.value if head else None
    return Footing(head, manifest, before, kept_bytes=kept_bytes)
