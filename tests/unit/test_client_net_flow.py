"""Uploads and downloads against vaults in this process, most of them with faults."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from holdfast.client.core.deal_choice import grown_capacity
from holdfast.client.deal_book import DealBook, Terms
from holdfast.client.deal_footing import footing_of
from holdfast.client.network_errors import StateMovedError
from holdfast.client.upload import Upload
from holdfast.ledger.core.operations import Operation
from holdfast.ledger.errors import LedgerUnreachableError
from holdfast.ledger.port import Applied, LedgerAccount
from holdfast.protocol.deal import Deal
from holdfast.protocol.units import MIB, AccountId
from market_steps import EMPTY, MEMO, payloads, read_all, send, stored
from small_market import PATIENT, Market, market


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


async def refilled(place: Market, book: DealBook) -> tuple[Deal, Deal]:
    """Store something, then more; return how the deal was and how it is."""
    before, ids = await stored(place, book, payloads(1))
    for vault in place.holders(before.id):
        if not vault.faults.claimed_bytes:
            vault.faults.deleted_bytes = 2 * before.capacity - MIB
    async with Upload(book, place.options()) as upload:
        ids += await send(upload, payloads(10, MIB))
        after = await upload.commit(b"\6" * 256, [MEMO, EMPTY])
        assert upload.left_deals == []
    assert len(await read_all(book, ids)) == 11
    assert after.id == before.id
    return before, after


def test_a_deal_grows_where_holders_keep_what_was_deleted(tmp_path: Path) -> None:
    """They keep it until their next audits; none is blamed for that."""

    async def story() -> None:
        async with market(tmp_path) as place, place.client() as book:
            before, after = await refilled(place, book)
            assert after.capacity == grown_capacity(before.capacity, 0)
            assert book.journal.laggards() == {}

    asyncio.run(story())


def test_as_many_holders_as_may_fail_cannot_have_a_deal_grow(tmp_path: Path) -> None:
    """What two of four claim is not believed, however often they claim it."""

    async def story() -> None:
        async with market(tmp_path, 4) as place, place.client() as book:
            for vault in place.vaults[:2]:
                vault.faults.claimed_bytes = 1 << 60
            before, _ = await stored(place, book, payloads(1))
            for memo, new in pairwise([MEMO, *(bytes([n]) * 256 for n in (7, 8, 9))]):
                async with Upload(book, place.options()) as upload:
                    await send(upload, payloads(1, 1000 + new[0]))
                    after = await upload.commit(new, [memo, EMPTY])
                assert (after.id, after.capacity) == (before.id, before.capacity)

    asyncio.run(story())


def test_what_all_holders_claim_to_keep_counts_as_far_as_they_may_keep_it(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with market(tmp_path, 4) as place, place.client() as book:
            for vault in place.vaults:
                vault.faults.claimed_bytes = 1 << 60
            before, after = await refilled(place, book)
            # What is there when a deal is opened is believed as well.
            grown = grown_capacity(before.capacity, 0)
            assert after.capacity in {before.capacity, grown}

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
