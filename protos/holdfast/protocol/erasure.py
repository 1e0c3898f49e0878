"""The erasure code: any k of a chunk's n shards give its bytes back.

Systematic Reed-Solomon over GF(2^8), polynomial 0x11d, byte for byte what
`reedsolo.RSCodec(n - k, nsize=n)` makes of each column of the data shards. The
code is linear, so its matrix is read off reedsolo once and applied in bulk.

A chunk is cut into k shards of equal length, the last ones padded with zeros;
n - k parity shards follow. The code repairs what is missing, not what is wrong:
whoever decodes has checked each shard against its root before, or what comes out.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import reedsolo

from holdfast.protocol import galois
from holdfast.protocol.erasure_kernels import (
    Kernel,
    Row,
    Rows,
    Transform,
    best_kernel,
)
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.galois import Matrix
from holdfast.protocol.units import HOLDERS_MAX

BytesLike: TypeAlias = bytes | bytearray | memoryview

MATRIX_ATTEMPTS: Final = 64


class ErasureError(ProtocolError):
    """The shards, or the policy k-of-n, cannot belong to a chunk."""


@functools.lru_cache(maxsize=32)
def codec(k: int, n: int) -> "Codec":
    """Return the codec of a policy k-of-n; ErasureError unless 1 <= k <= n <= 255."""
    return Codec(k, n, best_kernel())


def kernel_name() -> str:
    """Return which kernel does the work here: "isa-l", or "numpy" as a fallback."""
    return best_kernel().name


class Codec:
    """The code of one policy k-of-n; it has no state and any thread may use it.

    Shard i of a chunk is a data shard for i < k and a parity shard otherwise.
    """

    def __init__(self, k: int, n: int, kernel: Kernel) -> None:
        if not 1 <= k <= n <= HOLDERS_MAX:
            raise ErasureError(f"{k}-of-{n} is not a policy: 1 <= k <= n <= 255")
        self.k = k
        self.n = n
        self._kernel = kernel
        self._make_parity = kernel.prepare(_generator(k, n)[k:]) if k < n else None

    def shard_bytes(self, length: int) -> int:
        """Return how many bytes each shard of `length` >= 0 bytes has."""
        if length < 0:
            raise ErasureError(f"{length} bytes are fewer than none")
        return -(-length // self.k)

    def encode(
        self, data: BytesLike, parity: memoryview | None = None
    ) -> list[memoryview]:
        """Return the n shards of `data`, which must not change while they live.

        Data shards are views of `data`; only what needs padding is copied. Parity is
        written to `parity`, (n - k) x shard_bytes(len(data)) writable bytes, where a
        caller has a buffer to use again. Raises ErasureError.
        """
        source = _row(data)
        size = self.shard_bytes(len(source))
        whole = len(source) // size if size else 0
        padded = np.zeros((self.k - whole, size), np.uint8)
        padded.reshape(-1)[: len(source) - whole * size] = source[whole * size :]
        data_rows: Rows = source[: whole * size].reshape(whole, size)
        if whole < self.k:
            data_rows = [*data_rows, *padded]
        if parity is None:
            parity_rows = np.empty((self.n - self.k, size), np.uint8)
        else:
            parity_rows = _writable_rows(parity, self.n - self.k, size)
        return self._encode_rows(data_rows, parity_rows)

    def encode_into(
        self, buffer: memoryview, length: int, parity: memoryview
    ) -> list[memoryview]:
        """Return the n shards as views of two writable buffers, copying nothing.

        `buffer` has k x shard_bytes(length) bytes, of which the first `length`
        are data and the rest becomes padding; `parity` has (n - k) x
        shard_bytes(length) bytes to be overwritten. Raises ErasureError.
        """
        size = self.shard_bytes(length)
        data_rows = _writable_rows(buffer, self.k, size)
        data_rows.reshape(-1)[length:] = 0
        parity_rows = _writable_rows(parity, self.n - self.k, size)
        return self._encode_rows(data_rows, parity_rows)

    def decode(
        self,
        shards: Mapping[int, BytesLike],
        length: int,
        into: memoryview | None = None,
    ) -> memoryview:
        """Return the `length` bytes that any k of the shards hold.

        They are written to `into`, k x shard_bytes(length) writable bytes, where
        a caller has a buffer to use again; data shards that stand in their places
        there already are left. Raises ErasureError.
        """
        size = self.shard_bytes(length)
        known = self._known_rows(shards, size)
        if into is None:
            rows = np.empty((self.k, size), np.uint8)
        else:
            rows = _writable_rows(into, self.k, size)
        missing = [index for index in range(self.k) if index not in known]
        self._recover(known, missing, [rows[index] for index in missing])
        for index in known.keys() & range(self.k):
            if known[index].ctypes.data != rows[index].ctypes.data:
                rows[index] = known[index]
        return rows.reshape(-1).data[:length]

    def rebuild(
        self, shards: Mapping[int, BytesLike], wanted: Sequence[int]
    ) -> dict[int, memoryview]:
        """Return the wanted shards, data or parity, from any k. Raises ErasureError."""
        self._check_indexes(wanted)
        size = memoryview(next(iter(shards.values()), b"")).nbytes
        known = self._known_rows(shards, size)
        rows = np.empty((len(wanted), size), np.uint8)
        self._recover(known, wanted, rows)
        return {index: row.data for index, row in zip(wanted, rows, strict=True)}

    def _encode_rows(self, data_rows: Rows, parity_rows: Matrix) -> list[memoryview]:
        if self._make_parity is not None:
            self._make_parity(data_rows, parity_rows)
        return [row.data.toreadonly() for row in (*data_rows, *parity_rows)]

    def _known_rows(self, shards: Mapping[int, BytesLike], size: int) -> dict[int, Row]:
        """Return k checked shards as rows, data shards first: those cost nothing."""
        self._check_indexes(shards)
        if len(shards) < self.k:
            raise ErasureError(f"{len(shards)} shards where {self.k} are needed")
        rows = {index: _row(shards[index]) for index in sorted(shards)[: self.k]}
        for index, row in rows.items():
            if len(row) != size:
                raise ErasureError(
                    f"shard {index} has {len(row)} bytes where {size} belong"
                )
        return rows

    def _check_indexes(self, indexes: Iterable[int]) -> None:
        for index in indexes:
            if not 0 <= index < self.n:
                raise ErasureError(f"there is no shard {index} of {self.n}")

    def _recover(
        self, known: Mapping[int, Row], wanted: Sequence[int], targets: Rows
    ) -> None:
        if wanted:
            transform = _recovery_transform(
                self._kernel, self.k, self.n, tuple(known), tuple(wanted)
            )
            transform([*known.values()], targets)


def parity_matrix(k: int, n: int) -> Matrix:
    """Return the (n - k) x k matrix that makes parity shards out of data shards.

    Column i is what reedsolo appends to the i-th unit vector. Its tables are
    globals, which any thread that makes an RSCodec refills, so what it says is
    checked here by our own arithmetic before it is believed.
    """
    for _ in range(MATRIX_ATTEMPTS):
        matrix = _read_off_reedsolo(k, n)
        if _makes_codewords(matrix):
            return matrix
    raise AssertionError("reedsolo does not compute in GF(2^8) with 0x11d")


def _read_off_reedsolo(k: int, n: int) -> Matrix:
    oracle = reedsolo.RSCodec(n - k, nsize=n)
    codewords = [bytes(oracle.encode(bytes(unit))) for unit in galois.identity(k)]
    table = np.frombuffer(b"".join(codewords), np.uint8).reshape(k, n)
    return np.ascontiguousarray(table[:, k:].T)


def _makes_codewords(matrix: Matrix) -> bool:
    """Tell whether [identity; matrix] has every root of the code's generator.

    The roots are the first n - k powers of 2, and only one matrix has them all.
    """
    checks, k = matrix.shape
    degrees = np.arange(checks + k)[::-1]
    powers = galois.POWERS[np.outer(np.arange(checks), degrees) % galois.ORDER]
    syndromes = powers[:, :k] ^ galois.multiply(powers[:, k:], matrix)
    return not syndromes.any()


# Reading a wide code's matrix takes a tenth of a second; it has 64 KB at most.
@functools.lru_cache(maxsize=32)
def _generator(k: int, n: int) -> Matrix:
    """Return the n x k matrix that makes all shards out of data shards."""
    if k == n:
        return galois.identity(k)
    return np.concatenate([galois.identity(k), parity_matrix(k, n)])


# Holders are lost one by one and every chunk of a deal is rebuilt alike, so a
# few patterns serve many chunks; a wide one's tables take half a megabyte.
@functools.lru_cache(maxsize=32)
def _recovery_transform(
    kernel: Kernel, k: int, n: int, known: tuple[int, ...], wanted: tuple[int, ...]
) -> Transform:
    generator = _generator(k, n)
    data_from_known = galois.invert(generator[list(known)])
    return kernel.prepare(galois.multiply(generator[list(wanted)], data_from_known))


def _row(data: BytesLike) -> Row:
    return np.frombuffer(data, np.uint8)


def _writable_rows(buffer: memoryview, count: int, size: int) -> Matrix:
    if buffer.readonly or buffer.nbytes != count * size:
        raise ErasureError(
            f"{count * size} writable bytes are needed, not {buffer.nbytes}"
        )
    return np.frombuffer(buffer, np.uint8).reshape(count, size)
