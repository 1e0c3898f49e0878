"""Matrix products over GF(2^8) on megabytes: by ISA-L, or by NumPy without it.

A kernel turns a small matrix into a transform that computes each target row as
its combination of the source rows. Both kernels give the same bytes; which one
serves is a matter of what is installed. Nothing here knows about shards.

ISA-L comes out of the `pyeclib` wheel, which bundles it; its file is found
through the package's metadata and trusted only after it has reproduced the
whole multiplication table of our field.
"""

import ctypes
import functools
import importlib.metadata
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Final, Protocol, cast

import numpy as np
import numpy.typing as npt

from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.galois import PRODUCTS, Matrix

Row = npt.NDArray[np.uint8]
"""A row of bytes: one shard's worth."""

Rows = Sequence[Row] | Matrix
"""Equally long rows, each anywhere in memory, or together in one matrix."""

ISAL_CALL_BYTES_MAX: Final = 1 << 30  # of a row: ISA-L takes lengths as C ints
ISAL_CACHED_BYTES: Final = 1 << 19  # of all sources: what a core's cache keeps warm
ISAL_TARGETS_A_PASS: Final = 6
NUMPY_BLOCK_BYTES: Final = 1 << 16


class Transform(Protocol):
    """One matrix, ready to be applied."""

    def __call__(self, sources: Rows, targets: Rows) -> None:
        """Write matrix x `sources` into `targets`; all rows are equally long."""


class Kernel(Hashable, Protocol):
    """A way to multiply by a matrix; one of a kind is equal to itself only."""

    @property
    def name(self) -> str:
        """What to call this kernel in a log."""

    def prepare(self, matrix: Matrix) -> Transform:
        """Return the transform of `matrix`, which has a row for each target."""


class KernelUnavailableError(HoldfastError):
    """No ISA-L that computes in our field could be loaded."""


@functools.cache
def best_kernel() -> Kernel:
    """Return the fastest kernel that works here; the same one every time."""
    try:
        return IsalKernel(load_isal())
    except KernelUnavailableError:
        return NumpyKernel()


class Isal(Protocol):
    """The two functions of ISA-L that count here; `ctypes` calls them."""

    def ec_init_tables(self, columns: int, rows: int, matrix: int, to: int, /) -> None:
        """Expand the matrix at one address into tables at another."""

    def ec_encode_data(
        self, length: int, columns: int, rows: int, tables: int, reads: int, to: int, /
    ) -> None:
        """Multiply what the addresses at `reads` point to, `length` bytes each."""


