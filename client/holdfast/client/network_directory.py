"""Who is in the network and how to reach them: registry, records, pinned channels.

The registry comes from the ledger, records from any vault, both checked here: a
record counts when its own key signed it and the registry lists that key.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

import grpc

from holdfast.client.bandwidth import NO_LIMITS, Bandwidth
from holdfast.client.network_errors import (
    NetworkError,
    NoSeedAnswersError,
    VaultUnreachableError,
)
from holdfast.client.transport import VaultLink
from holdfast.ledger.port import Ledger, Listing, RegisteredVault
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.record import SignedRecord, VaultRecord, check_record
from holdfast.protocol.units import VaultId
from holdfast.wire import rpc

_GOSSIPS_AT_ONCE: Final = 4
_SEEDS_AT_ONCE: Final = 16
_LINKS_MAX: Final = 512
_REGISTRY_PAGE: Final = 4096


@frozen
class Seed:
    """A vault to ask first: "host:port" and its certificate as PEM."""

    endpoint: str
    certificate_pem: bytes


class RecordKeeper(Protocol):
    """Keeps vault records between two runs of the client."""

    def records(self) -> Mapping[VaultId, SignedRecord]:
        """Return the records kept; they are verified again."""
        ...

    def keep_records(self, records: Iterable[SignedRecord]) -> None:
        """Keep records."""
        ...


class NetworkDirectory:
    """The vaults that this client knows, and one link to each it talks to."""

    def __init__(
        self,
        ledger: Ledger,
        seeds: Sequence[Seed],
        journal: RecordKeeper,
        clock: Callable[[], float] = time.time,
        bandwidth: Bandwidth = NO_LIMITS,
    ) -> None:
        self.ledger = ledger
        self.bandwidth = bandwidth
        self.params = ledger.params
        self.network = ledger.network_id
        self._seeds = tuple(seeds)
        self._journal = journal
        self._clock = clock
        self._registry: dict[VaultId, RegisteredVault] = {}
        self._upto = 0
        self._records: dict[VaultId, VaultRecord] = {}
        self._links: dict[VaultId, tuple[VaultRecord, VaultLink]] = {}
        self._endings: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Read the registry, and the records of earlier times."""
        await self.refresh()
        for vault, record in self._journal.records().items():
            if vault in self._registry:
                self._take(record)

    async def close(self) -> None:
        """Close all channels."""
        links = [link for _, link in self._links.values()]
        self._links.clear()
        await asyncio.gather(*(link.close() for link in links), *self._endings)

    def epoch(self) -> int:
        """Return the current epoch by this machine's clock; at least 0."""
        return max(self.params.epoch_at(self._clock()), 0)

    @property
    def identities(self) -> Mapping[VaultId, bytes]:
        """The Ed25519 key of every vault ever registered."""
        return {vault: row.identity_key for vault, row in self._registry.items()}

    @property
    def rows(self) -> tuple[RegisteredVault, ...]:
        """The registry's rows, of every vault ever registered."""
        return tuple(self._registry.values())

    def row(self, vault: VaultId) -> RegisteredVault | None:
        """Return a vault's registry row."""
        return self._registry.get(vault)

    def active(self) -> tuple[VaultId, ...]:
        """Return the vaults that may take deals."""
        return tuple(
            vault
            for vault, row in self._registry.items()
            if row.listing is Listing.ACTIVE
        )

    def record(self, vault: VaultId) -> VaultRecord | None:
        """Return the newest record known of a vault."""
        return self._records.get(vault)

    async def refresh(self) -> None:
        """Read what changed in the registry."""
        while True:
            changes = await self.ledger.registry(self._upto)
            self._registry.update((row.vault, row) for row in changes.vaults)
            self._upto = changes.upto
            if len(changes.vaults) < _REGISTRY_PAGE:
                return

    async def refresh_if_unknown(self, vaults: Collection[VaultId]) -> None:
        """Look for vaults of which the registry row or the record is not known.

        Raises NoSeedAnswersError when nobody answers and none of them is known.
        """
        if any(vault not in self._registry for vault in vaults):
            await self.refresh()
        try:
            await self.find(vaults)
        except NoSeedAnswersError:
            if not any(vault in self._records for vault in vaults):
                raise

    async def find(self, vaults: Collection[VaultId]) -> None:
        """See to it that records of these vaults are known, as far as there are any.

        Raises NoSeedAnswersError when nobody at all answers.
        """
        if all(vault in self._records for vault in vaults):
            return
        await self.ask_around()

    async def ask_around(self) -> None:
        """Ask some known vaults and seeds for all records, more if none answers."""
        known = list(self._records)
        links: list[VaultLink] = []
        for vault in random.sample(known, min(len(known), _GOSSIPS_AT_ONCE)):
            with contextlib.suppress(VaultUnreachableError):
                links.append(self.link(vault))
        asked = 0
        for first in range(0, max(len(self._seeds), 1), _SEEDS_AT_ONCE):
            seeds = self._seeds[first : first + _SEEDS_AT_ONCE]
            if await self._ask([] if first else links, seeds):
                return
            asked += len(seeds) + (0 if first else len(links))
        raise NoSeedAnswersError(asked)

    async def _ask(self, links: Sequence[VaultLink], seeds: Sequence[Seed]) -> bool:
        """Ask these for all records; tell whether anybody answered."""
        strangers = [
            VaultLink(
                VaultId(bytes(32)), rpc.connect(seed.endpoint, seed.certificate_pem)
            )
            for seed in seeds
        ]
        try:
            heard = await asyncio.gather(
                *(self._gossip(link) for link in (*links, *strangers))
            )
        finally:
            await asyncio.gather(*(link.close() for link in strangers))
        return any(heard)

    async def _gossip(self, link: VaultLink) -> bool:
        try:
            records = await link.records()
        except NetworkError:
            return False
        fresh = [record for record in records if self._take(record)]
        if fresh:
            await asyncio.to_thread(self._journal.keep_records, fresh)
        return True

    def _take(self, signed: SignedRecord) -> bool:
        try:
            record = check_record(signed, self.network)
        except ProtocolError:
            return False
        vault = record.vault
        row = self._registry.get(vault)
        before = self._records.get(vault)
        if row is None or (before and before.sequence >= record.sequence):
            return False
        self._records[vault] = record
        return True

    def link(self, vault: VaultId) -> VaultLink:
        """Return the link to a vault, or raise VaultUnreachableError."""
        record = self._records.get(vault)
        if record is None or not record.endpoints:
            raise VaultUnreachableError(vault, "nobody knows where it is")
        if vault in self._links:
            used, link = self._links[vault]
            if (used.endpoints, used.certificate) == (
                record.endpoints,
                record.certificate,
            ):
                return link
            self._let_go(vault)
        link = VaultLink(vault, self._channel(vault, record))
        self._links[vault] = (record, link)
        while len(self._links) > _LINKS_MAX:
            self._let_go(next(iter(self._links)))
        return link

    def _channel(self, vault: VaultId, record: VaultRecord) -> grpc.aio.Channel:
        try:
            pem = rpc.certificate_pem(record.certificate)
        except ValueError as error:
            raise VaultUnreachableError(
                vault, "its certificate cannot be read"
            ) from error
        return rpc.connect(record.endpoints[0], pem)

    def _let_go(self, vault: VaultId) -> None:
        _, link = self._links.pop(vault)
        ending = asyncio.ensure_future(link.close())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


def hosts_of(record: VaultRecord) -> tuple[str, ...]:
    """Return the hosts of a record's endpoints."""
    return tuple(endpoint.rpartition(":")[0] for endpoint in record.endpoints)


def names_of(vaults: Iterable[VaultId]) -> str:
    """Return vaults as people read them."""
    return ", ".join(vault.hex()[:16] for vault in vaults)
