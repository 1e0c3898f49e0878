"""What the parts of a vault need of each other and of the world.

The audit side sees what is held only through `HeldData`; the data side sees the
ledger only through `LedgerView`; both see other vaults only through `Peers`.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import grpc

from holdfast.protocol.answer import LeafProof
from holdfast.protocol.checkpoint import Entries, Entry
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import SignedHead
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.receipt import FullReceipt
from holdfast.protocol.record import VaultRecord
from holdfast.protocol.repair import SignedSiblingRequest
from holdfast.protocol.takeover import SignedTakeover, SignedTakeoverRequest
from holdfast.protocol.units import DealId, NetworkId, VaultId
from holdfast.vault.core.challenged import WantedLeaf as WantedLeaf  # noqa: PLC0414 # part of this port
from holdfast.vault.core.effects import TakeOver
from holdfast.vault.core.takeover_check import TakeoverLeave


class Clock(Protocol):
    """The one source of time."""

    def now(self) -> float:
        """Return seconds since 1970."""
        ...


@frozen
class HeldFigures:
    """How much a vault holds, for its record and status."""

    held_bytes: int
    held_shards: int
    missing_shards: int
    staged_bytes: int
    quota_bytes: int


class HeldData(Protocol):
    """What the audit side asks of the data side.

    Heads and bytes that the newest answered checkpoint names stay readable until
    `checkpoint_answered` names newer ones.
    """

    def entries(self) -> Entries:
        """Return an entry for each deal held, under its newest acknowledged head."""
        ...

    def signed_head(self, entry: Entry) -> SignedHead | None:
        """Return the signed head that an entry names."""
        ...

    def full_receipt(self, deal: DealId) -> FullReceipt | None:
        """Return the newest full receipt of a deal."""
        ...

    async def read_leaves(
        self, wanted: Sequence[WantedLeaf]
    ) -> tuple[LeafProof | None, ...]:
        """Read, check and prove leaves; None for one that is damaged or gone.

        Damage that is found is remembered, so the next entries declare it.
        """
        ...

    async def checkpoint_answered(self, entries: Entries) -> None:
        """Let go of heads and bytes that neither these entries nor newer heads need."""
        ...

    async def rebuild_missing(
        self, deal: Deal, entry: Entry, requests: Mapping[VaultId, SignedSiblingRequest]
    ) -> int:
        """Rebuild what `entry` declares missing from siblings; return shards rebuilt.

        `requests` has this vault's signed request for each sibling.
        """
        ...

    async def take_over(self, order: TakeOver) -> SignedTakeover | None:
        """Rebuild what a slot asks for and return our claim to it, if it is not ours.

        Raises RefusedError when it cannot be had now; what is there is kept.
        """
        ...

    async def drop_takeover(self, deal: DealId) -> None:
        """Delete what was fetched for a slot that another vault has now."""
        ...

    def figures(self) -> HeldFigures:
        """Return how much is held."""
        ...


class LedgerView(Protocol):
    """The local mirror of the ledger, followed in the background."""

    @property
    def params(self) -> NetworkParams:
        """The network's parameters."""
        ...

    @property
    def network_id(self) -> NetworkId:
        """The network's id."""
        ...

    def epoch(self) -> int:
        """Return the current epoch by the clock."""
        ...

    def deal(self, deal: DealId) -> Deal | None:
        """Return a deal if it is mirrored."""
        ...

    async def find_deal(self, deal: DealId) -> Deal | None:
        """Return a deal, asking the ledger when it is not mirrored."""
        ...

    def deals_held(self, vault: VaultId) -> tuple[Deal, ...]:
        """Return the mirrored deals that name `vault` as a holder."""
        ...

    def identities(self) -> Mapping[VaultId, bytes]:
        """Return the Ed25519 key of every vault ever registered."""
        ...

    def registry(self, epoch: int) -> tuple[VaultId, ...]:
        """Return Registry(epoch) in order of registration."""
        ...

    def group(self, vault: VaultId, epoch: int) -> tuple[VaultId, ...]:
        """Return the neighbours who acknowledge and vote for `vault` in `epoch`.

        They are drawn with the beacon of the period of `epoch` − 1, because
        acknowledgements are signed before `epoch` starts. Empty while unknown.
        """
        ...


class Peers(Protocol):
    """Other vaults: their records and pinned connections."""

    def record(self, vault: VaultId) -> VaultRecord | None:
        """Return the newest record known of a vault."""
        ...

    def channel(self, vault: VaultId) -> grpc.aio.Channel | None:
        """Return the open channel to a vault, pinned to its record's certificate."""
        ...


class SiblingCheck(Protocol):
    """Who may fetch whole shards without a grant: the audit side's verdict."""

    def check_sibling(self, request: SignedSiblingRequest) -> Entry:
        """Return the entry whose missing spans may be fetched now, or raise.

        Raises ProtocolError when the request, its checkpoint or its majority does
        not hold, or the answer deadline of the epoch has not passed.
        """
        ...

    def check_takeover(self, request: SignedTakeoverRequest) -> TakeoverLeave:
        """Return what a candidate for an open slot may fetch now, or raise.

        Raises ProtocolError.
        """
        ...
