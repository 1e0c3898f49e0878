"""Steps of stories about a repository in a network of one dictionary."""

import io

from backup_owner import KEYS, Owner
from holdfast.client.core.blobs import BlobList
from holdfast.client.core.snapshot import (
    NamedSnapshot,
    Snapshot,
    SnapshotStats,
    name_snapshot,
)
from holdfast.client.object_store import (
    put_object,
)
from holdfast.client.repository import Repository, Update


def commit(owner: Owner, update: Update) -> Repository:
    made = owner.repository.commit(update, owner.chunks)
    owner.memo = made.memo
    return made.repository


def put(owner: Owner, name: str, data: bytes) -> Update:
    return put_object(owner.repository, name, io.BytesIO(data), owner.chunks, time_ns=1)


def drop_garbage(owner: Owner) -> None:
    needed = owner.repository.needed_chunks()
    assert needed <= owner.chunks.held.keys()
    for chunk in owner.chunks.held.keys() - needed:
        del owner.chunks.held[chunk]


def snapshot(number: int) -> NamedSnapshot:
    return name_snapshot(
        KEYS.dedup,
        Snapshot(
            time_ns=number,
            utc_offset_seconds=-3600,
            host="host",
            user="user",
            paths=(b"/path",),
            tags=("tag",),
            tree=BlobList(),
            parent=None,
            stats=SnapshotStats(files=number),
            program="holdfast test",
        ),
    )
