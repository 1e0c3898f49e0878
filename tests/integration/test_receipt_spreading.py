"""New full receipts go to the next holder and, once, to those who watch him."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import grpc

from holdfast.protocol.receipt import FULL_RECEIPT
from holdfast.protocol.units import VaultId
from holdfast.vault.receipt_spreading import (
    AGAIN_EPOCHS,
    ATTEMPTS,
    METHOD,
    WATCHERS_METHOD,
    ReceiptSpreading,
)
from holdfast.wire.v1 import network_pb2
from vault_data_owner import DealOwner
from vault_data_world import a_chunk, data_world


class Heard:
    """Stands for the channels to all vaults; remembers who was shown what."""

    def __init__(self) -> None:
        self.calls: list[tuple[VaultId, str, bytes]] = []
        self.away: set[VaultId] = set()

    def channel(self, vault: VaultId) -> "Line":
        return Line(self, vault)

    def told(self, method: str) -> Counter[VaultId]:
        return Counter(vault for vault, named, _ in self.calls if named == method)


class Line:
    """One vault's channel."""

    def __init__(self, heard: Heard, vault: VaultId) -> None:
        self._heard = heard
        self._vault = vault

    def unary_unary(
        self, method: str, request_serializer: Callable[[object], bytes]
    ) -> object:
        async def call(request: object, metadata: object, timeout: float) -> bytes:  # noqa: ASYNC109 # grpc's
            del metadata, timeout
            sent = (self._vault, method, request_serializer(request))
            self._heard.calls.append(sent)
            if self._vault in self._heard.away:
                gone = grpc.StatusCode.UNAVAILABLE
                raise grpc.aio.AioRpcError(
                    gone, grpc.aio.Metadata(), grpc.aio.Metadata()
                )
            return b""

        return call


def test_those_who_watch_the_next_holder_are_shown_each_new_full_receipt_once(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            await owner.upload(a_chunk(b"a" * 9_000, deal))
            first, heard = world.vaults[0].data, Heard()
            peers: object = heard
            spreading = ReceiptSpreading(first.driver, world.ledger, peers)  # type: ignore[arg-type]
            await spreading.spread()
            following = deal.holders[1].vault
            watchers = world.ledger.group(following, world.ledger.epoch() + 1)
            others = set(watchers) - {world.vaults[0].vault}
            assert others
            assert heard.told(METHOD) == {following: 1}
            assert heard.told(WATCHERS_METHOD) == dict.fromkeys(others, 1)
            (sent, *_) = [data for _, named, data in heard.calls if named != METHOD]
            shown = network_pb2.ShowReceiptRequest.FromString(sent).full_receipt
            assert FULL_RECEIPT.decode(shown) == first.full_receipt(deal.id)
            await spreading.spread()
            assert len(heard.calls) == 1 + len(others), "nothing was new"
            await owner.upload(a_chunk(b"b" * 9_000, deal))
            await spreading.spread()
            assert heard.told(WATCHERS_METHOD) == dict.fromkeys(others, 2)

    asyncio.run(story())


def test_who_was_away_for_long_still_gets_the_full_receipt_when_it_is_back(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            deal = world.open_deal()
            await DealOwner(world, deal).upload(a_chunk(b"a" * 9_000, deal))
            heard, following = Heard(), deal.holders[1].vault
            heard.away.add(following)
            peers: object = heard
            driver = world.vaults[0].data.driver
            spreading = ReceiptSpreading(driver, world.ledger, peers)  # type: ignore[arg-type]

            async def live(epochs: int) -> int:
                before = heard.told(METHOD)[following]
                for _ in range(epochs):
                    world.ledger.now_epoch += 1
                    await spreading.spread()
                return heard.told(METHOD)[following] - before

            assert await live(2 * AGAIN_EPOCHS) <= ATTEMPTS + 2
            assert await live(4 * AGAIN_EPOCHS) == 4
            heard.away.clear()
            assert await live(4 * AGAIN_EPOCHS) == 1
            watchers = heard.told(WATCHERS_METHOD)
            assert set(watchers.values()) == {1}

    asyncio.run(story())
