"""Vaults with only their data side, on a ledger made of a dictionary."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from holdfast.ledger.health import LedgerHealth
from holdfast.protocol.checkpoint import (
    Entry,
)
from holdfast.protocol.chunk import EncodedChunk, encode_chunk
from holdfast.protocol.deal import (
    GRANT,
    Deal,
    Grant,
    Holder,
    Purpose,
    deal_id,
)
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.keys import NodeKeys, SigningPair
from holdfast.protocol.manifest import (
    HEAD,
    Head,
    ManifestEntry,
    SignedHead,
)
from holdfast.protocol.network import NetworkParams, development_params
from holdfast.protocol.receipt import (
    FullReceipt,
    SignedReceipt,
)
from holdfast.protocol.record import VaultRecord
from holdfast.protocol.repair import (
    SignedSiblingRequest,
)
from holdfast.protocol.takeover import SignedTakeoverRequest
from holdfast.protocol.units import (
    AccountId,
    ChunkId,
    DealId,
    NetworkId,
    VaultId,
)
from holdfast.vault.core.takeover_check import TakeoverLeave
from holdfast.vault.data_side import DataSide, World
from holdfast.vault.disk import Disk
from holdfast.vault.quote_desk import Terms
from holdfast.vault.vault_service import NAMES, AuditFigures, add_vault_services
from holdfast.wire import rpc

PARAMS = development_params("data side", 1_000)
PRICE = 7_000
QUOTA = 1 << 30
OWNER = AccountId(b"\x0a" * 20)
DEAL_PAIR = SigningPair(b"\x0b" * 32)
TLS = rpc.make_certificate()
DEADLINE = 30.0


class DictLedger:
    """LedgerView over plain dictionaries; tests set the epoch."""

    def __init__(self) -> None:
        self.now_epoch = 10
        self.deals: dict[DealId, Deal] = {}
        self.unmirrored: dict[DealId, Deal] = {}
        self.keys: dict[VaultId, bytes] = {}
        self.reachable = True

    @property
    def params(self) -> NetworkParams:
        return PARAMS

    @property
    def network_id(self) -> NetworkId:
        return PARAMS.network_id

    def epoch(self) -> int:
        return self.now_epoch

    def deal(self, deal: DealId) -> Deal | None:
        return self.deals.get(deal)

    async def find_deal(self, deal: DealId) -> Deal | None:
        if not self.reachable:
            raise LedgerGoneError("no ledger")
        return self.deals.get(deal) or self.unmirrored.get(deal)

    def deals_held(self, vault: VaultId) -> tuple[Deal, ...]:
        held = (d for d in self.deals.values() if d.index_of(vault) is not None)
        return tuple(held)

    def identities(self) -> Mapping[VaultId, bytes]:
        return self.keys

    def registry(self, epoch: int) -> tuple[VaultId, ...]:
        return tuple(self.keys)

    def group(self, vault: VaultId, epoch: int) -> tuple[VaultId, ...]:
        return tuple(key for key in self.keys if key != vault)


class LedgerGoneError(ProtocolError):
    """No ledger can be reached."""


@dataclass
class SettableClock:
    seconds: float = 2_000.0

    def now(self) -> float:
        return self.seconds


class TrustingCheck:
    """A SiblingCheck that believes everybody: the audit side's is tested there."""

    def __init__(self, ledger: DictLedger) -> None:
        self._ledger = ledger

    def check_sibling(self, request: SignedSiblingRequest) -> Entry:
        return request.value.entry.entry

    def check_takeover(self, request: SignedTakeoverRequest) -> TakeoverLeave:
        value = request.value
        deal = self._ledger.deals[value.deal]
        ours = deal.holders[value.index].vault == value.candidate
        return TakeoverLeave(deal, shards=not ours)


@dataclass
class DialledPeers:
    """Peers by their endpoints."""

    endpoints: dict[VaultId, str] = field(default_factory=dict)
    open: dict[VaultId, grpc.aio.Channel] = field(default_factory=dict)

    def record(self, vault: VaultId) -> VaultRecord | None:
        return None

    def channel(self, vault: VaultId) -> grpc.aio.Channel | None:
        if vault not in self.open and vault in self.endpoints:
            self.open[vault] = rpc.connect(self.endpoints[vault], TLS.certificate_pem)
        return self.open.get(vault)

    async def close(self) -> None:
        for channel in self.open.values():
            await channel.close()


