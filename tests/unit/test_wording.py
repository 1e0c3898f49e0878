"""Sizes, tokens and times as people write them, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.wording import (
    UnreadableAmountError,
    count,
    ether,
    hold,
    read_ether,
    read_hold,
    read_size,
    read_span,
    size,
    span,
)
from holdfast.protocol.units import GIB, GRAINS_PER_HOLD, SUPPLY_MAX


@given(st.integers(0, SUPPLY_MAX))
def test_an_amount_is_read_back_exactly_as_it_was_written(grains: int) -> None:
    assert read_hold(hold(grains)) == grains


@pytest.mark.parametrize("text", ["", "abc", "-1", "1e400", "NaN", "0.0000000001"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(UnreadableAmountError):
        read_hold(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("4096", 4096),
        ("10GiB", 10 * GIB),
        ("10 gb", 10 * GIB),
        ("1.5k", 1536),
        ("2M", 2 << 20),
    ],
)
def test_sizes_are_read(text: str, expected: int) -> None:
    assert read_size(text) == expected


@pytest.mark.parametrize("text", ["", "GiB", "-5", "5 hours", "1..2M"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UnreadableAmountError):
        read_size(text)


def test_sizes_are_written_in_the_largest_unit_that_fits() -> None:
    assert [size(n) for n in (0, 1023, 1024, 1536, GIB)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "1.5 KiB",
        "1.0 GiB",
    ]


def test_tokens_are_written_exactly() -> None:
    assert hold(GRAINS_PER_HOLD * 1234) == "1,234 HOLD"
    assert hold(1) == "0.000000001 HOLD"
    assert hold(-GRAINS_PER_HOLD // 2) == "-0.5 HOLD"


@pytest.mark.parametrize(
    ("text", "epochs"),
    [
        ("500", 500),
        ("500 epochs", 500),
        ("1 epoch", 1),
        ("1h", 720),
        ("2 hours", 1440),
        ("6s", 2),
        ("1d", 17280),
    ],
)
def test_spans_are_read_in_epochs_rounded_up(text: str, epochs: int) -> None:
    assert read_span(text, epoch_seconds=5) == epochs


@pytest.mark.parametrize("text", ["", "day", "3 moons", "-1d", "1.5h"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UnreadableAmountError):
        read_span(text, epoch_seconds=5)


def test_spans_are_written_in_two_units_at_most() -> None:
    assert [span(s) for s in (0.25, 59.9, 65, 3700, 90_000)] == [
        "0.2 s",
        "59.9 s",
        "1 min 5 s",
        "1 h 1 min",
        "1 d 1 h",
    ]


def test_one_thing_is_not_called_many() -> None:
    assert (count(1, "file"), count(2000, "file")) == ("1 file", "2,000 files")


@pytest.mark.parametrize(
    ("wei", "text"),
    [
        (0, "0 ether"),
        (1, "less than 0.000000001 ether"),
        (10**18, "1 ether"),
        (10**21, "1,000 ether"),
        (12_500_000 * 10**9, "0.0125 ether"),
        (1_234_567_891_999_999_999, "1.234567891 ether"),
    ],
)
def test_wei_are_written_as_ether(wei: int, text: str) -> None:
    assert ether(wei) == text


def test_ether_is_read_to_the_last_wei() -> None:
    assert read_ether("0.5") == 5 * 10**17
    assert read_ether("1,000.000000000000000001 ether") == 10**21 + 1
    for wrong in ("", "much", "0", "-1", "1e-19", "nan", "1e30"):
        with pytest.raises(UnreadableAmountError):
            read_ether(wrong)
