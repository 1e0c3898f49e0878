"""Uploads and downloads against vaults in this process, most of them with faults."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.client.core.errors import ChunkUnavailableError
from holdfast.client.core.read_twice import read_twice
from holdfast.client.deal_book import DealBook, Terms
from holdfast.client.deal_footing import footing_of
from holdfast.client.download import Download, TooFewHoldersError
from holdfast.client.network_errors import StateMovedError
from holdfast.client.upload import Upload
from holdfast.ledger.core.operations import Operation
from holdfast.ledger.errors import LedgerUnreachableError
from holdfast.ledger.port import Applied, LedgerAccount
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.units import KIB, MIB, AccountId, ChunkId
from small_market import PATIENT, Market, market

MEMO = b"\5" * 256
EMPTY = bytes(256)


def payloads(count: int, size: int = 200 * KIB) -> list[bytes]:
    return [os.urandom(size + place) for place in range(count)]


async def send(upload: Upload, chunks: list[bytes]) -> list[ChunkId]:
    return await asyncio.to_thread(lambda: [upload.add(chunk) for chunk in chunks])


async def stored(
    market: Market, book: DealBook, chunks: list[bytes], memo: bytes = MEMO
) -> tuple[Deal, list[ChunkId]]:
    async with Upload(book, market.options()) as upload:
        ids = await send(upload, chunks)
        deal = await upload.commit(memo, [EMPTY])
    return deal, ids


async def reader(book: DealBook) -> Download:
    download = Download(book)
    for deal in await book.deals():
        state = await book.state(deal)
        download.learn(deal, await book.manifest(deal, state.head, state.answered))
    return download


async def read_all(
    book: DealBook, ids: list[ChunkId], stored: Sequence[bytes] = ()
) -> list[bytes]:
    """Return chunks as read; what is none of those `stored` is read again."""
    download = await reader(book)

    def known(data: bytes | memoryview) -> bytes:
        if stored and data not in stored:
            raise DecodingError("it does not open")
        return bytes(data)

    try:

        def read() -> list[bytes]:
            download.prefetch(ids)
            return [read_twice(download, chunk, known) for chunk in ids]

        return await asyncio.to_thread(read)
    finally:
        await download.close()


def test_what_was_committed_is_read_back_by_a_new_client(tmp_path: Path) -> None:
    async def story() -> None:
        chunks = payloads(12)
        async with market(tmp_path) as place:
            async with place.client() as book:
                deal, ids = await stored(place, book, chunks)
            async with place.client(name="other") as book:
                assert await read_all(book, ids) == chunks
                state = await book.state(deal)
                assert state.memo == MEMO

    asyncio.run(story())


def test_any_k_holders_are_enough_to_read(tmp_path: Path) -> None:
    async def story() -> None:
        chunks = payloads(5)
        async with market(tmp_path) as place:
            async with place.client() as book:
                deal, ids = await stored(place, book, chunks)
            for vault in place.holders(deal.id)[:2]:
                await vault.stop()
            async with place.client(name="other") as book:
                assert await read_all(book, ids) == chunks

    asyncio.run(story())


def test_with_fewer_than_k_holders_the_missing_are_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with market(tmp_path) as place, place.client() as book:
            deal, ids = await stored(place, book, payloads(2))
            gone = place.holders(deal.id)[:3]
            for vault in gone:
                await vault.stop()
            with pytest.raises(TooFewHoldersError) as raised:
                await read_all(book, ids)
            assert {vault for vault, _ in raised.value.missing} == {
                vault.vault for vault in gone
            }
            assert raised.value.needed == 2
            assert isinstance(raised.value, ChunkUnavailableError)

    asyncio.run(story())


@pytest.mark.parametrize("fault", ["serves_garbage", "serves_nothing", "absent"])
def test_hostile_holders_cost_a_retry_and_no_data(tmp_path: Path, fault: str) -> None:
    async def story() -> None:
        chunks = payloads(4)
        async with market(tmp_path) as place, place.client() as book:
            deal, ids = await stored(place, book, chunks)
            for holder in deal.holders[:2]:
                vault = next(v for v in place.vaults if v.vault == holder.vault)
                setattr(vault.faults, fault, True)
            assert await read_all(book, ids, chunks) == chunks

    asyncio.run(story())


def test_once_a_chunk_was_garbled_every_shard_of_its_deal_is_checked(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        chunks = payloads(3)
        async with market(tmp_path) as place, place.client() as book:
            deal, ids = await stored(place, book, chunks)
            vault = next(v for v in place.vaults if v.vault == deal.holders[0].vault)
            vault.faults.serves_garbage = True
            download = await reader(book)
            try:
                assert await download.get(ids[0]) != chunks[0]
                assert await download.get_checked(ids[0]) == chunks[0]
                assert [await download.get(chunk) for chunk in ids] == chunks
            finally:
                await download.close()

    asyncio.run(story())


def test_several_who_read_one_garbled_chunk_all_get_it_at_last(tmp_path: Path) -> None:
    async def story() -> None:
        chunks = payloads(1)
        async with market(tmp_path) as place, place.client() as book:
            deal, (chunk,) = await stored(place, book, chunks)
            vault = next(v for v in place.vaults if v.vault == deal.holders[0].vault)
            vault.faults.serves_garbage = True
            download = await reader(book)

            async def one() -> bytes:
                found = await download.get(chunk)
                assert found != chunks[0]
                return bytes(await download.get_checked(chunk))

            try:
                found = await asyncio.gather(one(), one(), one())
                assert list(found) == chunks * 3
            finally:
                await download.close()

    asyncio.run(story())


def test_a_shard_that_came_too_late_changes_nothing_that_was_read(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        chunks = payloads(1, 3 * MIB)
        async with market(tmp_path) as place, place.client() as book:
            deal, (chunk,) = await stored(place, book, chunks)
            vault = next(v for v in place.vaults if v.vault == deal.holders[0].vault)
            vault.faults.serves_garbage = vault.faults.lingers = True
            download = await reader(book)
            try:
                found = await download.get(chunk)
                assert found == chunks[0]
                vault.goes_on.set()
                line = download._sources[deal.id].lines[0]
                await line.fetch(chunk, memoryview(bytearray(1)), checked=False)
                assert found == chunks[0]
            finally:
                await download.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "fault",
    [
        "refuses_shards",
        "stores_nothing",
        "refuses_heads",
        "hangs_on_heads",
        "signs_wrongly",
    ],
)
def test_a_holder_that_fails_is_left_behind_and_its_deal_closed(
    tmp_path: Path, fault: str
) -> None:
    async def story() -> None:
        chunks = payloads(10)
        async with market(tmp_path) as place, place.client() as book:
            async with Upload(book, place.options()) as upload:
                run = await upload.ready()
                first = run.deal
                bad = next(v for v in place.vaults if v.vault == first.holders[1].vault)
                setattr(bad.faults, fault, True)
                ids = await send(upload, chunks)
                second = await upload.commit(MEMO, [EMPTY])
                assert second.id != first.id
                assert bad.vault not in {h.vault for h in second.holders}
                (left,) = upload.left_deals
                assert [vault for vault, _ in left.words] == [bad.vault]
                assert left.closed
            old, _ = await book.deals()
            assert old.closed_epoch is not None
            assert await read_all(book, ids) == chunks

    asyncio.run(story())


def test_a_deal_that_holds_something_is_not_closed_when_a_holder_dies(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        before, after = payloads(3), payloads(7)
        async with market(tmp_path) as place, place.client() as book:
            first, ids = await stored(place, book, before)
            await place.holders(first.id)[0].stop()
            async with Upload(book, place.options()) as upload:
                ids += await send(upload, after)
                second = await upload.commit(b"\6" * 256, [MEMO, EMPTY])
            assert second.id != first.id
            assert (await book.deals())[0].closed_epoch is None
            assert await read_all(book, ids) == before + after

    asyncio.run(story())


def test_a_second_upload_uses_the_same_deal(tmp_path: Path) -> None:
    async def story() -> None:
        async with market(tmp_path) as place, place.client() as book:
            first, ids = await stored(place, book, payloads(1))
            async with Upload(book, place.options()) as upload:
                ids += await send(upload, payloads(1))
                second = await upload.commit(b"\6" * 256, [MEMO, EMPTY])
            assert second.id == first.id
            assert len(await read_all(book, ids)) == 2

    asyncio.run(story())


def test_a_holder_that_restarts_soon_is_waited_for(tmp_path: Path) -> None:
    async def story() -> None:
        chunks = payloads(8)
        async with market(tmp_path) as place, place.client() as book:
            async with Upload(book, place.options(limits=PATIENT)) as upload:
                run = await upload.ready()
                await run.all_open()
                ids = await send(upload, chunks[:3])
                vault = place.holders(run.deal.id)[0]
                await vault.crash()
                ids += await send(upload, chunks[3:])
                await vault.start()
                deal = await upload.commit(MEMO, [EMPTY])
                assert deal.id == run.deal.id
            assert await read_all(book, ids) == chunks

    asyncio.run(story())


def test_a_deal_grows_with_the_upload(tmp_path: Path) -> None:
    async def story() -> None:
        chunks = payloads(40, 4 * MIB)
        async with market(tmp_path) as place, place.client() as book:
            limits = replace(PATIENT, head_bytes=16 * MIB, window_bytes=4 * MIB)
            async with Upload(book, place.options(limits=limits)) as upload:
                await send(upload, chunks)
                deal = await upload.commit(MEMO, [EMPTY])
            (known,) = await book.deals()
            assert known.id == deal.id
            assert known.capacity >= 80 * MIB

    asyncio.run(story())


def test_a_memo_that_nobody_told_us_of_stops_a_commit(tmp_path: Path) -> None:
    async def story() -> None:
        async with market(tmp_path) as place, place.client() as book:
            await stored(place, book, payloads(1))
            async with Upload(book, place.options()) as upload:
                await send(upload, payloads(1))
                with pytest.raises(StateMovedError):
                    await upload.commit(b"\6" * 256, [EMPTY])
                await upload.commit(b"\6" * 256, [EMPTY, MEMO])

    asyncio.run(story())


class Forgetful:
    """An account whose ledger does what it is told, and does not get to say so."""

    def __init__(self, account: LedgerAccount) -> None:
        self._account = account
        self.fails = True

    @property
    def id(self) -> AccountId:
        return self._account.id

    async def submit(self, operation: Operation) -> Applied:
        applied = await self._account.submit(operation)
        if self.fails:
            raise LedgerUnreachableError("127.0.0.1:1")
        return applied


def test_a_deal_whose_opening_was_not_heard_of_is_not_opened_twice(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with market(tmp_path) as place:
            terms = Terms(2, 4, MIB, 500)
            async with place.client() as book:
                forgetful = Forgetful(book.account)
                book.account = forgetful
                with pytest.raises(LedgerUnreachableError):
                    await book.open(terms)
            async with place.client() as book:
                deal = await book.open(terms)
                assert [each.id for each in await book.deals()] == [deal.id]
                another = await book.open(terms)
                assert another.id != deal.id

    asyncio.run(story())


def test_a_head_that_all_signed_is_made_safe_before_anything_new(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with market(tmp_path) as place, place.client() as book:
            signed: list[str] = []
            all_signed = asyncio.Event()

            def count(call: str) -> None:
                signed.extend([call] if call == "countersigned" else [])
                if len(signed) == 4:
                    all_signed.set()

            for vault in place.vaults:
                vault.faults.refuses_full_receipts = True
                vault.on_call = count
            async with Upload(book, place.options(limits=PATIENT)) as upload:
                await send(upload, payloads(1))
                commit = asyncio.ensure_future(upload.commit(MEMO, [EMPTY]))
                run = await upload.ready()
                await all_signed.wait()
                commit.cancel()
            for vault in place.vaults:
                vault.faults.refuses_full_receipts = False
            footing = await footing_of(book, run.deal)
            assert footing.memo == MEMO
            for vault in place.holders(run.deal.id):
                full = vault.held[run.deal.id].full
                assert full is not None
                assert full.head == footing.acknowledged

    asyncio.run(story())


def test_an_upload_goes_on_in_another_deal_when_its_own_cannot_grow(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        chunks = payloads(40, 4 * MIB)
        async with market(tmp_path, 8) as place, place.client() as book:
            limits = replace(PATIENT, head_bytes=16 * MIB, window_bytes=4 * MIB)
            async with Upload(book, place.options(limits=limits)) as upload:
                first = (await upload.ready()).deal
                for vault in place.vaults:
                    if first.index_of(vault.vault) is not None:
                        vault.faults.refuses_quotes = True
                ids = await send(upload, chunks)
                second = await upload.commit(MEMO, [EMPTY])
                assert upload.left_deals == []
            held = [(await book.state(deal)).head for deal in (first, second)]
            assert first.id != second.id
            assert all(head and head.value.count > 2 for head in held)
            assert await read_all(book, ids) == chunks

    asyncio.run(story())
