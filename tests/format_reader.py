"""A reader of repositories written from docs/format.md: it uses nothing of Holdfast.

It reads golden files (their form is in tests/golden_repository.py) of holders 0 … k−1,
whose shards one after the other are the ciphertext.
"""

import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import zstandard
from blake3 import blake3
from mnemonic import Mnemonic
from nacl import bindings

MEMO_BYTES = 256


class Bytes:
    """Bytes that are taken from the front."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        self.at += count
        assert self.at <= len(self.data)
        return self.data[self.at - count : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def bytes(self) -> bytes:
        return self.take(self.number(4))

    def prefix(self, kind: int) -> None:
        assert self.take(4) == b"HF" + bytes([kind, 1])


def hkdf(key: bytes, label: str, salt: bytes = b"") -> bytes:
    extracted = hmac.digest(salt or bytes(32), key, "sha256")
    return hmac.digest(extracted, b"holdfast v1 " + label.encode() + b"\1", "sha256")


@dataclass
class Found:
    """A file, or a link, of a snapshot."""

    kind: int
    mode: int
    mtime_ns: int
    target: bytes
    data: bytes


@dataclass
class FormatReader:
    """Reads one golden folder with its 24 words."""

    folder: Path
    words: str
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    places: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.master = bytes(Mnemonic("english").to_entropy(self.words.split()))
        deal = Bytes((self.folder / "deal.bin").read_bytes())
        assert deal.take(4) == b"HF\5\2"
        deal.take(32 + 20)
        nonce, deal_key, k = deal.take(32), deal.take(32), deal.number(1)
        seed = hkdf(self.master, "owner deal", salt=nonce)
        assert bindings.crypto_sign_seed_keypair(seed)[0] == deal_key
        memo = self._read_holders(k)
        self.root = self._read_root(*self._unseal_memo(memo))

    def _read_holders(self, k: int) -> bytes:
        memo = b""
        parts: dict[bytes, bytes] = {}
        lengths: dict[bytes, int] = {}
        for index in range(k):
            file = Bytes((self.folder / f"holder-{index}.bin").read_bytes())
            head = Bytes(file.bytes())
            head.prefix(26)
            head.prefix(24)
            head.take(32 + 8 + 32 + 32)
            count = head.number(4)
            head.take(8)
            memo = head.take(MEMO_BYTES)
            for _ in range(count):
                chunk, length = file.take(32), file.number(4)
                file.bytes()
                parts[chunk] = parts.get(chunk, b"") + file.bytes()
                lengths[chunk] = length
        self.chunks = {chunk: data[: lengths[chunk]] for chunk, data in parts.items()}
        return memo

    def _unseal_memo(self, memo: bytes) -> tuple[bytes, bytes]:
        assert memo[:4] == b"HF" + bytes([65, 1])
        plain = Bytes(
            bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                memo[28:], memo[:4], memo[4:28], hkdf(self.master, "owner memo")
            )
        )
        reference = Bytes(plain.take(plain.number(2)))
        reference.prefix(66)
        reference.number(8)
        return reference.take(32), reference.take(32)

    def pack(self, chunk: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Return the kind of a chunk's blobs, and their ids and bytes."""
        sealed = self.chunks[chunk]
        header, salt, cipher = sealed[:37], sealed[5:37], sealed[4]
        assert sealed[:4] == b"HF" + bytes([64, 1])
        key = hkdf(hkdf(self.master, "owner seal"), "chunk", salt=salt)
        aes = bindings.crypto_aead_aes256gcm_decrypt
        chacha = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt
        opened, nonce = (aes, bytes(12)) if cipher == 1 else (chacha, bytes(24))
        plain = opened(sealed[37:], header, nonce, key)
        size = int.from_bytes(plain[-4:], "big")
        table = Bytes(plain[-4 - size : -4])
        table.prefix(69)
        kind, frames, rows = table.number(1), table.bytes(), table.bytes()
        return kind, list(self._blobs(plain, frames, rows))

    def _blobs(
        self, plain: bytes, frames: bytes, rows: bytes
    ) -> Iterator[tuple[bytes, bytes]]:
        named = struct.iter_unpack(">32sI", rows)
        at = 0
        for encoding, stored, raw_bytes, count in struct.iter_unpack(">BIII", frames):
            raw = plain[at : at + stored]
            if encoding == 1:
                raw = zstandard.ZstdDecompressor().decompress(raw)
            assert len(raw) == raw_bytes
            at += stored
            start = 0
            for _ in range(count):
                blob, length = next(named)
                data = raw[start : start + length]
                key = hkdf(self.master, "owner dedup")
                assert blake3(data, key=key).digest() == blob
                yield blob, data
                start += length

    def _read_root(self, chunk: bytes, blob: bytes) -> dict[bytes, bytes]:
        """Fill `places`; return the first page list of each snapshot, by its id."""
        kind, blobs = self.pack(chunk)
        assert kind == 3
        root = Bytes(dict(blobs)[blob])
        root.prefix(82)
        root.take(16)
        trees = {}
        for _ in range(root.number(4)):
            snapshot = root.take(32)
            trees[snapshot] = self._snapshot(root)
        for _ in range(root.number(4)):
            where, segment = root.take(32), root.take(32)
            root.take(4)
            held = blobs if where == bytes(32) else self.pack(where)[1]
            self._segment(Bytes(dict(held)[segment]))
        return trees

    def _segment(self, segment: Bytes) -> None:
        segment.prefix(71)
        for _ in range(segment.number(4)):
            chunk, _kind, _stored = segment.take(32), segment.take(1), segment.take(4)
            rows = struct.iter_unpack(">32sI", segment.bytes())
            for row, (blob, _length) in enumerate(rows):
                self.places[blob] = (chunk, row)

    def _snapshot(self, root: Bytes) -> bytes:
        root.take(12)
        root.bytes(), root.bytes()
        for _ in range(2):
            for _ in range(root.number(4)):
                root.bytes()
        tree = self._list(root)
        if root.number(1):
            root.take(32)
        root.take(9 * 8)
        root.bytes()
        return tree

    def _list(self, data: Bytes) -> bytes:
        """Return the blobs of a list at depth 0, their ids one after the other."""
        assert data.number(1) == 0
        return data.take(32 * data.number(4))

    def blob(self, blob: bytes) -> bytes:
        """Return a blob's bytes."""
        chunk, row = self.places[blob]
        found, data = self.pack(chunk)[1][row]
        assert found == blob
        return data

    def files(self, ids: bytes, above: bytes = b"") -> Iterator[tuple[bytes, Found]]:
        """Yield path and node of all that is in a directory with these pages."""
        for at in range(0, len(ids), 32):
            page = Bytes(self.blob(ids[at : at + 32]))
            page.prefix(72)
            for _ in range(page.number(4)):
                yield from self._node(page, above)

    def _node(self, page: Bytes, above: bytes) -> Iterator[tuple[bytes, Found]]:
        kind, mode, _, _, mtime_ns, _, size = struct.unpack(
            ">BHIIqqQ", page.take(struct.calcsize(">BHIIqqQ"))
        )
        page.take(8 + 8 + 4 + 8)
        path = above + b"/" + page.bytes()
        page.bytes(), page.bytes()
        target = page.bytes()
        for _ in range(page.number(4)):
            page.bytes(), page.bytes()
        content = self._list(page)
        data = b""
        if kind == 1:
            pieces = range(0, len(content), 32)
            data = b"".join(self.blob(content[at : at + 32]) for at in pieces)
            assert len(data) == size
        yield path, Found(kind, mode, mtime_ns, target, data)
        if kind == 2:
            yield from self.files(content, path)
