"""One holder's story, with the power cut before every disk operation in turn."""

import asyncio
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from forgetful_disk import ForgetfulDisk, PowerCutError
from holdfast.protocol.chunk import EncodedChunk
from holdfast.protocol.manifest import (
    NO_HEAD,
    Manifest,
    ManifestChange,
    SignedHead,
    next_head,
)
from holdfast.protocol.receipt import SignedReceipt
from holdfast.protocol.units import Digest
from holdfast.vault.core.holding_events import GiveReceipt
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.data_side import DataSide, World
from holdfast.vault.ports import WantedLeaf
from holdfast.vault.quote_desk import Terms
from holdfast.vault.shard_intake import ArrivedShard, ShardIntake
from vault_data_world import (
    PRICE,
    QUOTA,
    DialledPeers,
    DictLedger,
    SettableClock,
    a_chunk,
    a_deal,
    entry_of,
    full_receipt,
    sign_head,
    vault_keys,
)

KEYS = vault_keys(0)
DEAL = a_deal([KEYS.vault_id], k=1)
CHUNKS = [a_chunk(bytes([i]) * (20_000 + i), DEAL) for i in range(5)]


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: the journal syncs hundreds of times."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        yield Path(name)


def ledger() -> DictLedger:
    ledger = DictLedger()
    ledger.deals[DEAL.id] = DEAL
    ledger.keys[KEYS.vault_id] = KEYS.identity.public
    return ledger


LEDGER = ledger()


def open_side(directory: Path, disk: ForgetfulDisk) -> DataSide:
    world = World(LEDGER, DialledPeers(), SettableClock(), lambda: Terms(PRICE))
    return DataSide.open(directory, KEYS, world, QUOTA, 0, disk)


@dataclass
class Story:
    """What the owner did and was promised; it can be told again from any point."""

    receipts: dict[Digest, SignedReceipt] = field(default_factory=dict)
    acknowledged: list[Digest] = field(default_factory=list)

    async def tell(self, side: DataSide) -> None:
        first = Manifest(1, 1)
        second, head = await self._upload(side, first, None, CHUNKS[:2], ())
        await side.checkpoint_answered(side.entries())
        third, head = await self._upload(side, second, head, CHUNKS[2:4], (0,))
        await side.checkpoint_answered(side.entries())
        await self._upload(side, third, head, CHUNKS[4:], (1,))
        await side.checkpoint_answered(side.entries())

    async def _upload(
        self,
        side: DataSide,
        before: Manifest,
        head: SignedHead | None,
        chunks: list[EncodedChunk],
        removed: tuple[int, ...],
    ) -> tuple[Manifest, SignedHead]:
        change = ManifestChange(removed, tuple(map(entry_of, chunks)))
        after = before.changed(change)
        below = head.value if head else None
        following = sign_head(next_head(DEAL.id, below, after, bytes(256)))
        digest = following.value.digest()
        base = head.value.digest() if head else NO_HEAD
        if digest in self.acknowledged and side.full_receipt(DEAL.id):
            return after, following  # told before
        for chunk in chunks:
            await stage(side, chunk)
        reply = await side.owners.propose(following, base, change)
        assert isinstance(reply, GiveReceipt)
        assert self.receipts.setdefault(digest, reply.receipt) == reply.receipt
        await side.owners.acknowledge(
            full_receipt(following, [reply.receipt], LEDGER, DEAL)
        )
        self.acknowledged.append(digest)
        return after, following


async def stage(side: DataSide, chunk: EncodedChunk) -> None:
    intake = ShardIntake(side.driver, side.authority, side.world.clock)
    side.driver.holdings.of(DEAL)
    shard = ArrivedShard(chunk.id, chunk.proof(0), (chunk.shards[0],))
    await intake._stage(DEAL.id, shard)


async def told_until_cut(directory: Path, disk: ForgetfulDisk, story: Story) -> bool:
    """Tell the story; return whether it came to its end."""
    try:
        side = open_side(directory, disk)
    except PowerCutError:
        return False
    try:
        await story.tell(side)
    except PowerCutError:
        return False
    finally:
        await side.close()
    return True


