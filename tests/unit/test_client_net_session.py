"""The SDK against vaults in this process."""

import asyncio
import io
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backup_owner import listing
from holdfast.client.async_client import AsyncClient
from holdfast.client.core.blobs import BlobKind
from holdfast.client.core.errors import ObjectUnknownError
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.download import TooFewHoldersError
from holdfast.client.network_errors import (
    BalanceShortError,
    TooFewVaultsError,
)
from holdfast.client.object_store import put_object
from holdfast.client.repository import Repository, Update
from holdfast.client.stoppable_chunks import ReadingStoppedError
from holdfast.client.upload import Upload
from holdfast.protocol.units import MIB
from sdk_on_market import client, files
from small_market import OWNER, market


def test_a_backup_is_restored_on_a_new_machine_with_n_minus_k_vaults_dead(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source")
        async with market(tmp_path, 10) as place:
            async with client(place, tmp_path / "one") as one:
                result = await one.backup([source])
                assert not result.problems
                (deal,) = await one.deals()
            for vault in place.holders(deal.deal.id)[:4]:
                await vault.stop()
            async with client(place, tmp_path / "two") as two:
                (named,) = await two.snapshots()
                assert named == result.snapshot
                report = await two.restore("latest", tmp_path / "target")
                assert report.complete
        inside = tmp_path / "target" / source.relative_to("/")
        assert listing(inside) == listing(source)

    asyncio.run(story())


def test_a_file_of_which_data_is_gone_is_left_out_or_kept_with_zeros(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        source = tmp_path / "source"
        source.mkdir()
        data = os.urandom(20 * MIB)
        (source / "large").write_bytes(data)
        async with (
            market(tmp_path, 8) as place,
            client(place, tmp_path / "one") as one,
        ):
            await one.backup([source])
            packs = await one.read(lambda repository: repository.index.packs)
            lost = next(pack for pack in packs if pack.holds is BlobKind.DATA)
            for vault in place.vaults:
                for held in vault.held.values():
                    del held.shards[lost.chunk]
            report = await one.restore("latest", tmp_path / "without")
            assert not report.complete
            report = await one.restore("latest", tmp_path / "with", keep_damaged=True)
            assert not report.complete
        inside = source.relative_to("/") / "large"
        assert not (tmp_path / "without" / inside).exists()
        kept = (tmp_path / "with" / inside).read_bytes()
        assert len(kept) == len(data)
        assert any(part in data for part in (kept[: 1 << 16], kept[-1 << 16 :]))

    asyncio.run(story())


def test_a_second_backup_sends_only_what_changed(tmp_path: Path) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", size=200_000)
        async with (
            market(tmp_path, 8) as place,
            client(place, tmp_path / "one") as one,
        ):
            first = await one.backup([source])
            (source / "new").write_bytes(os.urandom(1000))
            second = await one.backup([source])
            assert second.bytes_uploaded < first.bytes_uploaded / 100
            assert len(await one.snapshots()) == 2
            assert len(await one.deals()) == 1

    asyncio.run(story())


def test_objects_are_put_read_listed_and_deleted(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            market(tmp_path, 8) as place,
            client(place, tmp_path / "one") as one,
        ):
            data = os.urandom(3 * MIB)
            info = await one.put("a/first", data, metadata={"kind": "test"})
            await one.put("b/second", b"hello")
            assert info.size == len(data)
            assert await one.get("a/first") == data
            async with await one.open("a/first") as file:
                await file.seek(2 * MIB)
                assert await file.read(10) == data[2 * MIB : 2 * MIB + 10]
            assert [each.name for each in await one.list()] == ["a/first", "b/second"]
            assert [each.name for each in await one.list("b/")] == ["b/second"]
            assert (await one.stat("a/first")).metadata == {"kind": "test"}
            await one.delete("a/first")
            with pytest.raises(ObjectUnknownError):
                await one.get("a/first")

    asyncio.run(story())


def test_a_prune_drops_what_nobody_needs(tmp_path: Path) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", size=300_000)
        keep = files(tmp_path / "keep", count=2)
        async with (
            market(tmp_path, 8) as place,
            client(place, tmp_path / "one") as one,
        ):
            gone = await one.backup([source])
            await one.backup([keep])
            (before,) = await one.deals()
            await one.forget([gone.snapshot.id.hex()])
            result = await one.prune()
            (after,) = await one.deals()
            assert result.bytes_dropped > 8_000_000
            assert after.held_bytes < before.held_bytes / 10
            report = await one.restore("latest", tmp_path / "target")
            assert report.complete
            assert len(await one.snapshots()) == 1

    asyncio.run(story())


def test_what_reads_ends_when_its_task_is_cancelled(tmp_path: Path) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", count=3)
        begun, go_on = asyncio.Event(), threading.Event()
        ended: list[type[BaseException]] = []
        loop = asyncio.get_running_loop()

        def work(repository: Repository) -> None:
            loop.call_soon_threadsafe(begun.set)
            go_on.wait(60)
            try:
                list(repository.walk(repository.snapshot("latest").snapshot))
            except BaseException as error:
                ended.append(type(error))
                raise

        async with (
            market(tmp_path, 8) as place,
            client(place, tmp_path / "one") as one,
        ):
            await one.backup([source])
            reading = asyncio.ensure_future(one.read(work))
            await begun.wait()
            reading.cancel()
            await asyncio.sleep(0)
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert ended == [ReadingStoppedError]

    asyncio.run(story())


def test_two_clients_that_write_at_once_both_keep_what_they_wrote(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with (
            market(tmp_path, 8) as place,
            client(place, tmp_path / "one") as one,
            client(place, tmp_path / "two") as two,
        ):
            await one.put("start", b"0")
            await asyncio.gather(one.put("one", b"1"), two.put("two", b"2"))
            names = [each.name for each in await one.list()]
            assert names == ["one", "start", "two"]

    asyncio.run(story())


async def _too_few(one: AsyncClient) -> None:
    with pytest.raises(TooFewVaultsError) as raised:
        await one.put("name", b"data")
    assert (raised.value.needed, raised.value.offered) == (8, 6)


async def _too_poor(one: AsyncClient) -> None:
    with pytest.raises(BalanceShortError) as raised:
        await one.put("name", b"data")
    assert raised.value.has == 0


@pytest.mark.parametrize(
    ("vaults", "keys", "check"),
    [(6, OWNER, _too_few), (8, OwnerKeys(b"\3" * 32), _too_poor)],
)
def test_what_cannot_be_opened_says_what_is_short(
    tmp_path: Path,
    vaults: int,
    keys: OwnerKeys,
    check: Callable[[AsyncClient], Awaitable[None]],
) -> None:
    async def story() -> None:
        async with (
            market(tmp_path, vaults) as place,
            client(place, tmp_path / "one", keys) as one,
        ):
            await check(one)
            assert await one.deals() == ()

    asyncio.run(story())


def test_a_cost_is_said_without_spending(tmp_path: Path) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", size=300_000)
        async with (
            market(tmp_path, 8) as place,
            client(place, tmp_path / "one") as one,
        ):
            before = await one.balance()
            cost = await one.cost([source], epochs=10)
            assert cost.new_bytes > 9_000_000
            assert 2 * cost.new_bytes <= cost.stored_bytes <= 2.1 * cost.new_bytes
            assert cost.grains == 10 * cost.grains_per_epoch > 0
            assert await one.balance() == before

    asyncio.run(story())


def test_with_too_few_holders_of_one_deal_the_files_of_others_come_back(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", count=4, size=300_000)
        async with market(tmp_path, 16) as place:
            early, late = place.vaults[:8], place.vaults[8:]
            for vault in late:
                vault.faults.refuses_quotes = True
            async with client(place, tmp_path / "one") as one:
                await one.backup([source])
                for vault in early[:5]:
                    await vault.stop()
                for vault in late:
                    vault.faults.refuses_quotes = False
                (source / "new").write_bytes(os.urandom(300_000))
                await one.backup([source])
                report = await one.restore("latest", tmp_path / "target")
            lost = {failure.path.rpartition(b"/")[2] for failure in report.failures}
            # The pages that list these folders are in the deal that is gone, too.
            assert lost == {b"folder %d" % number for number in range(3)}
            for failure in report.failures:
                assert "4 holders of deal" in failure.reason
                for vault in early[:5]:
                    assert vault.vault.hex()[:16] in failure.reason
            restored = tmp_path / "target" / source.relative_to("/") / "new"
            assert restored.read_bytes() == (source / "new").read_bytes()

    asyncio.run(story())


def test_with_too_few_holders_of_the_only_deal_a_newcomer_is_told_who_is_missing(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with market(tmp_path, 8) as place:
            async with client(place, tmp_path / "one") as one:
                await one.put("name", b"data")
            for vault in place.vaults[:5]:
                await vault.stop()
            async with client(place, tmp_path / "two") as two:
                with pytest.raises(TooFewHoldersError) as raised:
                    await two.get("name")
            assert (raised.value.needed, raised.value.came) == (4, 3)
            missing = {vault for vault, _ in raised.value.missing}
            assert missing == {vault.vault for vault in place.vaults[:5]}

    asyncio.run(story())


def test_a_prune_while_another_client_uploads_makes_that_one_start_again(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        data = os.urandom(300_000)
        tries = 0
        async with (
            market(tmp_path, 8) as place,
            client(place, tmp_path / "one") as one,
            client(place, tmp_path / "two") as two,
        ):

            async def work(
                repository: Repository, upload: Upload
            ) -> tuple[Update, None]:
                nonlocal tries
                tries += 1
                source = io.BytesIO(data)
                update = await asyncio.to_thread(
                    put_object, repository, "name", source, upload, time_ns=1
                )
                if tries == 1:
                    run = await upload.ready()
                    await run.flush(run.machine.footing.memo, frozenset())
                    assert (await two.prune()).chunks_dropped == 1
                return update, None

            await two.put("other", b"so that there is a state to prune")
            await one._write(one._options(), work)
            assert tries == 2
            assert await one.get("name") == data

    asyncio.run(story())
