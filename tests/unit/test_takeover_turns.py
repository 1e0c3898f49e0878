"""Candidates for one slot: further ones wait while a nearer one takes it over."""

from holdfast.protocol.errors import ProtocolError
from holdfast.vault.core.takeover_turns import PERIODS_MAX
from takeover_stage import EPOCH, Served


class Rivals(Served):
    """A slot of a deal that has holders enough, and candidates whose turns came."""

    def __init__(self, holders: int = 6) -> None:
        super().__init__(holders)

    def serves(self, rank: int, epoch: int) -> bool:
        self.asker = self.slot.candidate(rank)
        self.slot.parties.reach(epoch)
        self.now, self.deadline = self.slot.at(0.6, epoch), self.slot.at(0.5, epoch)
        try:
            return self.check(self.signed(self.value(epoch=epoch)))
        except ProtocolError as error:
            assert "a nearer candidate" in str(error)  # noqa: PT017 # or it is served
            return False


def test_further_candidates_wait_while_a_nearer_one_takes_a_slot_over() -> None:
    rivals, later = Rivals(), EPOCH + 2
    assert rivals.serves(1, EPOCH + 1)
    for epoch in range(later, later + 5):
        # The nearest of those that are served goes on, and a nearer one may come.
        assert [rivals.serves(rank, epoch) for rank in (1, 2)] == [True, False]
    assert [rivals.serves(rank, later + 5) for rank in (0, 1, 2)] == [
        True,
        False,
        False,
    ]


def test_nobody_waits_for_a_candidate_that_stays_away_for_an_epoch() -> None:
    rivals = Rivals()
    assert rivals.serves(0, EPOCH)
    assert not rivals.serves(1, EPOCH + 1)
    assert rivals.serves(1, EPOCH + 2)


def test_nobody_waits_for_a_candidate_for_longer_than_two_periods() -> None:
    rivals = Rivals()
    end = EPOCH + PERIODS_MAX * rivals.me.params.period_epochs
    assert all(rivals.serves(0, epoch) for epoch in range(EPOCH, end))
    assert not rivals.serves(1, end - 1)
    assert rivals.serves(0, end)
    assert rivals.serves(1, end)
    # To stay away for a little does not help it.
    assert rivals.serves(0, end + 5)
    assert rivals.serves(1, end + 6)


def test_where_few_holders_are_left_whoever_can_rebuild_may() -> None:
    rivals = Rivals(holders=4)
    assert rivals.serves(0, EPOCH + 1)
    assert rivals.serves(1, EPOCH + 1)


def test_slots_of_one_deal_are_taken_over_side_by_side() -> None:
    rivals = Rivals()
    rivals.slot.leave(2)
    assert rivals.serves(0, EPOCH + 1)
    rivals.asker = rivals.slot.candidate(1)
    assert rivals.check(rivals.signed(rivals.value(epoch=EPOCH + 1, index=2)))
    assert not rivals.serves(1, EPOCH + 1)
