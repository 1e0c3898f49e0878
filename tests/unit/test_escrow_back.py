"""Escrow of uploads that failed and of deals that ended: it comes back, and shows."""

import asyncio
import io
from functools import partial
from pathlib import Path

import pytest

from backup_owner import Owner, fill
from holdfast.client.backup_summary import BackupSummary
from holdfast.client.core.upload_terms import UploadLimits
from holdfast.client.network_errors import UploadFailedError
from holdfast.client.output import Output
from holdfast.client.storage import Storage
from holdfast.client.upkeep import upkeep
from holdfast.client.upload import Upload
from holdfast.client.upload_options import LeftDeal, UploadOptions
from holdfast.ledger.core.errors import hold
from holdfast.protocol.units import GRAINS_PER_HOLD, DealId, VaultId
from memory_chunks import MemoryChunks
from sdk_on_market import client, files
from small_market import IMPATIENT, market


def test_the_escrow_of_a_deal_that_was_given_up_is_told_and_the_deal_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = partial(UploadOptions, limits=IMPATIENT)
    monkeypatch.setattr("holdfast.client.async_client.UploadOptions", hasty)

    async def story() -> None:
        source = files(tmp_path / "source", count=3)
        async with market(tmp_path, 10) as place, client(place, tmp_path / "1") as one:
            first = await one.open_deal(1 << 20)
            bad = next(
                vault
                for vault in place.vaults
                if vault.vault == first.deal.holders[0].vault
            )
            bad.faults.refuses_heads = True
            made = await one.backup([source])
            (left,) = made.left_deals
            assert (left.deal, left.closed) == (first.deal.id, True)
            assert left.escrow == first.deal.escrow > 0
            old, _ = await one.deals()
            assert old.deal.closed_epoch is not None

    asyncio.run(story())


def test_an_upload_that_fails_for_good_says_what_comes_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with market(tmp_path, 8) as place, place.client() as book:
            for vault in place.vaults:
                vault.faults.refuses_heads = True
            limits = UploadLimits(
                patience_seconds=2.0, away_seconds=1.0, retry_seconds=0.05
            )
            upload = Upload(book, place.options(limits=limits))
            with pytest.raises(UploadFailedError, match="come back by themselves") as e:
                await _send(upload)
            locked = sum(left.escrow for left in upload.left_deals)
            assert locked > 0
            assert hold(locked) in str(e.value)
            deals = await book.deals()
            assert all(deal.closed_epoch is not None for deal in deals)
            assert sum(deal.escrow for deal in deals) == locked

    asyncio.run(story())


async def _send(upload: Upload) -> None:
    async with upload:
        await asyncio.to_thread(upload.add, b"x" * 5000)
        await upload.commit(b"\5" * 256, [bytes(256)])


def test_the_summary_of_a_backup_names_what_comes_back(tmp_path: Path) -> None:
    fill(tmp_path / "source", {"file": b"content"})
    made = Owner(MemoryChunks()).back_up(tmp_path / "source")
    deal, vault = DealId(b"\1" * 32), VaultId(b"\2" * 32)
    left = LeftDeal(deal, ((vault, "disk full"),), True, 5 * GRAINS_PER_HOLD // 2)
    out, err = io.StringIO(), io.StringIO()
    summary = BackupSummary(made.snapshot, (), 1, 100, (left,))
    summary.show(Output(out=out, err=err), 1.0)
    assert "2.5 HOLD of escrow come back" in err.getvalue()
    asjson = io.StringIO()
    summary.show(Output(as_json=True, out=asjson), 1.0)
    assert '"escrow_back_grains": 2500000000' in asjson.getvalue()


def test_what_came_back_in_a_command_is_said_at_its_end(tmp_path: Path) -> None:
    async def story() -> None:
        async with market(tmp_path) as place, client(place, tmp_path / "one") as one:

            async def work(storage: Storage) -> tuple[str, ...]:
                storage.book.returned = 3 * GRAINS_PER_HOLD
                return await upkeep(storage, tmp_path)

            assert await one.with_storage(work) == (
                "3 HOLD came back from deals that ended",
            )
            assert await one.with_storage(lambda s: upkeep(s, tmp_path)) == ()

    asyncio.run(story())
