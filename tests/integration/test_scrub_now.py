"""Scrubbing on the operator's order, of a vault that runs and of one that does not."""

import asyncio
import random
from pathlib import Path

import grpc
import pytest

from holdfast.protocol.keys import SigningPair
from holdfast.protocol.operator import OPERATOR_REQUEST, OperatorRequest, Order
from holdfast.vault.scrub_now import Scrubbed, scrub_here
from holdfast.vault.scrubbing import Progress
from holdfast.wire import rpc
from holdfast.wire.v1 import vault_pb2 as pb
from holdfast.wire.v1.vault_pb2_grpc import VaultStub
from vault_data_owner import DealOwner
from vault_data_world import PARAMS, DataWorld, RunningVault, a_chunk, data_world

DICE = random.Random(11)
STRANGER = SigningPair(b"\x99" * 32)


async def damaged_world(world: DataWorld) -> RunningVault:
    """Let a vault hold five shards, flip a byte of one and delete another."""
    deal = world.open_deal()
    chunks = [a_chunk(DICE.randbytes(50_000 + i), deal) for i in range(5)]
    await DealOwner(world, deal).upload(*chunks)
    vault = world.vaults[0]
    flipped = vault.shard_file(deal.id, chunks[1].id)
    body = bytearray(flipped.read_bytes())
    body[-7] ^= 1
    flipped.write_bytes(body)
    vault.shard_file(deal.id, chunks[3].id).unlink()
    return vault


async def ordered(
    world: DataWorld, value: OperatorRequest, pair: SigningPair
) -> list[pb.ScrubReply]:
    signed = OPERATOR_REQUEST.sign(value, PARAMS.network_id, pair)
    request = pb.ScrubRequest(request=OPERATOR_REQUEST.encode(signed))
    call = VaultStub(world.channel(0)).Scrub(
        request, metadata=rpc.metadata(), timeout=30.0
    )
    return [reply async for reply in call]


def test_a_running_vault_scrubs_all_when_its_operator_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            vault = await damaged_world(world)
            pair = vault.keys.identity
            order = OperatorRequest(vault.vault, Order.SCRUB.value, 2_050)
            *_, last = await ordered(world, order, pair)
            assert (last.total, last.verified, last.damaged, last.missing) == (
                5,
                5,
                2,
                2,
            )
            *_, again = await ordered(world, order, pair)
            assert (again.damaged, again.missing) == (0, 2)
            (entry,) = vault.data.entries().items
            assert entry.missing

    asyncio.run(story())


def test_only_the_vaults_own_key_orders_and_only_just_now(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            vault, other = world.vaults[:2]
            good = OperatorRequest(vault.vault, Order.SCRUB.value, 2_000)
            late = OperatorRequest(vault.vault, Order.SCRUB.value, 1_500)
            unknown = OperatorRequest(vault.vault, 77, 2_000)
            elsewhere = OperatorRequest(other.vault, Order.SCRUB.value, 2_000)
            for value, pair in (
                (good, STRANGER),
                (late, vault.keys.identity),
                (unknown, vault.keys.identity),
                (elsewhere, vault.keys.identity),
            ):
                with pytest.raises(grpc.aio.AioRpcError):
                    await ordered(world, value, pair)

    asyncio.run(story())


def test_a_vault_that_does_not_run_is_scrubbed_where_it_lies(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            vault = await damaged_world(world)
            await vault.stop()
            told: list[Progress] = []
            found = scrub_here(vault.directory, told.append)
            assert found == Scrubbed(Progress(5, 5, 2), 2, running=False)
            assert told[-1] == found.progress
            assert not found.sound
            again = scrub_here(vault.directory, told.append)
            assert again == Scrubbed(Progress(5, 5, 0), 2, running=False)
            await vault.start()
            assert vault.data.figures().missing_shards == 2

    asyncio.run(story())


def test_a_vault_that_never_ran_has_nothing_to_scrub(tmp_path: Path) -> None:
    found = scrub_here(tmp_path, lambda _: None)
    assert found == Scrubbed(Progress(0, 0, 0), 0, running=False)
    assert list(tmp_path.iterdir()) == []
