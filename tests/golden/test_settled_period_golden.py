"""Archived settlements keep their bytes: the vector is read, never written."""

from pathlib import Path

from holdfast.client.core.billing import SETTLED_PERIOD
from settled_stage import deal_named, settled

VECTOR = Path(__file__).parent / "settled_period.hex"


def test_an_archived_settlement_is_written_and_read_as_ever() -> None:
    value = settled(5, {deal_named("one"): 10, deal_named("two"): 1 << 40})
    data = bytes.fromhex(VECTOR.read_text())
    assert SETTLED_PERIOD.encode(value) == data
    assert SETTLED_PERIOD.decode(data) == value
