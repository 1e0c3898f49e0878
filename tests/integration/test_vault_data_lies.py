"""Shards, heads, receipts and requests that are not what they say are refused."""

import asyncio
from dataclasses import replace
from pathlib import Path

from holdfast.protocol.chunk import encode_chunk
from holdfast.protocol.deal import Purpose
from holdfast.protocol.manifest import (
    HEAD,
    ManifestChange,
    ManifestEntry,
    SignedHead,
)
from holdfast.protocol.receipt import FullReceipt
from holdfast.protocol.repair import SIBLING_REQUEST
from holdfast.protocol.units import ChunkId, Digest
from holdfast.wire import frames
from hostile_calls import (
    DICE,
    STRANGER,
    Code,
    alive,
    code_of,
    granted,
    run,
    stream_code,
)
from vault_data_owner import DealOwner, sibling_requests
from vault_data_world import PARAMS, DataWorld, a_chunk, entry_of, sign_head


def test_shards_that_are_not_what_they_say_are_refused(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        line = owner.lines[0]
        chunk = a_chunk(DICE.randbytes(40_000), owner.deal)
        other_policy = encode_chunk(b"w" * 4_000, 1, 2)
        cases: list[bytes] = [
            *frames.shard_frames(chunk.id, chunk.proof(0), chunk.shards[1]),
            *frames.shard_frames(chunk.id, chunk.proof(1), chunk.shards[1]),
            *frames.shard_frames(ChunkId(bytes(32)), chunk.proof(0), chunk.shards[0]),
            *frames.shard_frames(
                other_policy.id, other_policy.proof(0), other_policy.shards[0]
            ),
            *frames.shard_frames(chunk.id, chunk.proof(0), chunk.shards[0][:16_384]),
            *frames.shard_frames(chunk.id, chunk.proof(0), chunk.shards[0], 1),
        ]
        for frame in cases:
            opening = granted(line, Purpose.WRITE)
            code, _ = await stream_code(line, frames.STORE, opening, frame)
            assert code is Code.INVALID_ARGUMENT
        half = next(
            iter(frames.shard_frames(chunk.id, chunk.proof(0), chunk.shards[0]))
        )[:-1]
        code, _ = await stream_code(line, frames.STORE, opening, half)
        assert code is Code.INVALID_ARGUMENT
        assert world.vaults[0].data.figures().staged_bytes == 0
        await alive(owner)

    run(tmp_path, story)


def test_heads_that_lie_are_refused(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal(capacity=100_000))
        await alive(owner)
        line, base = owner.lines[0], owner.digest
        honest, _ = owner.following(ManifestChange())
        value = honest.value
        forged = HEAD.sign(value, PARAMS.network_id, STRANGER)
        held = owner.manifest.entries[0]
        wild = ManifestChange((), (ManifestEntry(ChunkId(b"\1" * 32), 1 << 30),))
        cases: list[tuple[SignedHead, ManifestChange, Digest, Code]] = [
            (forged, ManifestChange(), base, Code.PERMISSION_DENIED),
            (
                sign_head(replace(value, count=5)),
                ManifestChange(),
                base,
                Code.INVALID_ARGUMENT,
            ),
            (
                sign_head(replace(value, held_bytes=5)),
                ManifestChange(),
                base,
                Code.INVALID_ARGUMENT,
            ),
            (honest, ManifestChange((99,)), base, Code.INVALID_ARGUMENT),
            (honest, ManifestChange((), (held,)), base, Code.INVALID_ARGUMENT),
            (honest, wild, base, Code.INVALID_ARGUMENT),
            (
                honest,
                ManifestChange(),
                Digest(b"\7" * 32),
                Code.FAILED_PRECONDITION,
            ),
        ]
        for head, change, below, code in cases:
            found, text = await code_of(line.propose(head, change, below))
            assert found is code, text
        big = a_chunk(DICE.randbytes(199_000), owner.deal)
        await line.store(big)
        change = ManifestChange((), (entry_of(big),))
        head, _ = owner.following(change)
        code, text = await code_of(line.propose(head, change, base))
        assert code is Code.RESOURCE_EXHAUSTED
        assert "100000" in text
        await alive(owner)

    run(tmp_path, story)


def test_an_extension_that_is_just_being_mirrored_is_waited_for(
    tmp_path: Path,
) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal(capacity=50_000))
        deal = owner.deal
        line = owner.lines[0]
        chunks = [a_chunk(DICE.randbytes(60_000 + i), deal) for i in range(2)]
        await line.store(*chunks)
        change = ManifestChange((), tuple(map(entry_of, chunks)))
        head, _ = owner.following(change)
        proposing = asyncio.ensure_future(line.propose(head, change))
        await asyncio.sleep(0)
        world.ledger.deals[deal.id] = replace(deal, capacity=100_000)
        assert (await proposing).receipt

    run(tmp_path, story)