@dataclass
class RunningVault:
    """One vault's data side behind a real TLS server."""

    number: int
    directory: Path
    ledger: DictLedger
    peers: DialledPeers
    clock: SettableClock
    quota: int = QUOTA
    reserve: int = 0
    disk: Disk | None = None
    terms: Terms = Terms(PRICE)  # noqa: RUF009 # frozen
    data: DataSide = field(init=False)
    server: rpc.RunningServer = field(init=False)

    @property
    def keys(self) -> NodeKeys:
        return vault_keys(self.number)

    @property
    def vault(self) -> VaultId:
        return self.keys.vault_id

    async def start(self) -> None:
        self.directory.mkdir(exist_ok=True)
        world = World(self.ledger, self.peers, self.clock, lambda: self.terms)
        self.data = DataSide.open(
            self.directory, self.keys, world, self.quota, self.reserve, self.disk
        )
        add = partial(
            add_vault_services,
            data=self.data,
            siblings=TrustingCheck(self.ledger),
            audits=lambda: AuditFigures(
                b"record", "active", 5, True, 9, 4, 100, 50, LedgerHealth()
            ),
        )
        self.server = await rpc.serve("127.0.0.1:0", TLS, [add], NAMES)
        self.peers.endpoints[self.vault] = f"127.0.0.1:{self.server.port}"

    async def stop(self) -> None:
        await self.server.stop(0)
        await self.data.close()

    def shard_file(self, deal: DealId, chunk: ChunkId) -> Path:
        name = chunk.hex()
        return self.directory / "shards" / deal.hex() / name[:2] / name


@dataclass
class DataWorld:
    """Some vaults, their ledger, and channels of an owner to them."""

    ledger: DictLedger
    vaults: list[RunningVault]
    peers: DialledPeers
    clock: SettableClock

    def channel(self, index: int) -> grpc.aio.Channel:
        found = self.peers.channel(self.vaults[index].vault)
        assert found is not None
        return found

    def open_deal(
        self, k: int = 2, capacity: int = 1 << 26, nonce: int = 1, end_epoch: int = 500
    ) -> Deal:
        deal = a_deal([vault.vault for vault in self.vaults], k, capacity, nonce)
        self.ledger.deals[deal.id] = deal
        return deal

    async def restart(self, index: int) -> None:
        vault = self.vaults[index]
        await vault.stop()
        if old := self.peers.open.pop(vault.vault, None):
            await old.close()
        await vault.start()


@asynccontextmanager
async def data_world(
    directory: Path, count: int = 4, **options: Any
) -> AsyncIterator[DataWorld]:
    """Run `count` vaults below `directory`."""
    ledger, peers, clock = DictLedger(), DialledPeers(), SettableClock()
    vaults = [
        RunningVault(number, directory / str(number), ledger, peers, clock, **options)
        for number in range(count)
    ]
    for vault in vaults:
        ledger.keys[vault.vault] = vault.keys.identity.public
        await vault.start()
    try:
        yield DataWorld(ledger, vaults, peers, clock)
    finally:
        await peers.close()
        for vault in vaults:
            await vault.stop()


def vault_keys(number: int) -> NodeKeys:
    return NodeKeys(bytes([100 + number]) * 32)


def a_deal(
    vaults: Sequence[VaultId],
    k: int = 2,
    capacity: int = 1 << 26,
    nonce: int = 1,
    end_epoch: int = 500,
) -> Deal:
    secret = nonce.to_bytes(32, "big")
    return Deal(
        deal_id(OWNER, secret),
        OWNER,
        secret,
        DEAL_PAIR.public,
        k,
        tuple(Holder(vault, PRICE, 5) for vault in vaults),
        capacity,
        5,
        end_epoch,
        10**12,
    )


def a_chunk(content: bytes, deal: Deal) -> EncodedChunk:
    return encode_chunk(content, deal.k, deal.n)


def entry_of(chunk: EncodedChunk) -> ManifestEntry:
    return ManifestEntry(chunk.id, chunk.header.length)


def grant(deal: Deal, vault: VaultId, purpose: Purpose, expires: int = 1_000) -> bytes:
    said = Grant(deal.id, vault, purpose.value, expires)
    return GRANT.encode(GRANT.sign(said, PARAMS.network_id, DEAL_PAIR))


def sign_head(head: Head) -> SignedHead:
    return HEAD.sign(head, PARAMS.network_id, DEAL_PAIR)


def full_receipt(
    head: SignedHead, receipts: Sequence[SignedReceipt], ledger: DictLedger, deal: Deal
) -> FullReceipt:
    identities = tuple(ledger.keys[holder.vault] for holder in deal.holders)
    return FullReceipt(head, deal.deal_key, tuple(receipts), identities)
