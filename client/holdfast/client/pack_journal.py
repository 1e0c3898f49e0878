"""The packs that an unfinished command has uploaded, kept on the owner's disk.

After a crash their blobs are known again, so nothing is sent twice. Each record is
sealed and appended as a whole; a torn last record is what a crash leaves, and is
passed over.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from nacl import bindings
from nacl.exceptions import CryptoError

from holdfast.client.core.index import PACK_RECORD, PackRecord
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.units import MIB

_NONCE_BYTES: Final = 24
_RECORD_BYTES_MAX: Final = 2 * MIB
_PURPOSE: Final = b"holdfast pack journal v1"


class PackJournal:
    """An append-only file of pack records, sealed with the owner's cache key."""

    def __init__(
        self, path: Path, key: bytes, entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._path = path
        self._key = key
        self._entropy = entropy
        self._file: BinaryIO | None = None

    def append(self, record: PackRecord) -> None:
        """Write a record; when this returns it survives a crash. May raise OSError."""
        nonce = self._entropy(_NONCE_BYTES)
        sealed = nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            PACK_RECORD.encode(record), _PURPOSE, nonce, self._key
        )
        file = self._open()
        file.write(len(sealed).to_bytes(4, "big") + sealed)
        file.flush()
        os.fdatasync(file.fileno())

    def records(self) -> tuple[PackRecord, ...]:
        """Return every whole record, oldest first."""
        return tuple(self._whole_records(self._read()))

    def clear(self) -> None:
        """Forget all records: what they list is in the index of a newer root."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; the records stay."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> BinaryIO:
        if self._file is None:
            whole = sum(4 + len(sealed) for sealed in _split(self._read()))
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            self._file = os.fdopen(descriptor, "r+b")
            # Behind a torn record nothing would ever be read.
            self._file.truncate(whole)
            self._file.seek(whole)
        return self._file

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""

    def _whole_records(self, data: bytes) -> Iterator[PackRecord]:
        for sealed in _split(data):
            try:
                yield PACK_RECORD.decode(self._unsealed(sealed))
            except (CryptoError, DecodingError):
                continue

    def _unsealed(self, sealed: bytes) -> bytes:
        nonce = sealed[:_NONCE_BYTES]
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed[_NONCE_BYTES:], _PURPOSE, nonce, self._key
        )


def _split(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        sealed = data[at + 4 : at + 4 + size]
        if len(sealed) < size or not _NONCE_BYTES < size <= _RECORD_BYTES_MAX:
            return
        yield sealed
        at += 4 + size
