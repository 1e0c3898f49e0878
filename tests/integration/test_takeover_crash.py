"""A candidate's power is cut before every disk operation of a takeover in turn."""

import asyncio
import os
import random
from pathlib import Path

from forgetful_disk import ForgetfulDisk, PowerCutError
from holdfast.protocol import merkle
from holdfast.protocol.chunk import EncodedChunk, chunk_id
from holdfast.protocol.deal import Deal
from holdfast.protocol.malformed import MalformedChunk, ProvenShard
from holdfast.protocol.takeover import (
    TAKEOVER_REQUEST,
    SignedTakeover,
    TakeoverRequest,
)
from holdfast.vault.core.effects import TakeOver
from holdfast.vault.data_side import DataSide, World
from holdfast.vault.quote_desk import Terms
from vault_data_owner import DealOwner
from vault_data_world import (
    PARAMS,
    PRICE,
    QUOTA,
    DataWorld,
    a_chunk,
    data_world,
    vault_keys,
)

KEYS = vault_keys(9)
LOST = 1
LENGTHS = (40_000, 300, 25_000)


def open_side(world: DataWorld, directory: Path, disk: ForgetfulDisk) -> DataSide:
    around = World(world.ledger, world.peers, world.clock, lambda: Terms(PRICE))
    return DataSide.open(directory, KEYS, around, QUOTA, 0, disk)


def order_for(deal: Deal) -> TakeOver:
    requests = {}
    for index, holder in enumerate(deal.holders):
        value = TakeoverRequest(holder.vault, 10, KEYS.vault_id, deal.id, LOST)
        if index != LOST:
            signed = TAKEOVER_REQUEST.sign(value, PARAMS.network_id, KEYS.identity)
            requests[holder.vault] = signed
    return TakeOver(deal, LOST, deal.holders[LOST].vault, requests)


async def try_it(
    world: DataWorld, directory: Path, disk: ForgetfulDisk, deal: Deal
) -> SignedTakeover | None:
    """Take the slot over; None when the power was cut."""
    try:
        side = open_side(world, directory, disk)
    except PowerCutError:
        return None
    try:
        return await side.take_over(order_for(deal))
    except BaseException as error:
        if not was_cut(error):
            raise
        return None
    finally:
        await side.close()


def was_cut(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(was_cut(inner) for inner in error.exceptions)
    return isinstance(error, PowerCutError)


async def check_all_there(
    world: DataWorld,
    directory: Path,
    disk: ForgetfulDisk,
    deal: Deal,
    chunks: list[EncodedChunk],
) -> None:
    side = open_side(world, directory, disk)
    try:
        assert side.driver.holdings.deals[deal.id].missing == {}
        for chunk in chunks:
            found = side.driver.store.files.read(deal.id, chunk.id, LOST)
            assert bytes(found.body) == chunk.shards[LOST]
    finally:
        await side.close()


def test_a_candidate_that_claimed_has_it_all_whenever_its_power_is_cut(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            world.ledger.keys[KEYS.vault_id] = KEYS.identity.public
            deal = world.open_deal()
            contents = [bytes([i + 1]) * size for i, size in enumerate(LENGTHS)]
            chunks = [a_chunk(content, deal) for content in contents]
            owner = DealOwner(world, deal)
            await owner.upload(*chunks[:2])
            await owner.upload(chunks[2])

            async def once(cut_at: int | None) -> int:
                directory = tmp_path / f"candidate {cut_at}"
                os.mkdir(directory)  # noqa: PTH102 # pathlib's blocks just as long
                dice = random.Random(f"takeover {cut_at}")
                disk = ForgetfulDisk.with_directory(str(directory))
                disk.cut_at = cut_at
                claim = await try_it(world, directory, disk, deal)
                operations = disk.operations
                assert (claim is None) == (cut_at is not None)
                disk = disk.after_power_cut(dice)
                if claim is None:
                    claim = await try_it(world, directory, disk, deal)
                    assert claim
                    disk = disk.after_power_cut(dice)
                await check_all_there(world, directory, disk, deal, chunks)
                # Asked again it gives the same receipt, and fetches nothing.
                again = await try_it(world, directory, disk, deal)
                assert again
                assert again.value.receipt == claim.value.receipt
                return operations

            steps = await once(None)
            assert steps > 15
            for cut_at in range(0, steps, 3):
                await once(cut_at)

    asyncio.run(story())


def no_chunk(deal: Deal) -> tuple[EncodedChunk, MalformedChunk]:
    """Return shards that make no code word under one id, and the proof of that."""
    true = a_chunk(b"x" * 30_000, deal)
    shards = (*true.shards[:3], memoryview(bytes(len(true.shards[3]))))
    roots = tuple(merkle.data_root(shard) for shard in shards)
    named = chunk_id(true.header, merkle.root(roots))
    chunk = EncodedChunk(named, true.header, shards, roots)
    shown = tuple(
        ProvenShard(chunk.proof(index), bytes(chunk.shards[index]))
        for index in range(deal.k)
    )
    return chunk, MalformedChunk(deal.id, chunk.id, shown)


def test_a_candidate_sees_for_itself_that_a_void_chunk_never_was_one(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            world.ledger.keys[KEYS.vault_id] = KEYS.identity.public
            deal = world.open_deal()
            good = a_chunk(b"y" * 20_000, deal)
            bad, proof = no_chunk(deal)
            await DealOwner(world, deal).upload(good, bad)
            for vault in world.vaults:
                await vault.data.voiding.take(proof)
                assert vault.data.driver.holdings.deals[deal.id].void == {bad.id}
            directory = tmp_path / "candidate"
            os.mkdir(directory)  # noqa: PTH102 # pathlib's blocks just as long
            disk = ForgetfulDisk.with_directory(str(directory))
            claim = await try_it(world, directory, disk, deal)
            assert claim
            side = open_side(world, directory, disk)
            held = side.driver.holdings.deals[deal.id]
            assert held.void == set(held.missing) == {bad.id}
            assert side.driver.store.files.read(deal.id, good.id, LOST)
            await side.close()
            # It lacks nothing that siblings have, so they need not all be there.
            await world.vaults[-1].stop()
            again = await try_it(world, directory, disk, deal)
            assert again
            assert again.value.receipt == claim.value.receipt

    asyncio.run(story())
