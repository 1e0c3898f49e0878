import errno
import fcntl
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.vault.direct_reading import read_whole
from holdfast.vault.disk import PosixDisk
from holdfast.wire import direct_file

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
    with Path("/dev/zero").open("rb") as zeros:
        assert read_whole(zeros.fileno(), 5) is None
        assert read_whole(zeros.fileno(), LEAST) is None
    with Path("/dev/null").open("wb") as nothing:
        direct_file.write_parts(nothing.fileno(), [DATA[:LEAST], DATA])


def test_where_direct_writes_are_refused_all_is_written_nevertheless(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite

    def refusing(descriptor: int, data: memoryview, offset: int) -> int:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT:
            raise OSError(errno.EINVAL, "no direct writes here")
        return write(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", refusing)
    path = place / "refused"
    PosixDisk().write_file(str(path), [DATA])
    assert path.read_bytes() == DATA
