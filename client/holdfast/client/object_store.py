"""Named objects: put, stat, list, open and delete, on the machinery of backups."""

import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from holdfast.client.archive import reader_of
from holdfast.client.blob_writer import NO_PACK_LOG, BlobWriter, PackLog
from holdfast.client.chunking import Cutter
from holdfast.client.core.blobs import fold
from holdfast.client.core.objects import (
    Metadatum,
    ObjectEntry,
    check_object_name,
    find_object,
    list_objects,
)
from holdfast.client.core.ports import ChunkWriter
from holdfast.client.core.root import RootChange
from holdfast.client.repository import Repository, Update
from holdfast.client.stored_file import open_stored


def put_object(
    repository: Repository,
    name: str,
    data: BinaryIO,
    writer: ChunkWriter,
    *,
    time_ns: int,
    metadata: Sequence[Metadatum] = (),
    log: PackLog = NO_PACK_LOG,
) -> Update:
    """Store an object in place of what had its name, or raise ObjectNameError.

    `join` the updates of several puts to commit them together.
    """
    check_object_name(name, metadata)
    keys = repository.keys
    size = 0
    ids = []
    with BlobWriter(keys, repository.index, writer, log=log) as blobs:
        for piece in Cutter(keys.chunking_seed).cut(reader_of(data)):
            ids.append(blobs.add_data(piece))
            size += len(piece)
        content = fold(ids, blobs.add_tree)
        blobs.finish()
    entry = ObjectEntry(name, size, time_ns, content, tuple(metadata))
    change = RootChange(repository.root.generation, objects={name: entry})
    return Update(change, tuple(blobs.records))


def delete_object(repository: Repository, name: str) -> Update:
    """Remove an object, or raise ObjectUnknownError; a prune frees its bytes."""
    stat_object(repository, name)
    return Update(RootChange(repository.root.generation, objects={name: None}))


def stat_object(repository: Repository, name: str) -> ObjectEntry:
    """Return an object's entry, or raise ObjectUnknownError."""
    return find_object(repository.root.objects, name, repository.reader.load)


def objects(repository: Repository, prefix: str = "") -> Iterator[ObjectEntry]:
    """Yield the objects whose names start with `prefix`, in order of name."""
    return list_objects(repository.root.objects, prefix, repository.reader.load)


def open_object(repository: Repository, name: str) -> io.BufferedReader:
    """Open an object to read and seek, or raise ObjectUnknownError."""
    return open_stored(repository.reader, stat_object(repository, name).content)
