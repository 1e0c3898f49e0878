"""Arithmetic in GF(2^8) with the polynomial 0x11d, and small matrices over it.

This is the exact arithmetic behind the erasure code, on matrices of at most
255 x 255; the bulk work on data belongs to `erasure_kernels`.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.uint8]
"""Rows of field elements, one byte each."""

POLYNOMIAL: Final = 0x11D
GENERATOR: Final = 2
ORDER: Final = 255  # of the multiplicative group


def _powers() -> Matrix:
    powers = np.zeros(ORDER, np.uint8)
    element = 1
    for exponent in range(ORDER):
        powers[exponent] = element
        element <<= 1
        if element > ORDER:
            element ^= POLYNOMIAL
    return powers


def _products(powers: Matrix) -> Matrix:
    logarithms = np.zeros(256, np.int64)
    logarithms[powers] = np.arange(ORDER)
    nonzero = logarithms[1:]
    products = np.zeros((256, 256), np.uint8)
    products[1:, 1:] = powers[(nonzero[:, None] + nonzero[None, :]) % ORDER]
    return products


POWERS: Final = _powers()
"""POWERS[i] is GENERATOR to the i, for 0 <= i < 255."""

PRODUCTS: Final = _products(POWERS)
"""PRODUCTS[a, b] is a times b."""

INVERSES: Final = np.argmax(PRODUCTS == 1, axis=1).astype(np.uint8)
"""INVERSES[a] is 1 / a; the entry of 0, which has no inverse, is 0."""

for _table in (POWERS, PRODUCTS, INVERSES):
    _table.setflags(write=False)


def identity(size: int) -> Matrix:
    """Return the identity matrix of `size` rows."""
    return np.eye(size, dtype=np.uint8)


def multiply(left: Matrix, right: Matrix) -> Matrix:
    """Return the matrix product `left` x `right`."""
    product = np.zeros((left.shape[0], right.shape[1]), np.uint8)
    for column, row in zip(left.T, right, strict=True):
        product ^= PRODUCTS[column[:, None], row[None, :]]
    return product


def invert(matrix: Matrix) -> Matrix:
    """Return the inverse of a square matrix, by Gauss-Jordan elimination.

    A singular matrix is the caller's bug: every k rows of an MDS code's matrix
    are independent.
    """
    size = len(matrix)
    work = np.concatenate([matrix, identity(size)], axis=1)
    for step in range(size):
        pivot = step + int(np.argmax(work[step:, step] != 0))
        assert work[pivot, step], "the matrix is singular"
        work[[step, pivot]] = work[[pivot, step]]
        work[step] = PRODUCTS[INVERSES[work[step, step]], work[step]]
        factors = work[:, step].copy()
        factors[step] = 0
        work ^= PRODUCTS[factors[:, None], work[step][None, :]]
    return work[:, size:].copy()
