"""The least that an upload must do: a yardstick without deals, receipts and retries.

    python benchmarks/bare_pipeline.py FILE [--k 4] [--n 8] [--runs 3]

A file is cut by its content; each piece is sealed, coded into n shards and hashed in
leaves of 16 KiB; a gRPC stream over TLS takes each shard to a process of its own, which
hashes it again, writes it, makes it durable and says so. MB are 10^6 bytes of the file.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self

from holdfast.wire import process

process.prepare()  # before NumPy is imported

import grpc  # noqa: E402
import numpy as np  # noqa: E402
import pyfastcdc  # noqa: E402
from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: E402
from owner import Spent  # noqa: E402
from proc_figures import cpu_seconds_of, own_cpu_seconds, own_peak_rss_mib  # noqa: E402

from holdfast.protocol import merkle  # noqa: E402
from holdfast.protocol.erasure import codec  # noqa: E402
from holdfast.wire import rpc  # noqa: E402

SERVICE: Final = "bare.Holder"
HEADER: Final = struct.Struct(">32sQ")  # the shard's root, the piece's number
PIECE_BYTES: Final = 4 << 20  # on average; a quarter at least, four times at most
TAG_BYTES: Final = 16
PIECES_AHEAD: Final = 4
THREADS: Final = 4


class BarePipeline:
    """The n processes that take shards, and uploads to them."""

    name = "bare-pipeline"

    def __init__(self, top: Path, k: int = 4, n: int = 8) -> None:
        self._k = k
        self._holders: list[subprocess.Popen[bytes]] = []
        self._top = top
        top.mkdir()
        tls = rpc.make_certificate()
        self._certificate = top / "tls.pem"
        self._certificate.write_bytes(tls.certificate_pem)
        (top / "tls.key").write_bytes(tls.key_pem)
        try:
            self._ports = [self._start(top / f"holder {number}") for number in range(n)]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def store(self, file: Path) -> Spent:
        """Upload a file."""
        before = cpu_seconds_of(self._pids())
        ports = ",".join(map(str, self._ports))
        words = ["--send", str(file), "--ports", ports, "--k", str(self._k)]
        words += ["--certificate", str(self._certificate)]
        command = [sys.executable, __file__, *words]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        found: dict[str, float] = json.loads(done.stdout)
        own = found["cpu_seconds"]
        holders = cpu_seconds_of(self._pids()) - before
        for shard in self._top.glob("holder */*"):
            os.truncate(shard, 0)  # and not deleted: see `retiring`
        print(f"    sender {own:.2f} and holders {holders:.2f} CPU s")
        return Spent(found["seconds"], own + holders, found["peak_rss_mib"])

    def close(self) -> None:
        for holder in self._holders:
            assert holder.stdin
            holder.stdin.close()
        for holder in self._holders:
            holder.wait()

    def _start(self, directory: Path) -> int:
        directory.mkdir()
        command = [sys.executable, __file__, "--hold", str(directory)]
        # It ends when its input does, so that it does not outlive us.
        pipe = subprocess.PIPE
        holder = subprocess.Popen(command, stdin=pipe, stdout=pipe)
        self._holders.append(holder)
        assert holder.stdout
        return int(holder.stdout.readline())

    def _pids(self) -> list[int]:
        return [holder.pid for holder in self._holders]


def hold(directory: Path) -> None:
    """Take shards until the input ends; print the port first."""
    kept = itertools.count()

    def store(messages: Iterator[bytes], _context: object) -> Iterator[bytes]:
        for message in messages:
            root, number = HEADER.unpack_from(message)
            shard = memoryview(message)[HEADER.size :]
            if merkle.data_root(shard) != root:
                raise ValueError("a shard is not what its sender hashed")
            keep(directory / f"{number}.{next(kept)}", shard)
            yield root

    handlers: Any = {"store": grpc.stream_stream_rpc_method_handler(store)}
    server = grpc.server(ThreadPoolExecutor(THREADS))
    service = grpc.method_handlers_generic_handler(SERVICE, handlers)
    server.add_generic_rpc_handlers((service,))
    top = directory.parent
    pair = ((top / "tls.key").read_bytes(), (top / "tls.pem").read_bytes())
    credentials = grpc.ssl_server_credentials([pair])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0)


def keep(path: Path, shard: memoryview) -> None:
    """Write a file and make it durable."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, shard)
        os.fsync(handle)
    finally:
        os.close(handle)


