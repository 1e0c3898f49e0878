"""Who is cut off with few others for long is away; who is with half is not."""

import gc
from dataclasses import replace

import pytest

from simulation.drama import Drama
from simulation.promises import Promises
from simulation.stand_ins import stand_ins
from simulation.story import Act, Happening, story_of

VAULTS, EPOCHS = 12, 26


def split(smaller: int) -> Promises:
    """Play a story in which so many vaults are cut off for eight epochs."""
    story = story_of(3, VAULTS, EPOCHS)
    cut = Happening(9.9, Act.SPLIT, smaller, 8.0)
    with stand_ins():
        drama = Drama(replace(story, masks=(), happenings=(cut,)))
        drama.play()
    promises = drama.promises
    del drama
    gc.collect()
    return promises


def test_few_that_are_cut_off_for_long_are_away_and_may_be_ejected() -> None:
    promises = split(2)
    assert promises.verdicts.ejected
    assert promises.broken == []


def test_that_they_may_be_is_for_their_absence_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Promises, "cut_off", lambda *_: None)
    promises = split(2)
    assert len(promises.broken) == promises.verdicts.false > 0


def test_of_two_halves_nobody_is_ejected() -> None:
    assert split(6).verdicts.ejected == set()
