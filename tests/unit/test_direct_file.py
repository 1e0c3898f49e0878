import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.vault import direct_file
from holdfast.vault.disk import PosixDisk

LEAST = direct_file.DIRECT_BYTES_MIN
DATA = random.Random(7).randbytes(5 << 20)
CUTS = st.lists(st.integers(0, len(DATA)), max_size=4)
LENGTHS = st.one_of(
    st.integers(0, len(DATA)),
    st.sampled_from([LEAST - 1, LEAST, LEAST + 1, 2 << 20, (2 << 20) + 512]),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@given(length=LENGTHS, cuts=CUTS)
def test_a_file_has_the_bytes_of_its_parts_however_they_were_cut(
    place: Path, length: int, cuts: list[int]
) -> None:
    ends = sorted({min(cut, length) for cut in cuts} | {length})
    parts = [memoryview(DATA)[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    path = place / "file"
    path.unlink(missing_ok=True)
    disk = PosixDisk()
    disk.write_file(str(path), parts)
    assert path.read_bytes() == DATA[:length]
    assert bytes(disk.read_file(str(path))) == DATA[:length]


def test_a_file_that_takes_no_direct_writes_is_left_to_the_ordinary_way() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    try:
        assert direct_file.write_blocks(reading, [b"small"]) == 0
        assert direct_file.read_whole(reading, 5) is None
    finally:
        os.close(reading)
    with Path("/dev/zero").open("rb") as zeros:
        assert direct_file.read_whole(zeros.fileno(), LEAST) is None
