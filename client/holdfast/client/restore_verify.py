"""Reading a restored file back, and comparing it with the snapshot piece by piece."""

import os

from holdfast.client.blob_reader import BlobReader
from holdfast.client.core.blobs import unfold
from holdfast.client.restore_files import PlannedFile
from holdfast.client.restore_target import TargetTree
from holdfast.protocol.errors import HoldfastError


def verify_file(file: PlannedFile, reader: BlobReader, target: TargetTree) -> str:
    """Return what is wrong with a file that was restored; "" if it is as it should be.

    It is compared with the hashes that the snapshot names; no chunk is read for it.
    """
    try:
        descriptor = target.open_to_read(file.directory, file.node.name)
    except OSError as error:
        return _unreadable(error)
    try:
        return _compare(descriptor, file, reader)
    except OSError as error:
        return _unreadable(error)
    except HoldfastError as error:
        return f"restored, but it cannot be verified: {error}"
    finally:
        os.close(descriptor)


def _compare(descriptor: int, file: PlannedFile, reader: BlobReader) -> str:
    offset = 0
    for blob in unfold(file.node.content, reader.load):
        length = reader.locate(blob).length
        if not reader.is_blob(blob, _read(descriptor, offset, length)):
            return f"read back, it differs from the snapshot after {offset} bytes"
        offset += length
    if os.fstat(descriptor).st_size != offset:
        return f"read back, it is not of {offset} bytes"
    return ""


def _read(descriptor: int, offset: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.pread(descriptor, length, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return b"".join(parts)


def _unreadable(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    return f"restored, but it cannot be read back to verify it: {reason}"
