"""Sharing the ledger's tables changes nothing that a vault knows."""

from dataclasses import replace

from holdfast.ledger.core.followed import LedgerNews, LedgerState
from simulation.drama import Drama
from simulation.stand_ins import stand_ins
from simulation.story import STAKE, story_of

TABLES = ("_rows", "_beacons", "_deals", "_identities", "_followed")


def test_who_follows_with_others_knows_what_it_would_know_alone() -> None:
    with stand_ins():
        drama = Drama(story_of(3, 8, 18))
        drama.play()
        universe = drama.universe
        alone = LedgerState(universe.params)
        alone.absorb(news := universe.chain.news(-1))
        alone.followed(row.vault for row in news.vaults)
        for vault in universe.vaults:
            state = vault.me.ledger
            universe.following.bring(state)
            assert (state.sequence, state.epoch) == (alone.sequence, alone.epoch)
            assert state.settled_period == alone.settled_period
            for table in TABLES:
                assert vars(state)[table] == vars(alone)[table], table
            for other in alone.vaults():
                assert state.deals_held(other) == alone.deals_held(other)
            for epoch in range(max(alone.epoch - 8, 1), alone.epoch + 2):
                assert state.registry(epoch) == alone.registry(epoch)
                assert state.group(vault.id, epoch) == alone.group(vault.id, epoch)
                watched = alone.watched_by(vault.id, epoch)
                assert set(state.watched_by(vault.id, epoch)) == set(watched)


def test_what_one_is_told_the_others_do_not_know() -> None:
    with stand_ins():
        universe = Drama(story_of(3, 8, 18)).universe
        universe.begin(8, STAKE)
        one, other = (LedgerState(universe.params) for _ in range(2))
        assert universe.following.bring(one)
        assert universe.following.bring(other)
        row = other.row(universe.vaults[0].id)
        assert row
        told = replace(row, stake=0)
        universe.following.tell(one, LedgerNews(0, -1, vaults=(told,)))
        assert (one.row(row.vault), other.row(row.vault)) == (told, row)
        assert not universe.following.bring(other)
