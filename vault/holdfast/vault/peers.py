"""Pinned connections to other vaults, opened when needed, bounded in number."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import grpc

from holdfast.ledger.network_file import SeedVault
from holdfast.protocol.frozen import frozen
from holdfast.protocol.record import VaultRecord
from holdfast.protocol.units import VaultId
from holdfast.wire import rpc

CHANNELS_MAX: Final = 256
CLOSE_GRACE_SECONDS: Final = 30.0


@frozen
class _Open:
    endpoint: str
    certificate: bytes
    channel: grpc.aio.Channel


class PeerChannels:
    """Channels to vaults, each pinned to the certificate of the vault's record.

    `record_of` gives the newest record; a changed address opens another channel.
    """

    def __init__(
        self,
        record_of: Callable[[VaultId], VaultRecord | None],
        seeds: Sequence[SeedVault],
    ) -> None:
        self._record_of = record_of
        self._seeds = tuple(seeds)
        self._open: OrderedDict[VaultId | int, _Open] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def record(self, vault: VaultId) -> VaultRecord | None:
        """Return the newest record known of a vault."""
        return self._record_of(vault)

    def channel(self, vault: VaultId) -> grpc.aio.Channel | None:
        """Return the open channel to a vault, or None while it has no record."""
        record = self._record_of(vault)
        if record is None or not record.endpoints:
            return None
        known = self._open.get(vault)
        address = (record.endpoints[0], record.certificate)
        if known and (known.endpoint, known.certificate) == address:
            self._open.move_to_end(vault)
            return known.channel
        try:
            pem = rpc.certificate_pem(record.certificate)
        except ValueError:
            return None
        return self._take(vault, *address, pem)

    def seed(self, place: int) -> grpc.aio.Channel:
        """Return the channel to a seed of the configuration."""
        known = self._open.get(place)
        if known:
            return known.channel
        seed = self._seeds[place]
        return self._take(place, seed.endpoint, seed.certificate, seed.certificate)

    async def close(self) -> None:
        """Close every channel."""
        for known in self._open.values():
            await known.channel.close()
        self._open.clear()
        for task in list(self._closing):
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _take(
        self, key: VaultId | int, endpoint: str, certificate: bytes, pem: bytes
    ) -> grpc.aio.Channel:
        before = self._open.pop(key, None)
        channel = rpc.connect(endpoint, pem)
        self._open[key] = _Open(endpoint, certificate, channel)
        if before:
            self._retire(before)
        if len(self._open) > CHANNELS_MAX:
            self._retire(self._open.popitem(last=False)[1])
        return channel

    def _retire(self, known: _Open) -> None:
        """Close a channel once the calls on it have had time to end."""
        task = asyncio.ensure_future(known.channel.close(CLOSE_GRACE_SECONDS))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