class Line:
    """The stream to one holder: what waits to be sent, and what is not confirmed."""

    def __init__(self, channel: grpc.aio.Channel, room: threading.Semaphore) -> None:
        self._call: Any = channel.stream_stream(f"/{SERVICE}/store")()
        self._room = room
        self.waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._sent: list[bytes] = []

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear())
            while message := await self.waiting.get():
                self._sent.append(message[:32])
                await self._call.write(message)
            await self._call.done_writing()

    async def _hear(self) -> None:
        async for root in self._call:
            assert root == self._sent.pop(0)
            self._room.release()


def pieces(view: memoryview) -> Iterator[memoryview]:
    """Cut a file by its content."""
    sizes = {"min_size": PIECE_BYTES // 4, "max_size": 4 * PIECE_BYTES}
    cutter = pyfastcdc.FastCDC(PIECE_BYTES, normalized_chunking=2, seed=1, **sizes)
    return (piece.data for piece in cutter.cut_buf(view))


def messages(view: memoryview, k: int, n: int) -> Iterator[list[bytes]]:
    """Yield the n messages of each piece of a file."""
    code, key = codec(k, n), AESGCM(os.urandom(32))
    most = 4 * PIECE_BYTES + TAG_BYTES + k
    buffer, parity = (np.empty(most * part // k, np.uint8).data for part in (k, n - k))
    for number, piece in enumerate(pieces(view)):
        length = len(piece) + TAG_BYTES
        size = code.shard_bytes(length)
        nonce = number.to_bytes(12, "big")
        key.encrypt_into(nonce, piece, None, buffer[:length])
        given = (buffer[: k * size], length, parity[: (n - k) * size])
        yield [
            b"".join((HEADER.pack(merkle.data_root(shard), number), shard))
            for shard in code.encode_into(*given)
        ]


async def send(file: Path, ports: list[int], k: int, certificate: bytes) -> None:
    """Upload a file and print what it took."""
    loop, room = (
        asyncio.get_running_loop(),
        threading.Semaphore(PIECES_AHEAD * len(ports)),
    )
    async with contextlib.AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(
                rpc.connect(f"127.0.0.1:{port}", certificate)
            )
            for port in ports
        ]
        for channel in channels:
            await rpc.wait_ready(channel, 10)
        wall, cpu = time.perf_counter(), own_cpu_seconds()
        lines = [Line(channel, room) for channel in channels]

        def produce() -> None:
            with file.open("rb") as source:
                mapped = mmap.mmap(source.fileno(), 0, prot=mmap.PROT_READ)
                for shards in messages(memoryview(mapped), k, len(ports)):
                    for line, shard in zip(lines, shards, strict=True):
                        room.acquire()
                        loop.call_soon_threadsafe(line.waiting.put_nowait, shard)
            for line in lines:
                loop.call_soon_threadsafe(line.waiting.put_nowait, None)

        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(produce))
            for line in lines:
                group.create_task(line.run())
        found = {
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": own_cpu_seconds() - cpu,
            "peak_rss_mib": own_peak_rss_mib(),
        }
    print(json.dumps(found), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--n", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--hold", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--send", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ports", help=argparse.SUPPRESS)
    parser.add_argument("--certificate", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.hold:
        hold(given.hold)
    elif given.send:
        ports = [int(port) for port in given.ports.split(",")]
        asyncio.run(send(given.send, ports, given.k, given.certificate.read_bytes()))
    elif given.file:
        compare(given.file, given.k, given.n, given.runs)
    else:
        parser.error("name a file")


def compare(file: Path, k: int, n: int, runs: int) -> None:
    size = file.stat().st_size
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-bare-") as top,
        BarePipeline(Path(top) / "bare", k, n) as pipeline,
    ):
        for _ in range(runs):
            spent = pipeline.store(file)
            each = spent.cpu_seconds * (1 << 30) / size
            rate = size / spent.seconds / 1e6
            print(f"{rate:.1f} MB/s, {each:.2f} CPU s/GiB", flush=True)


if __name__ == "__main__":
    main()
