"""A log of changes gives the same as looking at everything, whatever changed when."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.ledger.core.change_log import ChangeLog

steps = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=300)


@given(steps, st.integers(-1, 320))
def test_what_changed_after_a_sequence_comes_in_that_order(
    steps: list[tuple[int, int]], after: int
) -> None:
    log: ChangeLog[int] = ChangeLog()
    last: dict[int, int] = {}
    sequence = 0
    for key, later in steps:
        sequence += later
        log.note(key, sequence)
        last.pop(key, None)
        last[key] = sequence
    wanted = [key for key, changed in last.items() if changed > after]
    assert list(log.after(after)) == wanted
    assert log.has_news(after) == bool(wanted)


def test_a_key_that_changes_often_takes_no_more_room() -> None:
    log: ChangeLog[str] = ChangeLog()
    for sequence in range(10_000):
        log.note("one", sequence)
    assert len(log._keys) < 100
    assert list(log.after(9_998)) == ["one"]
