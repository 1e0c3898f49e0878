"""The owner's byte formats never change: client.json is read, never written."""

import io
import json
import random
from pathlib import Path
from typing import Any, Final

import pytest

from holdfast.client.archive import reader_of
from holdfast.client.chunking import Cutter
from holdfast.client.core.blobs import BLOB_LIST, BlobId, BlobKind, BlobList, blob_id
from holdfast.client.core.index import PackRecord, decode_segment, encode_segments
from holdfast.client.core.memo import MemoReference, seal_memo, unseal_memo
from holdfast.client.core.objects import (
    OBJECT_ENTRY,
    Metadatum,
    ObjectEntry,
    ObjectPage,
)
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.pack import PackView, pack_blobs
from holdfast.client.core.phrase import phrase_from_key
from holdfast.client.core.root import Root, SegmentReference, decode_root, encode_root
from holdfast.client.core.seal import Cipher, preferred_cipher, salt_of, seal, unseal
from holdfast.client.core.snapshot import (
    NAMED_SNAPSHOT,
    Snapshot,
    SnapshotId,
    SnapshotStats,
    name_snapshot,
)
from holdfast.client.core.tree import (
    DirectoryWriter,
    Node,
    NodeKind,
    Xattr,
    decode_page,
)
from holdfast.client.key_file import open_key_file
from holdfast.protocol.units import ChunkId

VECTORS: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "client.json").read_text()
)
KEYS: Final = OwnerKeys(bytes(range(32)))
SALT: Final = bytes(range(100, 132))
PLAINTEXT: Final = b"the plaintext of a chunk"
CHUNK: Final = ChunkId(b"\xcc" * 32)
BLOB: Final = BlobId(b"\xbb" * 32)
LIST: Final = BlobList(1, (BLOB, BlobId(b"\xba" * 32)))
REFERENCE: Final = MemoReference(7, CHUNK, BLOB)
BLOBS: Final = [b"small one", b"", b"compressible " * 12_000]
NODES: Final = [
    Node(
        name=b"caf\xc3\xa9\n\xff",
        kind=NodeKind.FILE,
        mode=0o4755,
        uid=1000,
        gid=100,
        mtime_ns=-1,
        ctime_ns=1_700_000_000_123_456_789,
        size=2**40,
        device=66306,
        inode=12345,
        links=2,
        user="user",
        group="users",
        xattrs=(Xattr(b"user.colour", b"red\0"),),
        content=LIST,
    ),
    Node(name=b"dev", kind=NodeKind.BLOCK_DEVICE, rdev=2049),
    Node(name=b"link", kind=NodeKind.SYMLINK, mode=0o777, target=b"../target"),
]
SNAPSHOT: Final = Snapshot(
    time_ns=1_700_000_000_000_000_000,
    utc_offset_seconds=-3600,
    host="host",
    user="user",
    paths=(b"/home/user", b"/\xff"),
    tags=("daily",),
    tree=LIST,
    parent=SnapshotId(b"\xaa" * 32),
    stats=SnapshotStats(1, 2, 3, 4, 5, 6, 7, 8, 9),
    program="holdfast 0.1.0",
)
NAMED: Final = name_snapshot(KEYS.dedup, SNAPSHOT)
ENTRY: Final = ObjectEntry("name", 3, 4, LIST, (Metadatum("key", "value"),))
RECORD: Final = PackRecord(CHUNK, BlobKind.TREE, 1000, BLOB + (77).to_bytes(4, "big"))
ROOT: Final = Root(
    7, 3, (NAMED,), (SegmentReference(CHUNK, BLOB, 1),), (ObjectPage("a", BLOB),)
)


def directory_page() -> bytes:
    pages: list[bytes] = []

    def keep(page: bytes) -> BlobId:
        pages.append(page)
        return BLOB

    writer = DirectoryWriter(keep)
    for node in NODES:
        writer.add(node)
    writer.finish()
    return pages[0]


def made() -> dict[str, bytes]:
    """All formats whose bytes do not depend on a compressor's version."""
    return {
        "account_secret": KEYS.account_secret,
        "deal_seed": KEYS.deal_seed(b"nonce"),
        "dedup": KEYS.dedup,
        "seal": KEYS.seal,
        "memo_key": KEYS.memo,
        "cache": KEYS.cache,
        "salt_key": KEYS.salt,
        "salt": salt_of(KEYS.salt, [PLAINTEXT]),
        "blob_id": blob_id(KEYS.dedup, PLAINTEXT),
        "sealed_xchacha": bytes(
            seal(KEYS.seal, SALT, PLAINTEXT, Cipher.XCHACHA20_POLY1305)
        ),
        "memo": seal_memo(KEYS.memo, SALT[:24], REFERENCE),
        "blob_list": BLOB_LIST.encode(LIST),
        "segment": next(encode_segments([RECORD])),
        "page": directory_page(),
        "snapshot": NAMED_SNAPSHOT.encode(NAMED),
        "object": OBJECT_ENTRY.encode(ENTRY),
        "root": encode_root(ROOT),
    }


@pytest.mark.parametrize("name", sorted(made()))
def test_the_bytes_are_as_written(name: str) -> None:
    assert made()[name].hex() == VECTORS[name]


def test_every_format_is_read_back() -> None:
    def written(name: str) -> bytes:
        return bytes.fromhex(VECTORS[name])

    assert unseal(KEYS.seal, written("sealed_xchacha")) == PLAINTEXT
    assert unseal_memo(KEYS.memo, written("memo")) == REFERENCE
    assert BLOB_LIST.decode(written("blob_list")) == LIST
    assert decode_segment(written("segment")) == (RECORD,)
    assert decode_page(written("page")) == tuple(NODES)
    assert NAMED_SNAPSHOT.decode(written("snapshot")) == NAMED
    assert OBJECT_ENTRY.decode(written("object")) == ENTRY
    assert decode_root(written("root"), CHUNK) == ROOT


def test_aes_chunks_are_read_on_every_processor() -> None:
    written = bytes.fromhex(VECTORS["sealed_aes"])
    assert unseal(KEYS.seal, written) == PLAINTEXT
    if preferred_cipher() is Cipher.AES_256_GCM:
        assert seal(KEYS.seal, SALT, PLAINTEXT, Cipher.AES_256_GCM) == written


def test_an_old_pack_is_read() -> None:
    view = PackView(bytes.fromhex(VECTORS["pack"]))
    assert [bytes(view.find(blob_id(KEYS.dedup, blob))) for blob in BLOBS] == BLOBS
    (pack,) = pack_blobs(
        BlobKind.DATA, [(blob_id(KEYS.dedup, blob), blob) for blob in BLOBS]
    )
    assert pack.table.rows == view.table.rows


def test_the_cuts_are_as_they_were() -> None:
    data = random.Random(1).randbytes(8 << 20)
    pieces = Cutter(KEYS.chunking_seed).cut(reader_of(io.BytesIO(data)))
    assert [len(piece) for piece in pieces] == VECTORS["cuts"]


def test_the_phrase_is_as_it_was() -> None:
    assert phrase_from_key(KEYS.master) == VECTORS["phrase"]


def test_an_old_key_file_opens(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(VECTORS["key_file"]))
    assert open_key_file(path, "passphrase").master == KEYS.master
