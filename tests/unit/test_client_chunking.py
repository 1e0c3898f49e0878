import io
import random

import pyfastcdc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.client.archive import reader_of
from holdfast.client.chunking import (
    CUT_BYTES_AVERAGE,
    CUT_BYTES_MAX,
    CUT_BYTES_MIN,
    Cutter,
)
from holdfast.protocol.units import MIB

SEED = 0x1234_5678_9ABC_DEF1
DATA = random.Random(5).randbytes(40 * MIB)
CUTTER = Cutter(SEED)


def cut(data: bytes, cutter: Cutter = CUTTER) -> list[bytes]:
    return [bytes(piece) for piece in cutter.cut(reader_of(io.BytesIO(data)))]


class Stutter(io.RawIOBase):
    """Returns reads of odd lengths, as pipes do."""

    def __init__(self, data: bytes, dice: random.Random) -> None:
        self._data = io.BytesIO(data)
        self._dice = dice

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, self._dice.randrange(1, 3 * MIB)))


def test_pieces_make_the_input_and_keep_their_bounds() -> None:
    pieces = cut(DATA)
    assert b"".join(pieces) == DATA
    assert all(len(piece) <= CUT_BYTES_MAX for piece in pieces)
    assert all(len(piece) >= CUT_BYTES_MIN for piece in pieces[:-1])
    assert CUT_BYTES_AVERAGE / 2 < len(DATA) / len(pieces) < CUT_BYTES_AVERAGE * 2


def test_the_window_does_not_move_the_cuts() -> None:
    whole = pyfastcdc.FastCDC(
        CUT_BYTES_AVERAGE,
        min_size=CUT_BYTES_MIN,
        max_size=CUT_BYTES_MAX,
        normalized_chunking=2,
        seed=SEED,
    )
    expected = [chunk.length for chunk in whole.cut_buf(DATA)]
    assert [len(piece) for piece in cut(DATA)] == expected


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_short_reads_do_not_move_the_cuts(seed: int) -> None:
    stream = Stutter(DATA, random.Random(seed))
    pieces = [len(piece) for piece in CUTTER.cut(reader_of(stream))]  # type: ignore[arg-type] # only read is asked of it
    assert pieces == [len(piece) for piece in cut(DATA)]


def test_inserted_bytes_change_a_few_pieces() -> None:
    before = set(cut(DATA))
    changed = cut(DATA[: 20 * MIB] + b"inserted" + DATA[20 * MIB :])
    assert len([piece for piece in changed if piece not in before]) <= 2


def test_another_seed_cuts_elsewhere() -> None:
    assert set(cut(DATA, Cutter(SEED ^ 0xFFFF))).isdisjoint(cut(DATA))


@pytest.mark.parametrize("size", [0, 1, CUT_BYTES_MIN - 1, CUT_BYTES_MIN])
def test_a_small_file_is_one_blob_and_an_empty_one_none(size: int) -> None:
    assert cut(DATA[:size]) == ([DATA[:size]] if size else [])


@pytest.mark.parametrize("size", [16 * MIB - 1, 16 * MIB, 16 * MIB + 1, 12 * MIB])
def test_inputs_about_as_long_as_the_window_are_whole(size: int) -> None:
    assert b"".join(cut(DATA[:size])) == DATA[:size]


def test_zeros_are_cut_into_equal_pieces() -> None:
    assert set(map(len, cut(bytes(32 * MIB)))) == {CUT_BYTES_MAX}


def test_the_largest_seed_is_taken() -> None:
    assert b"".join(cut(DATA[:MIB], Cutter(2**63 - 1))) == DATA[:MIB]
