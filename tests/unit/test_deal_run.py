"""The end of a deal's run, when its streams do not take being cancelled well."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

from holdfast.client.bandwidth import Bandwidth
from holdfast.client.chunk_box import ChunkBox
from holdfast.client.core.upload_terms import standing_on
from holdfast.client.deal_book import DealBook
from holdfast.client.deal_run import DealRun
from holdfast.client.network_errors import VaultUnreachableError
from holdfast.protocol.manifest import Manifest
from holdfast.protocol.units import MIB, VaultId
from holdfast.wire import frames
from upload_world import DEAL, IDENTITIES, LIMITS, NETWORK, PAIR, K, N


class BreakingStream:
    """A stream that, when it is first cancelled, says that the vault went away."""

    def __init__(self, vault: VaultId, broken: set[VaultId]) -> None:
        self.vault = vault
        self._broken = broken

    async def open(self, grant: object) -> None:
        """Open at once."""

    async def read_within(self) -> bytes:
        return frames.opened(())

    async def frames(self) -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self.vault in self._broken:
                raise
            self._broken.add(self.vault)
            raise VaultUnreachableError(self.vault, "it closed the stream") from None
        yield b""

    def cancel(self) -> None:
        """Be broken off."""


def book() -> DealBook:
    broken = set[VaultId]()

    def link(vault: VaultId) -> Any:
        return SimpleNamespace(store=lambda: BreakingStream(vault, broken))

    async def ask_around() -> None:
        pass

    directory = SimpleNamespace(
        identities=IDENTITIES,
        network=NETWORK,
        bandwidth=Bandwidth(),
        link=link,
        ask_around=ask_around,
    )
    keys = SimpleNamespace(deal_pair=lambda _nonce: PAIR)
    parts = {"directory": directory, "keys": keys, "grant": lambda *_: None}
    return cast("DealBook", SimpleNamespace(**parts))


def test_a_run_ends_although_its_streams_break_when_they_are_cancelled() -> None:
    async def story() -> None:
        footing = standing_on(None, Manifest(K, N))
        box = ChunkBox(K, N, MIB)
        run = DealRun(book(), DEAL, footing, box, LIMITS, lambda *_: None)
        running = asyncio.create_task(run.run())
        await run.all_open()
        run.close()
        done, _ = await asyncio.wait({running}, timeout=20)
        assert done == {running}

    asyncio.run(story())