def test_a_full_receipt_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        await alive(owner)
        full = owner.full
        assert full
        line = owner.lines[0]
        swapped = (full.receipts[1], full.receipts[0])
        unsigned = replace(full.receipts[0], signature=bytes(64))
        wrong: list[tuple[FullReceipt, Code]] = [
            (replace(full, receipts=full.receipts[:1]), Code.INVALID_ARGUMENT),
            (replace(full, receipts=swapped), Code.INVALID_ARGUMENT),
            (
                replace(full, receipts=(unsigned, full.receipts[1])),
                Code.PERMISSION_DENIED,
            ),
            (
                replace(full, head=replace(full.head, signature=bytes(64))),
                Code.PERMISSION_DENIED,
            ),
        ]
        for shown, code in wrong:
            assert (await code_of(line.acknowledge(shown)))[0] is code
        await line.acknowledge(full)
        await alive(owner)

    run(tmp_path, story)


def test_replayed_requests_change_nothing(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        chunk = a_chunk(DICE.randbytes(30_000), owner.deal)
        await owner.upload(chunk)
        first_head, first_full = owner.head, owner.full
        assert first_head
        assert first_full
        await owner.upload(a_chunk(DICE.randbytes(30_000), owner.deal))
        line, vault = owner.lines[0], world.vaults[0]
        before = vault.data.entries(), vault.data.figures()
        change = ManifestChange((), (entry_of(chunk),))
        again = await line.propose(first_head, change)
        assert again.receipt or again.newer.head
        await line.acknowledge(first_full)
        await line.store(chunk)
        assert (vault.data.entries(), vault.data.figures()) == before

    run(tmp_path, story)


def test_a_sibling_gets_what_it_declared_missing_and_nothing_else(
    tmp_path: Path,
) -> None:
    async def story(world: DataWorld) -> None:
        deal = world.open_deal()
        owner = DealOwner(world, deal)
        lost, kept = (a_chunk(DICE.randbytes(50_000), deal) for _ in range(2))
        await owner.upload(lost, kept)
        asker, sibling = world.vaults
        asker.shard_file(deal.id, lost.id).unlink()
        assert await asker.data.scrub(10) == 1
        request = sibling_requests(asker, asker.data.entries(), deal)[sibling.vault]
        opening = frames.opening(
            frames.Authority.HOLDER, SIBLING_REQUEST.encode(request)
        )
        line = owner.lines[1]
        whole = frames.Want(lost.id, 0, frames.TO_THE_END)
        ((_, body),) = [
            found for found in await line.fetch(whole, opening=opening) if found
        ]
        assert body == lost.shards[1]
        for want in (
            frames.Want(lost.id, 0, 1),
            frames.Want(kept.id, 0, frames.TO_THE_END),
            frames.Want(ChunkId(bytes(32)), 0, frames.TO_THE_END),
        ):
            code, _ = await stream_code(line, frames.FETCH, opening, frames.want(want))
            assert code is Code.PERMISSION_DENIED
        code, _ = await stream_code(line, frames.STORE, opening)
        assert code is Code.PERMISSION_DENIED

    run(tmp_path, story)
