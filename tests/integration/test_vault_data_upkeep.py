"""What the data side does by itself: scrubbing, handing receipts on, giving way."""

import asyncio
import random
from pathlib import Path

import grpc
import pytest

from holdfast.protocol import merkle
from holdfast.protocol.chunk import EncodedChunk, chunk_id
from holdfast.protocol.malformed import (
    MALFORMED_CHUNK,
    MalformedChunk,
    ProvenShard,
)
from holdfast.protocol.receipt import FULL_RECEIPT
from holdfast.wire import rpc
from holdfast.wire.v1 import vault_pb2 as pb
from holdfast.wire.v1.vault_pb2_grpc import VaultStub
from vault_data_owner import DealOwner, sibling_requests
from vault_data_world import a_chunk, data_world

DICE = random.Random(3)


def test_scrubbing_goes_round_through_all_shards_of_all_deals(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 1) as world:
            vault = world.vaults[0]
            chunks = []
            for nonce in (1, 2, 3):
                deal = world.open_deal(k=1, nonce=nonce)
                mine = [a_chunk(DICE.randbytes(9_000 + i), deal) for i in range(3)]
                await DealOwner(world, deal).upload(*mine)
                chunks += [(deal.id, chunk.id) for chunk in mine]
            for turn in range(5):
                deal_id, lost = chunks[2 * turn % len(chunks)]
                vault.shard_file(deal_id, lost).unlink()
                found = [await vault.data.scrub(2) for _ in range(5)]
                assert sum(found) == 1
                if turn == 2:
                    await world.restart(0)
            assert vault.data.figures().missing_shards == 5
            assert await vault.data.scrub(1_000) == 0

    asyncio.run(story())


def test_scrubbing_nothing_finds_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 1) as world:
            assert await world.vaults[0].data.scrub(10) == 0

    asyncio.run(story())


def test_a_holder_that_missed_the_full_receipt_gets_it_from_its_sibling(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 3) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            chunk = a_chunk(DICE.randbytes(30_000), deal)
            away = world.vaults[1]
            full = await owner.upload(chunk, not_acknowledged_at=(1,))
            assert away.data.full_receipt(deal.id) is None
            await world.vaults[0].data.epoch_started(11)
            assert away.data.full_receipt(deal.id) == full
            state = await owner.lines[1].state()
            assert FULL_RECEIPT.decode(state.full_receipt) == full
            await owner.lines[1].acknowledge(full)

    asyncio.run(story())


def test_a_sibling_that_is_down_is_tried_ever_more_seldom_until_it_is_back(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 2) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            chunk = a_chunk(DICE.randbytes(30_000), deal)
            full = await owner.upload(chunk, not_acknowledged_at=(1,))
            first, away = (vault.data for vault in world.vaults)
            place = world.peers.endpoints[away.driver.holder.vault]

            async def begin(epoch: int, endpoint: str) -> None:
                world.peers.endpoints[away.driver.holder.vault] = endpoint
                world.peers.open.pop(away.driver.holder.vault, None)
                world.ledger.now_epoch = epoch
                await first.epoch_started(epoch)

            for epoch in range(13, 17):
                await begin(epoch, "127.0.0.1:1")
            await begin(17, place)
            assert away.full_receipt(deal.id) is None
            await begin(18, place)
            assert away.full_receipt(deal.id) == full

    asyncio.run(story())


def test_rebuilding_goes_round_siblings_that_are_down_or_have_nothing(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            chunks = [a_chunk(DICE.randbytes(90_000 + i), deal) for i in range(5)]
            await owner.upload(*chunks)
            victim, bare, down = world.vaults[:3]
            for chunk in chunks:
                victim.shard_file(deal.id, chunk.id).unlink()
            bare.shard_file(deal.id, chunks[0].id).unlink()
            assert await victim.data.scrub(9) == 5
            await down.stop()
            entries = victim.data.entries()
            requests = sibling_requests(victim, entries, deal)
            rebuild = victim.data.rebuild_missing
            assert await rebuild(deal, entries.items[0], requests) == 4
            assert await rebuild(deal, entries.items[0], requests) == 0
            await down.start()
            world.peers.open.pop(down.vault)
            assert await rebuild(deal, entries.items[0], requests) == 1
            assert victim.data.figures().missing_shards == 0
            assert await victim.data.scrub(9) == 0

    asyncio.run(story())


def test_what_is_no_codeword_is_not_rebuilt(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            chunk = malformed(a_chunk(DICE.randbytes(90_000), deal))
            await owner.upload(chunk)
            victim = world.vaults[0]
            victim.shard_file(deal.id, chunk.id).unlink()
            assert await victim.data.scrub(9) == 1
            entries = victim.data.entries()
            requests = sibling_requests(victim, entries, deal)
            found = await victim.data.rebuild_missing(deal, entries.items[0], requests)
            assert found == 0
            # The proof went to the other holders, which checked it: the chunk is void.
            for vault in world.vaults:
                holding = vault.data.driver.holdings.deals[deal.id]
                assert holding.void == {chunk.id}
                assert vault.data.figures().missing_shards == 1
                # Its shard is the proof for those who take over from a holder.
                assert vault.shard_file(deal.id, chunk.id).exists() == (vault != victim)
                (entry,) = vault.data.entries().items
                assert entry.missing
            await world.restart(0)
            held = victim.data.driver.holdings.deals[deal.id]
            assert held.void == {chunk.id}
            again = victim.data.rebuild_missing(deal, entries.items[0], {})
            assert await again == 0

    asyncio.run(story())


def test_nothing_is_void_that_was_not_proved(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            deal = world.open_deal()
            chunk = a_chunk(DICE.randbytes(90_000), deal)
            await DealOwner(world, deal).upload(chunk)
            shards = tuple(
                ProvenShard(chunk.proof(index), bytes(chunk.shards[index]))
                for index in (1, 2)
            )
            shown = MalformedChunk(deal.id, chunk.id, shards)
            for evidence in (MALFORMED_CHUNK.encode(shown), b"HF", b""):
                with pytest.raises(grpc.aio.AioRpcError):
                    await VaultStub(world.channel(0)).ShowMalformed(
                        pb.ShowMalformedRequest(evidence=evidence),
                        metadata=rpc.metadata(),
                        timeout=10.0,
                    )
            held = world.vaults[0].data.driver.holdings.deals[deal.id]
            assert (held.void, held.missing) == (set(), {})

    asyncio.run(story())


def malformed(chunk: EncodedChunk) -> EncodedChunk:
    """Return the chunk with one shard that does not follow from the others."""
    shards = (*chunk.shards[:3], memoryview(bytes(len(chunk.shards[3]))))
    roots = tuple(merkle.data_root(shard) for shard in shards)
    identity = chunk_id(chunk.header, merkle.root(roots))
    return EncodedChunk(identity, chunk.header, shards, roots)


def test_a_shard_that_is_here_is_confirmed_even_without_room(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 1, quota=40_000) as world:
            deal = world.open_deal(k=1)
            owner = DealOwner(world, deal)
            chunk = a_chunk(DICE.randbytes(30_000), deal)
            await owner.upload(chunk)
            await owner.lines[0].store(chunk)
            assert world.vaults[0].data.figures().staged_bytes == 0
            another = a_chunk(DICE.randbytes(30_000), deal)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await owner.lines[0].store(another)
            assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert world.vaults[0].data.figures().staged_bytes == 0

    asyncio.run(story())
