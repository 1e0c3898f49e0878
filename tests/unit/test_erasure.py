"""The erasure code against reedsolo, on both kernels."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from random import Random

import numpy as np
import pytest
import reedsolo
from hypothesis import given
from hypothesis import strategies as st

from holdfast.protocol import galois
from holdfast.protocol.erasure import (
    Codec,
    ErasureError,
    codec,
    kernel_name,
    parity_matrix,
)
from holdfast.protocol.erasure_kernels import (
    IsalKernel,
    Kernel,
    KernelUnavailableError,
    NumpyKernel,
    load_isal,
)
from holdfast.protocol.errors import ProtocolError

KERNELS: list[Kernel] = [IsalKernel(load_isal()), NumpyKernel()]
POLICIES = [
    *[(1, 2), (1, 5), (1, 255), (2, 3), (4, 8), (10, 20), (16, 24), (29, 80)],
    *[(64, 128), (100, 255), (127, 255), (254, 255)],
]

on_both = pytest.mark.parametrize("kernel", KERNELS, ids=lambda each: each.name)


@st.composite
def policies(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 40))
    return draw(st.integers(1, n)), n


def columns(shards: list[memoryview]) -> Iterator[bytes]:
    """Return the codewords: byte j of every shard, for each j."""
    return map(bytes, zip(*shards, strict=True))


def some_bytes(length: int, seed: int = 7) -> bytes:
    return Random(seed).randbytes(length)


@on_both
@pytest.mark.parametrize(("k", "n"), POLICIES)
def test_every_column_is_a_codeword_of_reedsolo(kernel: Kernel, k: int, n: int) -> None:
    data = some_bytes(3 * k - (1 if k > 1 else 0))
    oracle = reedsolo.RSCodec(n - k, nsize=n)
    for codeword in columns(Codec(k, n, kernel).encode(data)):
        assert bytes(oracle.encode(codeword[:k])) == codeword


@pytest.mark.parametrize("checks", [1, 2, 4, 7, 16, 51, 128, 155, 254])
def test_the_matrix_is_what_reedsolo_makes_of_unit_vectors(checks: int) -> None:
    k = 255 - checks
    oracle = reedsolo.RSCodec(checks, nsize=255)
    matrix = parity_matrix(k, 255)
    for index, unit in enumerate(galois.identity(k)):
        assert bytes(oracle.encode(bytes(unit)))[k:] == bytes(matrix[:, index])


@pytest.mark.parametrize("k", [1, 2, 100, 127])
def test_shorter_codes_are_the_tails_of_the_longest(k: int) -> None:
    longest = parity_matrix(127, 255)
    assert np.array_equal(parity_matrix(k, k + 128), longest[:, 127 - k :])


@pytest.mark.parametrize(("k", "n"), [(2, 4), (4, 8), (10, 20), (29, 80)])
def test_reedsolo_decodes_our_codewords(k: int, n: int) -> None:
    shards = codec(k, n).encode(some_bytes(2 * k))
    oracle = reedsolo.RSCodec(n - k, nsize=n)
    lost = Random(k).sample(range(n), n - k)
    for codeword in columns(shards):
        damaged = bytearray(codeword)
        for place in lost:
            damaged[place] ^= 0xFF
        message, whole, _ = oracle.decode(bytes(damaged), erase_pos=lost)
        assert bytes(message) == codeword[:k]
        assert bytes(whole) == codeword


@on_both
@pytest.mark.parametrize(
    ("k", "n"), [(1, 1), (1, 3), (2, 2), (2, 4), (3, 5), (3, 6), (4, 8), (5, 7)]
)
def test_any_k_shards_give_everything_back(kernel: Kernel, k: int, n: int) -> None:
    code = Codec(k, n, kernel)
    data = some_bytes(5 * k - 1)
    shards = code.encode(data)
    for survivors in combinations(range(n), k):
        known = {index: shards[index] for index in survivors}
        assert code.decode(known, len(data)) == data
        assert code.rebuild(known, range(n)) == dict(enumerate(shards))


@on_both
@pytest.mark.parametrize(("k", "n"), POLICIES)
def test_random_survivors_give_everything_back(kernel: Kernel, k: int, n: int) -> None:
    code = Codec(k, n, kernel)
    data = some_bytes(3 * k + 1)
    shards = code.encode(data)
    survivors = Random(n).sample(range(n), k)
    known = {index: bytes(shards[index]) for index in survivors}
    lost = [index for index in range(n) if index not in known]
    assert code.decode(known, len(data)) == data
    assert code.rebuild(known, lost) == {index: shards[index] for index in lost}


@given(policies(), st.binary(max_size=600), st.randoms(use_true_random=False))
def test_both_kernels_make_the_same_shards_and_undo_them(
    policy: tuple[int, int], data: bytes, random: Random
) -> None:
    k, n = policy
    codes = [Codec(k, n, kernel) for kernel in KERNELS]
    shards = codes[0].encode(data)
    assert codes[1].encode(data) == shards
    assert {len(shard) for shard in shards} == {codes[0].shard_bytes(len(data))}
    survivors = random.sample(range(n), random.randint(k, n))
    known = {index: shards[index] for index in survivors}
    for code in codes:
        assert code.decode(known, len(data)) == data


@on_both
@pytest.mark.parametrize("length", [65535, 65536, 65537, 300_001])
def test_long_shards_are_worked_off_in_blocks_without_a_seam(
    kernel: Kernel, length: int
) -> None:
    code = Codec(2, 16, kernel)
    data = some_bytes(2 * length)
    rows = np.frombuffer(data, np.uint8).reshape(2, length)
    expected = np.zeros((14, length), np.uint8)
    for column, row in zip(parity_matrix(2, 16).T, rows, strict=True):
        expected ^= galois.PRODUCTS[column[:, None], row[None, :]]
    shards = code.encode(data)
    assert [bytes(shard) for shard in shards[2:]] == [bytes(row) for row in expected]
    assert code.decode(dict(enumerate(shards[7:9], 7)), len(data)) == data


def test_data_shards_are_the_data_padded_with_zeros() -> None:
    shards = codec(4, 8).encode(b"abcde")
    assert [bytes(shard) for shard in shards[:4]] == [b"ab", b"cd", b"e\0", b"\0\0"]


def test_each_shard_of_one_of_n_has_it_all() -> None:
    for index, shard in enumerate(codec(1, 4).encode(b"all")):
        assert bytes(codec(1, 4).decode({index: shard}, 3)) == b"all"


def test_n_of_n_has_no_parity() -> None:
    code = codec(3, 3)
    shards = code.encode(b"abcdef")
    assert shards == [b"ab", b"cd", b"ef"]
    assert bytes(code.decode(dict(enumerate(shards)), 6)) == b"abcdef"
    with pytest.raises(ErasureError):
        code.decode(dict(enumerate(shards[:2])), 6)


@on_both
def test_no_data_makes_empty_shards(kernel: Kernel) -> None:
    code = Codec(4, 8, kernel)
    shards = code.encode(b"")
    assert shards == [b""] * 8
    assert not code.decode(dict(enumerate(shards[4:], 4)), 0)
    assert code.rebuild(dict(enumerate(shards[4:], 4)), [0]) == {0: b""}


def test_shards_cannot_be_written_to() -> None:
    assert all(shard.readonly for shard in codec(4, 8).encode(bytearray(100)))


def test_whole_data_shards_are_not_copied() -> None:
    data = bytearray(b"abcdefg")
    shards = codec(4, 8).encode(data)
    data[0] = ord("A")
    assert bytes(shards[0]) == b"Ab"


@on_both
@given(policies(), st.binary(max_size=600))
def test_encoding_into_buffers_makes_the_same_shards(
    kernel: Kernel, policy: tuple[int, int], data: bytes
) -> None:
    code = Codec(*policy, kernel)
    size = code.shard_bytes(len(data))
    buffer = bytearray(b"\xaa" * (code.k * size))
    buffer[: len(data)] = data
    parity = bytearray(b"\xbb" * ((code.n - code.k) * size))
    shards = code.encode_into(memoryview(buffer), len(data), memoryview(parity))
    assert shards == code.encode(data)
    assert b"".join(shards) == buffer + parity


@on_both
@given(policies(), st.binary(max_size=600), st.randoms(use_true_random=False))
def test_decoding_into_a_buffer_returns_the_data_inside_it(
    kernel: Kernel, policy: tuple[int, int], data: bytes, random: Random
) -> None:
    code = Codec(*policy, kernel)
    shards = code.encode(data)
    known = {index: shards[index] for index in random.sample(range(code.n), code.k)}
    buffer = bytearray(b"\xaa" * (code.k * code.shard_bytes(len(data))))
    assert code.decode(known, len(data), memoryview(buffer)) == data
    assert buffer[: len(data)] == data
    assert not any(buffer[len(data) :])


@pytest.mark.parametrize(("k", "n"), [(0, 4), (-1, 4), (5, 4), (1, 256), (0, 0)])
def test_an_impossible_policy_is_refused(k: int, n: int) -> None:
    with pytest.raises(ErasureError):
        codec(k, n)


def test_an_error_of_the_code_is_an_error_of_the_protocol() -> None:
    assert issubclass(ErasureError, ProtocolError)


SHARDS = dict(enumerate(map(bytes, codec(4, 8).encode(b"0123456789abcde"))))
WRONG_SHARDS = {
    "none": {},
    "too few": {index: SHARDS[index] for index in (0, 5, 7)},
    "one too short": SHARDS | {0: SHARDS[0][:-1]},
    "one too long": SHARDS | {3: SHARDS[3] + b"\0"},
    "one empty": SHARDS | {1: b""},
    "an index below": SHARDS | {-1: SHARDS[7]},
    "an index beyond": SHARDS | {8: SHARDS[7]},
}


@pytest.mark.parametrize("shards", WRONG_SHARDS.values(), ids=WRONG_SHARDS)
def test_wrong_shards_are_refused(shards: dict[int, bytes]) -> None:
    with pytest.raises(ErasureError):
        codec(4, 8).decode(shards, 15)
    with pytest.raises(ErasureError):
        codec(4, 8).rebuild(shards, [5])


@pytest.mark.parametrize("length", [-1, 0, 12, 17, 1 << 40])
def test_a_length_that_does_not_fit_the_shards_is_refused(length: int) -> None:
    with pytest.raises(ErasureError):
        codec(4, 8).decode(SHARDS, length)


def test_a_negative_length_is_refused_where_all_shards_are_empty() -> None:
    with pytest.raises(ErasureError):
        codec(1, 2).decode({0: b""}, -1)


@pytest.mark.parametrize("wanted", [[-1], [8], [0, 255]])
def test_a_wanted_shard_must_exist(wanted: list[int]) -> None:
    with pytest.raises(ErasureError):
        codec(4, 8).rebuild(SHARDS, wanted)


def test_wanting_nothing_gives_nothing() -> None:
    assert codec(4, 8).rebuild(SHARDS, []) == {}


@pytest.mark.parametrize(
    ("buffer", "length", "parity"),
    [
        (bytearray(15), 15, bytearray(16)),
        (bytearray(20), 15, bytearray(16)),
        (bytearray(16), 15, bytearray(12)),
        (bytearray(16), 17, bytearray(16)),
        (bytearray(16), -1, bytearray(16)),
        (bytes(16), 15, bytearray(16)),
        (bytearray(16), 15, bytes(16)),
    ],
)
def test_buffers_must_fit_and_be_writable(
    buffer: bytes | bytearray, length: int, parity: bytes | bytearray
) -> None:
    with pytest.raises(ErasureError):
        codec(4, 8).encode_into(memoryview(buffer), length, memoryview(parity))


@pytest.mark.parametrize("into", [bytearray(15), bytearray(17), bytes(16)])
def test_a_buffer_to_decode_into_must_fit(into: bytes | bytearray) -> None:
    with pytest.raises(ErasureError):
        codec(4, 8).decode(SHARDS, 15, memoryview(into))


def test_a_codec_is_made_once() -> None:
    assert codec(4, 8) is codec(4, 8)


def test_matrices_survive_other_threads_inside_reedsolo() -> None:
    expected = [parity_matrix(k, 2 * k).tolist() for k in range(1, 30)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            made = pool.map(parity_matrix, range(1, 30), range(2, 60, 2))
            assert [matrix.tolist() for matrix in made] == expected
    finally:
        sys.setswitchinterval(interval)


def python_says(program: str) -> str:
    run = [sys.executable, "-c", program]
    return subprocess.check_output(run, text=True).strip()


def test_isa_l_does_the_work_where_it_is_installed() -> None:
    assert kernel_name() == "isa-l"


class OtherField:
    """A library whose products are all zero."""

    def ec_init_tables(self, columns: int, rows: int, matrix: int, to: int) -> None:
        pass

    def ec_encode_data(
        self, length: int, columns: int, rows: int, tables: int, reads: int, to: int
    ) -> None:
        pass


def test_a_library_of_another_field_is_not_used() -> None:
    with pytest.raises(KernelUnavailableError):
        IsalKernel(OtherField())


def test_numpy_serves_where_no_library_loads() -> None:
    says = python_says(
        "import ctypes\n"
        "def refuse(*_): raise OSError\n"
        "import numpy, reedsolo\n"
        "ctypes.CDLL = refuse\n"
        "from holdfast.protocol import erasure\n"
        "print(erasure.kernel_name(), bytes(erasure.codec(2, 3).encode(b'ab')[2]))"
    )
    parity = bytes(reedsolo.RSCodec(1, nsize=3).encode(b"ab"))[2:]
    assert says == f"numpy {parity!r}"
