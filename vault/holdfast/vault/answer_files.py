"""Answers kept for auditors: one file for each vault and epoch, the oldest go first.

They may be lost: whoever needs one asks another neighbour. So nothing is synced.
"""

import contextlib
from pathlib import Path
from typing import Final

from holdfast.protocol.units import MIB, VaultId

KEPT_EPOCHS: Final = 24


class AnswerFiles:
    """The kept answers in one directory, at most `bytes_max` together."""

    def __init__(self, directory: Path, bytes_max: int = 256 * MIB) -> None:
        self._directory = directory
        self._bytes_max = bytes_max
        directory.mkdir(exist_ok=True)
        self._sizes: dict[tuple[int, str], int] = {}
        for path in sorted(directory.glob("*-*.answer")):
            epoch = path.name.partition("-")[0]
            self._sizes[int(epoch), path.name] = path.stat().st_size

    def keep(self, vault: VaultId, epoch: int, answer: bytes) -> None:
        """Write an answer and let go of what is too old or too much; it blocks."""
        path = self._path(vault, epoch)
        try:
            path.write_bytes(answer)
        except OSError:
            # A full disk costs auditors a copy, nothing else.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return
        self._sizes[epoch, path.name] = len(answer)
        for key in sorted(self._sizes):
            if self._fits(epoch, key[0]):
                break
            del self._sizes[key]
            (self._directory / key[1]).unlink(missing_ok=True)

    def find(self, vault: VaultId, epoch: int) -> bytes | None:
        """Return a kept answer, or None; it blocks."""
        try:
            return self._path(vault, epoch).read_bytes()
        except OSError:
            return None

    def _fits(self, newest: int, oldest: int) -> bool:
        together = sum(self._sizes.values())
        return oldest > newest - KEPT_EPOCHS and together <= self._bytes_max

    def _path(self, vault: VaultId, epoch: int) -> Path:
        return self._directory / f"{epoch:012}-{vault.hex()}.answer"
