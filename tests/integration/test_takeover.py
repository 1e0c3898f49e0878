"""Takeovers between the data sides of vaults, over real connections."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.protocol.chunk import EncodedChunk
from holdfast.protocol.deal import Deal, Holder, PastHolder
from holdfast.protocol.receipt import RECEIPT, check_full_receipt
from holdfast.protocol.takeover import (
    TAKEOVER,
    TAKEOVER_REQUEST,
    SignedTakeover,
    SignedTakeoverRequest,
    TakeoverRequest,
)
from holdfast.protocol.units import VaultId
from holdfast.vault.core.effects import TakeOver
from holdfast.vault.core.refusals import RefusedError
from holdfast.wire import frames
from vault_data_owner import DealOwner
from vault_data_world import (
    PARAMS,
    DataWorld,
    RunningVault,
    a_chunk,
    a_deal,
    data_world,
)

CANDIDATE = 4
LOST = 1
LENGTHS = (70_000, 300, 40_000)


class TakeoverWorld:
    """Vaults 0 to 3 hold a 2-of-4 deal, vault 1 is lost, vault 4 takes its place."""

    def __init__(self, world: DataWorld) -> None:
        self.world = world
        self.deal = a_deal([vault.vault for vault in world.vaults[:4]])
        world.ledger.deals[self.deal.id] = self.deal
        self.owner = DealOwner(world, self.deal)
        self.chunks = [self.chunk(seed) for seed in range(len(LENGTHS))]

    @property
    def candidate(self) -> RunningVault:
        return self.world.vaults[CANDIDATE]

    def chunk(self, seed: int) -> EncodedChunk:
        return a_chunk(bytes([seed + 1]) * LENGTHS[seed % len(LENGTHS)], self.deal)

    def order(
        self,
        without: tuple[int, ...] = (),
        lost: int = LOST,
        ejected: tuple[int, ...] = (),
    ) -> TakeOver:
        """Return the candidate's order, with requests to all holders but some."""
        requests = {
            holder.vault: self.request(holder.vault)
            for index, holder in enumerate(self.deal.holders)
            if index not in without and holder.vault != self.candidate.vault
        }
        last = {
            vault: requests.pop(vault)
            for vault in (self.world.vaults[index].vault for index in ejected)
        }
        named = self.world.vaults[lost].vault
        return TakeOver(self.deal, LOST, named, requests, last)

    def request(self, sibling: VaultId) -> SignedTakeoverRequest:
        value = TakeoverRequest(sibling, 10, self.candidate.vault, self.deal.id, LOST)
        pair = self.candidate.keys.identity
        return TAKEOVER_REQUEST.sign(value, PARAMS.network_id, pair)

    async def take_over(self, without: tuple[int, ...] = (LOST,)) -> SignedTakeover:
        claim = await self.candidate.data.take_over(self.order(without))
        assert claim is not None
        return claim

    def name_the_candidate(self) -> Deal:
        """Let the ledger put the candidate in the lost holder's place."""
        before = self.deal.holders[LOST]
        holders = list(self.deal.holders)
        holders[LOST] = Holder(self.candidate.vault, before.price, 12)
        past = PastHolder(LOST, before.vault, before.price, before.since_epoch, 12)
        self.deal = replace(self.deal, holders=tuple(holders), past=(past,))
        self.world.ledger.deals[self.deal.id] = self.deal
        return self.deal

    def has_all(self, *chunks: EncodedChunk) -> bool:
        files = self.candidate.data.driver.store.files
        return all(
            bytes(files.read(self.deal.id, chunk.id, LOST).body) == chunk.shards[LOST]
            for chunk in chunks
        )


def play(directory: Path, story: Callable[[TakeoverWorld], Awaitable[None]]) -> None:
    async def play_it() -> None:
        async with data_world(directory, 5) as world:
            await story(TakeoverWorld(world))

    asyncio.run(play_it())


def test_a_candidate_rebuilds_every_shard_and_signs_the_newest_full_head(
    tmp_path: Path,
) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(*takeover.chunks[:2])
        full = await takeover.owner.upload(takeover.chunks[2])
        await takeover.world.vaults[LOST].stop()
        signed = await takeover.take_over()
        await takeover.world.vaults[LOST].start()
        identity = takeover.candidate.keys.identity.public
        claim = TAKEOVER.verify(signed, PARAMS.network_id, identity)
        assert (claim.full, claim.index, claim.vault) == (
            full,
            LOST,
            takeover.candidate.vault,
        )
        assert claim.receipt
        receipt = RECEIPT.verify(claim.receipt, PARAMS.network_id, identity)
        assert (receipt.sequence, receipt.head, receipt.index) == (
            2,
            full.head.value.digest(),
            LOST,
        )
        assert takeover.has_all(*takeover.chunks)

    play(tmp_path, story)


