"""The simulator finds faults: each known-bad variant breaks a promise in its story."""

import pytest

from simulation.drama import Drama
from simulation.mutants import MUTANTS
from simulation.stand_ins import stand_ins


@pytest.mark.parametrize("name", MUTANTS)
def test_a_known_bad_variant_is_caught(name: str) -> None:
    mutant = MUTANTS[name]
    with stand_ins(), mutant.patch():
        broken = Drama(mutant.story).play().broken
    assert any(mutant.sign in promise for promise in broken)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_story_of_a_variant_breaks_nothing_without_it(name: str) -> None:
    with stand_ins():
        assert Drama(MUTANTS[name].story).play().broken == []
