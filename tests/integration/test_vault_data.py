"""The data side of real vaults over TLS, driven by an owner on the wire."""

import asyncio
import os
from pathlib import Path

from holdfast.protocol import merkle
from holdfast.protocol.answer import _check_leaf
from holdfast.protocol.chunk import check_shard
from holdfast.protocol.deal import QUOTE
from holdfast.protocol.erasure import codec
from holdfast.protocol.manifest import HEAD, ManifestChange, next_head
from holdfast.protocol.receipt import FULL_RECEIPT, RECEIPT
from holdfast.protocol.units import LEAF_BYTES
from holdfast.vault.ports import WantedLeaf
from holdfast.vault.shard_serving import START_BYTES
from holdfast.wire import frames
from holdfast.wire.v1 import vault_pb2 as pb
from vault_data_owner import DealOwner, sibling_requests
from vault_data_world import (
    PARAMS,
    PRICE,
    a_chunk,
    data_world,
    entry_of,
    full_receipt,
    sign_head,
)

WHOLE = (0, frames.TO_THE_END)


def content(size: int) -> bytes:
    return os.urandom(size)


def test_an_owner_stores_is_acknowledged_and_reads_everything_back(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            texts = [content(5_000_000), content(70_000), b"x"]
            chunks = [a_chunk(text, deal) for text in texts]
            full = await owner.upload(*chunks)
            for line in owner.lines:
                state = await line.state()
                assert FULL_RECEIPT.decode(state.full_receipt) == full
                assert not state.pending_head
                listed = await line.manifest(owner.digest)
                assert len(listed) == 36 * 3
            for text, chunk in zip(texts, chunks, strict=True):
                want = frames.Want(chunk.id, *WHOLE)
                got = await asyncio.gather(*(ln.fetch(want) for ln in owner.lines[2:]))
                shards = {}
                for index, found in enumerate(got, 2):
                    assert found[0] is not None
                    start, body = found[0]
                    check_shard(chunk.id, start.proof, body)
                    shards[index] = body
                decoded = codec(deal.k, deal.n).decode(shards, len(text))
                assert bytes(decoded) == text

    asyncio.run(story())


def test_a_range_comes_with_its_path(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            chunk = a_chunk(content(400_000), deal)
            await owner.upload(chunk)
            ((start, body),) = [
                found
                for found in await owner.lines[1].fetch(frames.Want(chunk.id, 3, 7))
                if found
            ]
            assert body == chunk.shards[1][3 * LEAF_BYTES : 7 * LEAF_BYTES]
            root = merkle.root_from_range(
                merkle.leaf_hashes(body),
                start.first,
                merkle.leaf_count(chunk.header.shard_bytes),
                start.range_path,
            )
            assert start.proof.chunk_of(root) == chunk.id

    asyncio.run(story())


def test_an_interrupted_upload_is_not_sent_again_even_after_a_restart(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            first, second = (a_chunk(content(90_000), deal) for _ in range(2))
            assert await owner.lines[0].store(first) == frozenset()
            assert await owner.lines[0].store() == {first.id}
            await world.restart(0)
            assert await owner.lines[0].store(second) == {first.id}
            assert await owner.lines[0].store() == {first.id, second.id}
            change = ManifestChange((), (entry_of(first), entry_of(second)))
            head, _ = owner.following(change)
            reply = await owner.lines[0].propose(head, change)
            assert reply.receipt
            assert await owner.lines[0].store() == frozenset()

    asyncio.run(story())


def test_shards_that_were_not_sent_are_asked_for_before_a_head_is_signed(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 2) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            here, absent = (a_chunk(content(50_000), deal) for _ in range(2))
            await owner.lines[0].store(here)
            change = ManifestChange((), (entry_of(here), entry_of(absent)))
            head, _ = owner.following(change)
            reply = await owner.lines[0].propose(head, change)
            assert list(reply.missing) == [absent.id]
            assert not reply.receipt
            await owner.lines[0].store(absent)
            assert (await owner.lines[0].propose(head, change)).receipt

    asyncio.run(story())


def test_a_streams_first_frame_is_short_so_that_its_reader_sees_it_move(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            chunk = a_chunk(content(300_000), deal)
            await owner.upload(chunk)
            want = frames.Want(chunk.id, *WHOLE)
            first, second = await owner.lines[0].fetch(want, want)
            assert first is not None
            assert second is not None
            assert first[1] == second[1] == chunk.shards[0]
            assert len(first[0].part) == START_BYTES
            assert len(second[0].part) == len(chunk.shards[0])

    asyncio.run(story())


def test_a_damaged_shard_is_absent_declared_and_rebuilt_from_siblings(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            chunks = [a_chunk(content(300_000 + i), deal) for i in range(4)]
            await owner.upload(*chunks)
            victim, line = world.vaults[0], owner.lines[0]
            broken = victim.shard_file(deal.id, chunks[1].id)
            spoilt = bytearray(broken.read_bytes())
            spoilt[-1] ^= 1
            broken.write_bytes(spoilt)
            victim.shard_file(deal.id, chunks[2].id).unlink()

            wants = [frames.Want(chunk.id, *WHOLE) for chunk in chunks]
            found = await line.fetch(*wants)
            assert [one is None for one in found] == [False, True, True, False]
            entries = victim.data.entries()
            (entry,) = entries.items
            sizes = [chunk.header.shard_bytes for chunk in chunks]
            assert entry.missing == ((sizes[0], sizes[1] + sizes[2]),)
            assert victim.data.figures().missing_shards == 2

            requests = sibling_requests(victim, entries, deal)
            assert await victim.data.rebuild_missing(deal, entry, requests) == 2
            assert victim.data.entries().items[0].missing == ()
            for got, chunk in zip(await line.fetch(*wants), chunks, strict=True):
                assert got is not None
                assert got[1] == chunk.shards[0]

    asyncio.run(story())


def test_what_is_missing_is_still_missing_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            chunks = [a_chunk(content(30_000 + i), deal) for i in range(3)]
            full = await owner.upload(*chunks)
            victim = world.vaults[1]
            victim.shard_file(deal.id, chunks[0].id).unlink()
            await world.restart(1)
            (entry,) = victim.data.entries().items
            assert entry.missing == ((0, chunks[0].header.shard_bytes),)
            assert entry.head == full.head.value.digest()
            assert victim.data.full_receipt(deal.id) == full
            assert victim.data.signed_head(entry) == full.head
            requests = sibling_requests(victim, victim.data.entries(), deal)
            assert await victim.data.rebuild_missing(deal, entry, requests) == 1

    asyncio.run(story())


def test_an_owner_who_sends_a_lost_shard_again_heals_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 2) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            chunk = a_chunk(content(30_000), deal)
            await owner.upload(chunk)
            victim = world.vaults[0]
            victim.shard_file(deal.id, chunk.id).unlink()
            assert await victim.data.scrub(10) == 1
            assert victim.data.entries().items[0].missing
            await owner.lines[0].store(chunk)
            assert victim.data.entries().items[0].missing == ()
            assert await victim.data.scrub(10) == 0

    asyncio.run(story())


def test_deleted_bytes_go_once_a_checkpoint_without_them_was_answered(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 2) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            old, new = (a_chunk(content(60_000), deal) for _ in range(2))
            await owner.upload(old)
            vault = world.vaults[0]
            before = vault.data.entries()
            both = old.header.shard_bytes + new.header.shard_bytes
            await vault.data.checkpoint_answered(before)
            await owner.upload(new, removed=(0,))
            after = vault.data.entries()
            assert vault.shard_file(deal.id, old.id).exists()
            line = owner.lines[0]
            assert (await line.state()).kept_bytes == both
            assert vault.data.signed_head(before.items[0]) is not None
            (leaf,) = await vault.data.read_leaves(
                [WantedLeaf(0, before.items[0], 20_000)]
            )
            assert leaf is not None
            assert leaf.chunk == old.id
            await vault.data.checkpoint_answered(after)
            assert not vault.shard_file(deal.id, old.id).exists()
            assert vault.shard_file(deal.id, new.id).exists()
            assert vault.data.signed_head(before.items[0]) is None
            assert vault.data.figures().held_shards == 1
            assert (await line.state()).kept_bytes == new.header.shard_bytes

    asyncio.run(story())


def test_an_ended_deal_is_deleted_once_no_checkpoint_names_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 2) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            await owner.upload(a_chunk(content(60_000), deal))
            vault = world.vaults[0]
            over = deal.collectable_epoch(PARAMS)
            world.ledger.now_epoch = over - 2
            last = vault.data.entries()
            assert len(last.items) == 1
            world.ledger.now_epoch = over
            none = vault.data.entries()
            assert none.items == ()
            await vault.data.checkpoint_answered(last)
            await vault.data.epoch_started(over)
            assert vault.data.figures().held_shards == 1
            await vault.data.checkpoint_answered(none)
            await vault.data.epoch_started(over)
            assert vault.data.figures().held_shards == 0
            assert list((vault.directory / "shards").iterdir()) == []
            await world.restart(0)
            assert vault.data.figures().held_bytes == 0

    asyncio.run(story())


def test_quotes_count_against_the_quota_until_they_lapse(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 1, quota=100 << 20) as world:
            line = DealOwner(world, world.open_deal(capacity=10 << 20)).lines[0]
            ask = pb.QuoteRequest(deal=b"\5" * 32, capacity=40 << 20, end_epoch=100)
            reply = await line.call("Quote", ask)
            quote = QUOTE.decode(reply.quote)
            vault = world.vaults[0]
            QUOTE.verify(quote, PARAMS.network_id, vault.keys.identity.public)
            assert (quote.value.price, quote.value.capacity) == (PRICE, 40 << 20)
            assert vault.data.quotes.offered_bytes() == 50 << 20
            await world.restart(0)
            assert vault.data.quotes.offered_bytes() == 50 << 20
            world.ledger.now_epoch = quote.value.valid_epoch + 1
            await vault.data.epoch_started(world.ledger.now_epoch)
            assert vault.data.quotes.offered_bytes() == 90 << 20
            await world.restart(0)
            assert vault.data.quotes.offered_bytes() == 90 << 20

    asyncio.run(story())


def test_describe_says_how_much_is_held(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 2) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            chunk = a_chunk(content(60_000), deal)
            await owner.upload(chunk)
            reply = await owner.lines[0].call("Describe", pb.DescribeRequest())
            assert (reply.held_shards, reply.held_bytes) == (1, 30_000)
            assert (reply.standing, reply.record) == ("active", b"record")

    asyncio.run(story())


def test_a_vault_proves_leaves_of_what_it_holds(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 2) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            chunks = [a_chunk(content(200_000 + i), deal) for i in range(3)]
            await owner.upload(*chunks)
            vault = world.vaults[1]
            (entry,) = vault.data.entries().items
            offsets = [0, 99_999, 100_000, 250_000, entry.held_bytes - 1]
            wanted = [WantedLeaf(0, entry, offset) for offset in offsets]
            leaves = await vault.data.read_leaves(wanted)
            for offset, leaf in zip(offsets, leaves, strict=True):
                assert leaf is not None
                _check_leaf(leaf, entry, offset)
            vault.shard_file(deal.id, chunks[0].id).unlink()
            again = await vault.data.read_leaves(wanted)
            assert [leaf is None for leaf in again] == [True, True, False, False, False]
            (entry,) = vault.data.entries().items
            assert entry.missing == ((0, 100_000),)

    asyncio.run(story())


def test_with_conflict_shown_holders_go_on_with_either_history(tmp_path: Path) -> None:
    async def story() -> None:
        async with data_world(tmp_path, 2) as world:
            deal = world.open_deal()
            owner = DealOwner(world, deal)
            await owner.upload(a_chunk(content(10_000), deal))
            base = owner.digest
            left, right, third = (a_chunk(content(20_000 + i), deal) for i in range(3))
            heads = []
            for line, chunk in zip(owner.lines, (left, right), strict=True):
                change = ManifestChange((), (entry_of(chunk),))
                head, _ = owner.following(change)
                await line.store(chunk)
                reply = await line.propose(head, change, base)
                heads.append((head, RECEIPT.decode(reply.receipt)))
            refused = await owner.lines[0].propose(
                heads[1][0], ManifestChange((), (entry_of(right),)), base
            )
            assert HEAD.decode(refused.newer.head) == heads[0][0]
            assert refused.full_receipt

            change = ManifestChange((), (entry_of(right), entry_of(third)))
            manifest = owner.manifest.changed(change)
            head = sign_head(
                next_head(deal.id, heads[1][0].value, manifest, bytes(256))
            )
            receipts = []
            for line in owner.lines:
                await line.store(right, third)
                shown = await line.propose(head, change, base)
                assert bool(shown.newer.head) == (line.index == 0)
                reply = await line.propose(head, change, base, heads)
                receipts.append(RECEIPT.decode(reply.receipt))
            full = full_receipt(head, receipts, world.ledger, deal)
            for line in owner.lines:
                await line.acknowledge(full)
                state = await line.state()
                assert FULL_RECEIPT.decode(state.full_receipt) == full
            assert not world.vaults[0].shard_file(deal.id, left.id).exists()
            assert world.vaults[0].data.figures().held_shards == 3

    asyncio.run(story())
