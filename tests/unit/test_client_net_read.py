"""Reading from vaults in this process, of which some are gone or lie."""

import asyncio
from pathlib import Path

import pytest

from holdfast.client.core.errors import ChunkUnavailableError
from holdfast.client.download import TooFewHoldersError
from holdfast.protocol.units import MIB
from market_steps import MEMO, payloads, read_all, reader, stored
from small_market import market


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
