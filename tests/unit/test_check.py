"""`check` against vaults in this process, and against data gone bad."""

import asyncio
from collections.abc import Awaitable, Callable
from fractions import Fraction
from pathlib import Path

import pytest

from backup_owner import Owner, fill
from holdfast.client.async_client import AsyncClient
from holdfast.client.checking import CheckReport, Telling, check
from holdfast.client.commands.check import document_of, exit_code
from holdfast.client.core.blobs import BlobKind
from holdfast.client.core.soundness import Kind, Verdict
from holdfast.client.core.subset import EVERYTHING, Share, Subset
from holdfast.client.exit_codes import ExitCode
from holdfast.client.read_check import check_data
from holdfast.client.storage import Storage
from holdfast.client.structure_check import check_structure
from holdfast.protocol.units import ChunkId
from memory_chunks import MemoryChunks
from sdk_on_market import client, files
from small_market import Market, market


def nothing(*_figures: int) -> None:
    """Tell nobody."""


async def report_of(one: AsyncClient, read: Subset | None = None) -> CheckReport:
    return await one.with_storage(lambda s: check(s, read, Telling(nothing, nothing)))


def story(
    path: Path, play: Callable[[Market, AsyncClient], Awaitable[None]], vaults: int = 8
) -> None:
    async def run() -> None:
        source = files(path / "source", count=6)
        async with market(path, vaults) as place, client(place, path / "one") as one:
            await one.backup([source])
            (source / "more").write_text("more")
            await one.backup([source])
            await play(place, one)

    asyncio.run(run())


def test_sound_data_are_told_with_their_holders_and_read_back_whole(
    tmp_path: Path,
) -> None:
    async def play(place: Market, one: AsyncClient) -> None:
        report = await report_of(one, EVERYTHING)
        assert report.findings == ()
        assert report.verdict is Verdict.SOUND
        assert report.losses_survived == 4
        assert report.structure is not None
        assert (report.structure.snapshots, report.structure.losses) == (2, ())
        assert report.structure.files == 6 + 1 + 2  # "empty" stands beside "more"
        assert report.read is not None
        assert report.read.chunks == report.read.chunks_total > 1
        assert report.read.bad == ()
        (deal,) = report.deals
        assert all(holder.answers and holder.informed for holder in deal.holders)
        places = {vault.vault: vault.endpoint for vault in place.vaults}
        assert all(h.endpoint == places[h.vault] for h in deal.holders)
        assert exit_code(report) == ExitCode.OK
        assert document_of(report)["verdict"] == "sound"

    story(tmp_path, play)


def test_silent_holders_are_named_and_count_against_what_may_still_be_lost(
    tmp_path: Path,
) -> None:
    async def play(place: Market, one: AsyncClient) -> None:
        gone = place.vaults[:3]
        for vault in gone:
            await vault.stop()
        report = await report_of(one, Share(Fraction(1, 100)))
        assert {finding.kind for finding in report.findings} == {Kind.HOLDER_SILENT}
        assert report.losses_survived == 1
        for vault in gone:
            name = vault.vault.hex()[:12]
            assert any(name in finding.text for finding in report.findings)
        assert exit_code(report) == ExitCode.DEGRADED

    story(tmp_path, play)


def test_a_deal_with_too_few_holders_is_broken(tmp_path: Path) -> None:
    async def play(place: Market, one: AsyncClient) -> None:
        for vault in place.vaults[:5]:
            await vault.stop()
        report = await report_of(one)
        assert report.findings[0].kind in {Kind.STATE_UNREADABLE, Kind.DEAL_UNREADABLE}
        assert report.losses_survived == -1
        assert exit_code(report) == ExitCode.DATA_UNAVAILABLE

    story(tmp_path, play)


def test_garbage_from_too_many_holders_is_found_by_reading_only(tmp_path: Path) -> None:
    async def play(place: Market, one: AsyncClient) -> None:
        for vault in place.vaults[:5]:
            vault.faults.serves_garbage = True
        report = await report_of(one, EVERYTHING)
        assert report.read is not None
        assert len(report.read.bad) > 0
        assert exit_code(report) == ExitCode.DATA_UNAVAILABLE

    story(tmp_path, play)