def test_a_holder_that_is_leaving_gives_its_own_shards(tmp_path: Path) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(*takeover.chunks)
        # Without k other shards of a chunk only the leaving holder's own is left.
        for index in (0, 2, 3):
            for chunk in takeover.chunks:
                takeover.world.vaults[index].shard_file(
                    takeover.deal.id, chunk.id
                ).unlink()
        await takeover.take_over(without=())
        assert takeover.has_all(*takeover.chunks)

    play(tmp_path, story)


def test_a_killed_candidate_goes_on_where_it_was(tmp_path: Path) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(*takeover.chunks)
        lacking = takeover.chunks[1]
        path = takeover.world.vaults[0].shard_file(takeover.deal.id, lacking.id)
        path.rename(hidden := path.with_suffix(".hidden"))
        away = takeover.world.vaults[2]
        await away.stop()
        with pytest.raises(RefusedError, match="1 shards cannot be rebuilt"):
            await takeover.take_over()
        await takeover.world.restart(CANDIDATE)
        hidden.rename(path)
        await away.start()
        takeover.world.peers.open.pop(away.vault)
        held = takeover.candidate.data.driver.holdings.deals[takeover.deal.id]
        assert set(held.missing) == {lacking.id}
        await takeover.take_over()
        assert takeover.has_all(*takeover.chunks)

    play(tmp_path, story)


def test_nothing_is_claimed_while_fewer_than_k_holders_can_be_asked(
    tmp_path: Path,
) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(*takeover.chunks)
        with pytest.raises(RefusedError, match="only 1 of the deal's holders"):
            await takeover.take_over(without=(LOST, 0, 2))

    play(tmp_path, story)


def test_a_deal_without_any_head_is_claimed_without_a_receipt(tmp_path: Path) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        claim = await takeover.take_over()
        assert (claim.value.full, claim.value.receipt) == (None, None)

    play(tmp_path, story)


def test_a_head_that_came_meanwhile_is_caught_up_with(tmp_path: Path) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(takeover.chunks[0])
        await takeover.take_over()
        full = await takeover.owner.upload(takeover.chunks[1])
        claim = await takeover.take_over(without=())
        assert claim.value.full == full
        assert takeover.has_all(*takeover.chunks[:2])

    play(tmp_path, story)


def test_a_new_holder_learns_of_a_newer_head_and_declares_what_it_lacks(
    tmp_path: Path,
) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(takeover.chunks[0])
        await takeover.take_over()
        await takeover.owner.upload(takeover.chunks[1])
        takeover.name_the_candidate()
        order = takeover.order(lost=CANDIDATE)
        assert await takeover.candidate.data.take_over(order) is None
        (entry,) = takeover.candidate.data.entries().items
        assert entry.sequence == 2
        assert sum(size for _, size in entry.missing) == len(
            takeover.chunks[1].shards[LOST]
        )

    play(tmp_path, story)


def test_a_new_holder_takes_the_owners_next_heads(tmp_path: Path) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(takeover.chunks[0])
        await takeover.take_over()
        deal = takeover.name_the_candidate()
        owner = DealOwner(takeover.world, deal)
        owner.head, owner.manifest = takeover.owner.head, takeover.owner.manifest
        full = await owner.upload(takeover.chunks[1])
        (entry,) = takeover.candidate.data.entries().items
        assert (entry.sequence, entry.missing) == (2, ())
        check_full_receipt(
            full, deal, PARAMS.network_id, takeover.world.ledger.identities()
        )

    play(tmp_path, story)


def test_the_full_receipt_is_renewed_with_the_new_holders_and_handed_on(
    tmp_path: Path,
) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(takeover.chunks[0])
        await takeover.take_over()
        deal = takeover.name_the_candidate()
        following = takeover.world.vaults[LOST + 1]
        await takeover.candidate.data.epoch_started(13)
        full = following.data.full_receipt(deal.id)
        assert full
        signers = [receipt.value.vault for receipt in full.receipts]
        assert signers == [holder.vault for holder in deal.holders]
        check_full_receipt(
            full, deal, PARAMS.network_id, takeover.world.ledger.identities()
        )
        await takeover.world.restart(LOST + 1)
        assert takeover.world.vaults[LOST + 1].data.full_receipt(deal.id) == full

    play(tmp_path, story)