class IsalKernel:
    """ISA-L through ctypes, which lets go of the GIL while it computes.

    Raises KernelUnavailableError when the library computes in another field.
    """

    name = "isa-l"

    def __init__(self, library: Isal) -> None:
        self._library = library
        everything = np.arange(256, dtype=np.uint8)
        products = np.zeros((256, 256), np.uint8)
        self.prepare(everything[:, None])([everything], list(products))
        if not np.array_equal(products, PRODUCTS):
            raise KernelUnavailableError("this ISA-L computes in another field")

    def prepare(self, matrix: Matrix) -> Transform:
        """Return the transform of `matrix`: 32 bytes of tables per coefficient."""
        matrix = np.ascontiguousarray(matrix)
        rows, columns = matrix.shape
        tables = np.zeros(32 * rows * columns, np.uint8)
        self._library.ec_init_tables(
            columns, rows, matrix.ctypes.data, tables.ctypes.data
        )
        return functools.partial(self._apply, rows, columns, tables)

    def _apply(
        self,
        rows: int,
        columns: int,
        tables: Row,
        sources: Rows,
        targets: Rows,
    ) -> None:
        assert len(sources) == columns
        assert len(targets) == rows
        if not len(sources[0]):
            return
        reads, writes = _addresses(sources), _addresses(targets)
        arguments = columns, rows, _address(tables), _address(reads), _address(writes)
        # ISA-L reads all sources once for every few targets. Where that is often,
        # short blocks find the sources in the cache again.
        block = ISAL_CALL_BYTES_MAX
        if rows > 2 * ISAL_TARGETS_A_PASS:
            block = max(ISAL_CACHED_BYTES // columns, 4096)
        for length in _block_lengths(len(sources[0]), block):
            self._library.ec_encode_data(length, *arguments)
            reads += np.uintp(length)
            writes += np.uintp(length)


def load_isal() -> Isal:
    """Return the ISA-L of the pyeclib wheel, or else the system's.

    Raises KernelUnavailableError when there is none.
    """
    for path in _isal_paths():
        try:
            library = ctypes.CDLL(path)
            library.ec_init_tables.argtypes = [ctypes.c_int] * 2 + [ctypes.c_void_p] * 2
            library.ec_encode_data.argtypes = [ctypes.c_int] * 3 + [ctypes.c_void_p] * 3
        except (OSError, AttributeError):
            continue
        library.ec_init_tables.restype = None
        library.ec_encode_data.restype = None
        return cast("Isal", library)
    raise KernelUnavailableError("no ISA-L is installed")


class NumpyKernel:
    """Doublings and XORs in NumPy, for machines without ISA-L.

    A product by a coefficient is the XOR of the source's doublings at the
    coefficient's set bits, so seven doublings of a source serve all targets.
    """

    name = "numpy"

    def prepare(self, matrix: Matrix) -> Transform:
        """Return the transform of `matrix`."""
        return functools.partial(_apply_with_numpy, matrix.tolist())


def _apply_with_numpy(
    matrix: Sequence[Sequence[int]], sources: Rows, targets: Rows
) -> None:
    assert len(sources) == len(matrix[0])
    assert len(targets) == len(matrix)
    scratch = np.empty((8, NUMPY_BLOCK_BYTES), np.uint8)
    start = 0
    for length in _block_lengths(len(sources[0]), NUMPY_BLOCK_BYTES):
        block = slice(start, start + length)
        for target in targets:
            target[block] = 0
        for column, source in enumerate(sources):
            doublings = _doublings(source[block], scratch[:, :length])
            for coefficients, target in zip(matrix, targets, strict=True):
                _add_product(target[block], coefficients[column], doublings)
        start += length


def _doublings(source: Row, scratch: Matrix) -> list[Row]:
    """Return `source` times 1, 2, 4 … 128, in `scratch` but for the first."""
    carry = scratch[0]
    doublings = [source]
    for doubled in scratch[1:]:
        np.right_shift(doublings[-1], 7, out=carry)
        np.multiply(carry, 0x1D, out=carry)
        np.add(doublings[-1], doublings[-1], out=doubled)
        np.bitwise_xor(doubled, carry, out=doubled)
        doublings.append(doubled)
    return doublings


def _add_product(target: Row, coefficient: int, doublings: Sequence[Row]) -> None:
    for bit, doubled in enumerate(doublings):
        if coefficient >> bit & 1:
            np.bitwise_xor(target, doubled, out=target)


def _block_lengths(length: int, limit: int) -> Iterator[int]:
    """Cut `length` into the fewest blocks of at most `limit`, nearly equal ones.

    All but the last are whole cache lines.
    """
    blocks = max(1, -(-length // limit))
    block = max(64, -(-length // blocks) + 63 & -64)
    for start in range(0, length, block):
        yield min(block, length - start)


def _addresses(rows: Rows) -> npt.NDArray[np.uintp]:
    if isinstance(rows, np.ndarray):
        first, step = _address(rows), rows.strides[0]
        return np.arange(first, first + len(rows) * step, step, dtype=np.uintp)
    return np.array([_address(row) for row in rows], np.uintp)


def _address(array: npt.NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def _isal_paths() -> Iterator[str]:
    try:
        files = importlib.metadata.files("pyeclib") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name.startswith("libisal"):
            yield str(file.locate())
    yield "libisal.so.2"  # the system's own, where a wheel has none