def test_chunks_that_left_the_deals_are_missed(tmp_path: Path) -> None:
    async def play(_place: Market, one: AsyncClient) -> None:
        data = await one.read(
            lambda repository: [
                pack.chunk
                for pack in repository.index.packs
                if pack.holds is BlobKind.DATA
            ]
        )

        async def lose(storage: Storage) -> None:
            await storage.drop(frozenset(data[:1]), await storage.look())

        await one.with_storage(lose)
        report = await report_of(one)
        assert report.structure is not None
        assert report.structure.missing == {data[0]}
        assert report.findings[0].kind is Kind.DAMAGED
        assert exit_code(report) == ExitCode.UNTRUE
        assert any(finding.kind is Kind.CHUNKS_MISSING for finding in report.findings)

    story(tmp_path, play)


def test_what_nobody_needs_any_more_is_weighed(tmp_path: Path) -> None:
    async def play(_place: Market, one: AsyncClient) -> None:
        assert (await report_of(one)).unneeded_bytes == 0
        first, *_ = await one.snapshots()
        await one.put("big", bytes(100_000))
        await one.delete("big")
        await one.forget([first.id.hex()])
        await one.prune()
        assert (await report_of(one)).findings == ()

    story(tmp_path, play)


def test_nothing_stored_is_nothing_wrong(tmp_path: Path) -> None:
    async def run() -> None:
        async with market(tmp_path) as place, client(place, tmp_path / "one") as one:
            report = await report_of(one, EVERYTHING)
            assert (report.findings, report.losses_survived) == ((), None)

    asyncio.run(run())


# Data gone bad, on a network of one dictionary.


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    fill(tmp_path / "source", {f"f{n}": bytes([n]) * 5000 for n in range(5)})
    owner = Owner(MemoryChunks())
    owner.back_up(tmp_path / "source")
    return owner


def packs_of(owner: Owner, kind: BlobKind) -> list[ChunkId]:
    packs = owner.repository.index.packs
    return [pack.chunk for pack in packs if pack.holds is kind]


def test_a_chunk_of_another_ones_content_is_damaged(owner: Owner) -> None:
    (data,), (tree,) = (
        packs_of(owner, kind) for kind in (BlobKind.DATA, BlobKind.TREE)
    )
    repository = owner.repository
    owner.chunks.held[data] = owner.chunks.held[tree]
    lengths = {chunk: len(owner.chunks.held[chunk]) for chunk in (data, tree)}
    found = check_data(repository, [data, tree], lengths, nothing)
    (bad,) = found.bad
    assert (bad.chunk, bad.damaged) == (data, True)
    assert found.bytes_read == sum(lengths.values())


def test_bytes_that_changed_are_damage_and_bytes_away_are_not(owner: Owner) -> None:
    (data,), (tree,) = (
        packs_of(owner, kind) for kind in (BlobKind.DATA, BlobKind.TREE)
    )
    repository = owner.repository
    kept = owner.chunks.held[data]
    owner.chunks.held[data] = kept[:-1] + bytes([kept[-1] ^ 1])
    owner.chunks.lost.add(tree)
    lengths = {data: len(kept), tree: 10}
    found = check_data(repository, [data, tree], lengths, nothing)
    assert [(bad.chunk, bad.damaged) for bad in found.bad] == [
        (data, True),
        (tree, False),
    ]


def test_a_tree_that_cannot_be_read_is_a_loss_of_its_snapshot(owner: Owner) -> None:
    (tree,) = packs_of(owner, BlobKind.TREE)
    repository = owner.repository
    owner.chunks.lost.add(tree)
    found = check_structure(repository, owner.chunks.held.keys(), nothing)
    (named,) = repository.snapshots
    assert {loss.within for loss in found.losses} == {named.id.hex()}
    assert not any(loss.damaged for loss in found.losses)
