"""The door to the erasure code: NumPy and ISA-L are loaded by who first codes.

Much knows how to code and seldom does: a client that lists backups, an auditor.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.protocol.erasure import Codec


def codec(k: int, n: int) -> "Codec":
    """Return the codec of a policy k-of-n; ErasureError unless 1 <= k <= n <= 255."""
    from holdfast.protocol import erasure  # noqa: PLC0415

    return erasure.codec(k, n)
