"""The queue of a story keeps one order, however far off things are."""

from hypothesis import given
from hypothesis import strategies as st

from simulation.clock import Clock

SECONDS = st.lists(st.floats(0, 3), max_size=30)


@given(SECONDS, SECONDS, st.floats(0, 3))
def test_things_happen_by_their_second_then_as_they_were_asked(
    first: list[float], then: list[float], pause: float
) -> None:
    clock = Clock(100.0)
    happened: list[tuple[float, int]] = []
    asked: list[tuple[float, int]] = []

    def ask(seconds: float) -> None:
        place = (max(100.0 + seconds, clock.now), len(asked))
        asked.append(place)
        clock.at(place[0], lambda: happened.append((clock.now, place[1])))

    for seconds in first:
        ask(seconds)
    clock.run_until(100.0 + pause)
    assert happened == sorted(place for place in asked if place[0] < 100.0 + pause)
    for seconds in then:
        ask(seconds)
    clock.run_until(104.0)
    assert happened == sorted(asked)
    assert clock.now == 104.0


def test_what_an_act_asks_for_happens_before_what_is_later() -> None:
    clock, happened = Clock(100.0), list[str]()
    clock.at(101.01, lambda: happened.append("later"))
    clock.at(101.0, lambda: clock.after(0.005, lambda: happened.append("between")))
    clock.run_until(102.0)
    assert happened == ["between", "later"]
