# Paths are bytes here, and pathlib's are not.
# ruff: noqa: PTH112, PTH114
"""How many bytes lie below some paths: a quick guess that sizes a new deal."""

import os
from collections.abc import Sequence
from typing import Final

_ENTRIES_MAX: Final = 200_000


def bytes_below(paths: Sequence[bytes]) -> int:
    """Return the sizes of the files at and below `paths`, links not followed.

    What cannot be read counts nothing, and very large trees are not finished.
    """
    total = seen = 0
    waiting = list(paths)
    while waiting and seen < _ENTRIES_MAX:
        path = waiting.pop()
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                with os.scandir(path) as entries:
                    waiting.extend(entry.path for entry in entries)
            else:
                total += os.lstat(path).st_size
        except OSError:
            continue
        seen += 1
    return total