async def check_promises(side: DataSide, story: Story) -> None:
    holding = side.driver.holdings.of(DEAL)
    assert holding.missing == {}
    assert await side.scrub(10) == 0
    if story.acknowledged:
        entry = holding.entry()
        assert entry.sequence >= len(story.acknowledged)
        wanted = [WantedLeaf(0, entry, at) for at in range(0, entry.held_bytes, 9_999)]
        assert None not in await side.read_leaves(wanted)
    if story.receipts:
        newest = max(r.value.sequence for r in story.receipts.values())
        assert holding.newest is not None
        assert holding.newest.sequence >= newest
    files = side.driver.store.files
    assert files.durable(DEAL.id) == set(side.driver.store.queries.chunks(DEAL.id))
    assert set(files.staged(DEAL.id)) == set(holding.staged)


@pytest.mark.parametrize("seed", range(3))
def test_a_power_cut_at_any_step_loses_nothing_that_was_promised(
    quick_path: Path, seed: int
) -> None:
    async def once(cut_at: int | None) -> int:
        directory = quick_path / str(cut_at)
        os.mkdir(directory)  # noqa: PTH102 # pathlib's blocks just as long
        dice = random.Random(f"{seed}{cut_at}")
        disk, story = ForgetfulDisk.with_directory(str(directory)), Story()
        disk.cut_at = cut_at
        ended = await told_until_cut(directory, disk, story)
        operations = disk.operations
        if not ended:
            disk = disk.after_power_cut(dice)
            disk.cut_at = dice.randrange(12)  # and again, while it gets up
            if not await told_until_cut(directory, disk, story):
                disk = disk.after_power_cut(dice)
        disk.cut_at = None
        side = open_side(directory, disk)
        try:
            await check_promises(side, story)
            assert not any(name.endswith(".part") for name in disk.files)
            await story.tell(side)
            await check_promises(side, story)
            assert side.figures().held_shards == 3
        finally:
            await side.close()
        return operations

    async def all_cuts() -> None:
        steps = await once(None)
        assert steps > 40
        for cut_at in range(seed, steps, 3):
            await once(cut_at)

    asyncio.run(all_cuts())


def test_a_full_disk_refuses_what_is_new_and_still_answers_audits(
    quick_path: Path,
) -> None:
    async def story() -> None:
        disk, told = ForgetfulDisk(), Story()
        side = open_side(quick_path, disk)
        await told.tell(side)
        disk.full = True
        another = a_chunk(b"y" * 30_000, DEAL)
        with pytest.raises(RefusedError, match="full") as refused:
            await stage(side, another)
        assert refused.value.kind is Refusal.EXHAUSTED
        await check_promises(side, told)
        assert side.driver.arriving_bytes == 0
        disk.full = False
        await stage(side, another)
        assert side.figures().staged_bytes == 30_000
        await side.close()

    asyncio.run(story())


def test_settled_shards_whose_head_was_never_journalled_are_staged_again(
    quick_path: Path,
) -> None:
    async def story() -> None:
        disk = ForgetfulDisk()
        side = open_side(quick_path, disk)
        await stage(side, CHUNKS[0])
        side.driver.store.files.settle(DEAL.id, [CHUNKS[0].id])
        await side.close()
        side = open_side(quick_path, disk)
        assert list(side.driver.holdings.of(DEAL).staged) == [CHUNKS[0].id]
        assert side.figures().held_shards == 0
        await side.close()

    asyncio.run(story())


def test_staged_shards_that_nobody_comes_back_for_are_dropped(quick_path: Path) -> None:
    async def story() -> None:
        side = open_side(quick_path, ForgetfulDisk())
        clock = side.world.clock
        assert isinstance(clock, SettableClock)
        await stage(side, CHUNKS[0])
        clock.seconds += 80_000
        await stage(side, CHUNKS[1])
        clock.seconds += 10_000
        await side.epoch_started(10)
        assert list(side.driver.holdings.of(DEAL).staged) == [CHUNKS[1].id]
        assert set(side.driver.store.files.staged(DEAL.id)) == {CHUNKS[1].id}
        await side.close()

    asyncio.run(story())