def test_what_was_fetched_is_dropped_when_another_has_the_slot(tmp_path: Path) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(*takeover.chunks)
        await takeover.take_over()
        await takeover.candidate.data.drop_takeover(takeover.deal.id)
        assert takeover.deal.id not in takeover.candidate.data.driver.holdings.deals
        assert takeover.candidate.data.figures().held_bytes == 0
        assert not list((takeover.candidate.directory / "shards").rglob("?" * 64))

    play(tmp_path, story)


def test_a_replaced_holder_lets_go_of_the_deal(tmp_path: Path) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(*takeover.chunks)
        await takeover.take_over()
        takeover.name_the_candidate()
        old = takeover.world.vaults[LOST].data
        await old.epoch_started(13)
        await old.checkpoint_answered(old.entries())
        await old.epoch_started(12 + PARAMS.keep_epochs + 1)
        assert takeover.deal.id not in old.driver.holdings.deals
        candidate = takeover.candidate.data
        await candidate.epoch_started(12 + PARAMS.keep_epochs + 1)
        assert takeover.has_all(*takeover.chunks)

    play(tmp_path, story)


def test_ejected_holders_that_still_serve_are_asked_when_too_few_others_answer(
    tmp_path: Path,
) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        full = await takeover.owner.upload(*takeover.chunks)
        # Holder 3 is the only one left; holder 0 was ejected, and so was the lost one.
        for without, ejected in (((LOST, 2), (0,)), ((0, 2), (LOST,))):
            order = takeover.order(without, ejected=ejected)
            claim = await takeover.candidate.data.take_over(order)
            assert claim is not None
            assert claim.value.full == full
            assert takeover.has_all(*takeover.chunks)
            await takeover.candidate.data.drop_takeover(takeover.deal.id)

    play(tmp_path, story)


def test_an_ejected_holder_gives_the_one_shard_that_its_siblings_lack(
    tmp_path: Path,
) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(*takeover.chunks)
        rare = takeover.chunks[1]
        for index in (0, 2):
            path = takeover.world.vaults[index].shard_file(takeover.deal.id, rare.id)
            path.unlink()
        order = takeover.order(ejected=(LOST,))
        assert await takeover.candidate.data.take_over(order)
        assert takeover.has_all(*takeover.chunks)

    play(tmp_path, story)


def test_an_ejected_holder_is_left_alone_while_the_others_give_everything(
    tmp_path: Path,
) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(*takeover.chunks)
        lost = takeover.world.vaults[LOST].vault
        takeover.world.peers.open.pop(lost, None)
        order = takeover.order(ejected=(LOST,))
        assert await takeover.candidate.data.take_over(order)
        assert lost not in takeover.world.peers.open

    play(tmp_path, story)


def test_an_ejected_holder_that_is_silent_keeps_no_slot_open(tmp_path: Path) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(*takeover.chunks)
        gone = takeover.chunks[1]
        for index in (0, 2):
            path = takeover.world.vaults[index].shard_file(takeover.deal.id, gone.id)
            path.unlink()
        await takeover.world.vaults[LOST].stop()
        order = takeover.order(ejected=(LOST,))
        assert await takeover.candidate.data.take_over(order)
        await takeover.world.vaults[LOST].start()

    play(tmp_path, story)


def test_that_there_is_no_head_is_not_for_ejected_holders_to_say(
    tmp_path: Path,
) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        order = takeover.order(without=(2,), ejected=(LOST, 0))
        with pytest.raises(RefusedError, match="only 1 of the deal's holders"):
            await takeover.candidate.data.take_over(order)

    play(tmp_path, story)


def test_a_candidate_fetches_no_ranges(tmp_path: Path) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(*takeover.chunks)
        line = takeover.owner.lines[0]
        evidence = TAKEOVER_REQUEST.encode(takeover.request(line.vault))
        opening = frames.opening(frames.Authority.TAKEOVER, evidence)
        wanted = frames.Want(takeover.chunks[0].id, 0, 1)
        with pytest.raises(Exception, match="whole shards only"):
            await asyncio.wait_for(line.fetch(wanted, opening=opening), 10)

    play(tmp_path, story)


def test_a_shard_that_every_sibling_lacks_does_not_keep_the_slot_open(
    tmp_path: Path,
) -> None:
    async def story(takeover: TakeoverWorld) -> None:
        await takeover.owner.upload(*takeover.chunks)
        gone = takeover.chunks[1]
        for index in (0, 2):
            path = takeover.world.vaults[index].shard_file(takeover.deal.id, gone.id)
            path.unlink()
        await takeover.take_over()
        takeover.name_the_candidate()
        (entry,) = takeover.candidate.data.entries().items
        assert sum(size for _, size in entry.missing) == len(gone.shards[LOST])

    play(tmp_path, story)
