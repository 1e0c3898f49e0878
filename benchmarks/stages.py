"""What each stage of an upload and a download costs: CPU seconds per GiB.

    python benchmarks/stages.py [--mib 128] [--turns 3] [--k 4] [--n 8] [--dir DIR]

Every stage runs alone in this process, on fresh random data, with the code that
clients and vaults run; the best of the turns counts, because other programs only
ever add to it. "of" says of what a stage's bytes are: user data, or shards, of which
there are n/k times as many in an upload. The last column is per GiB of user data.
"""

import argparse
import asyncio
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from holdfast.wire import process

process.prepare()  # before NumPy is imported

import grpc  # noqa: E402

from holdfast.client.chunking import Cutter  # noqa: E402
from holdfast.client.core.blobs import BlobKind, blob_id  # noqa: E402
from holdfast.client.core.frames import Framer, compress  # noqa: E402
from holdfast.client.core.pack import Pack, Packer, PackView  # noqa: E402
from holdfast.client.core.seal import (  # noqa: E402
    Sealed,
    preferred_cipher,
    salt_of,
    seal,
    unseal,
)
from holdfast.client.output import table_lines  # noqa: E402
from holdfast.protocol import merkle  # noqa: E402
from holdfast.protocol.chunk import EncodedChunk, check_shard, encode_chunk  # noqa: E402
from holdfast.protocol.erasure import codec  # noqa: E402
from holdfast.protocol.units import DealId  # noqa: E402
from holdfast.vault.disk import PosixDisk  # noqa: E402
from holdfast.vault.shard_files import ShardFiles, verified_hashes  # noqa: E402
from holdfast.wire import frames, rpc  # noqa: E402

GIB: Final = 1 << 30
KEY: Final = bytes(range(32))
DEAL: Final = DealId(bytes(32))
SERVICE: Final = "holdfast.v1.Sink"


@dataclass(frozen=True)
class Cost:
    """One stage: what it cost on how many bytes, and of what those are."""

    side: str
    stage: str
    of: str
    seconds: float
    data_bytes: int
    expansion: float

    def row(self) -> tuple[str, ...]:
        each = self.seconds * GIB / self.data_bytes
        total = each * self.expansion
        return (self.side, self.stage, self.of, f"{each:.3f}", f"{total:.3f}")


class Meter:
    """Runs stages and keeps the least that each cost."""

    def __init__(self) -> None:
        self.costs: dict[tuple[str, str], Cost] = {}

    def note(
        self, side: str, stage: str, seconds: float, data: int, of: str, factor: float
    ) -> None:
        cost = Cost(side, stage, of, seconds, data, factor)
        known = self.costs.get((side, stage))
        if known is None or cost.seconds < known.seconds:
            self.costs[side, stage] = cost

    def each(
        self,
        side: str,
        stage: str,
        data: int,
        call: Callable[..., Any],
        *inputs: Sequence[Any],
        of: str = "user data",
        factor: float = 1,
    ) -> None:
        """Run a stage for each input, keeping nothing: memory is used again."""
        before = cpu_seconds()
        for one in zip(*inputs, strict=True):
            call(*one)
        self.note(side, stage, cpu_seconds() - before, data, of, factor)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def client_stages(meter: Meter, source: Path, k: int, n: int) -> list[EncodedChunk]:
    """Run the client's way from a file to shards; return the chunks."""
    size, side, cutter = source.stat().st_size, "client, up", Cutter(5)

    def cut(keep: Callable[[memoryview], Any]) -> list[Any]:
        with source.open("rb", buffering=0) as file:
            return [keep(view) for view in cutter.cut(file.readinto)]

    meter.each(side, "read and cut", size, cut, [len])
    pieces = cut(bytes)
    ids = [blob_id(KEY, piece) for piece in pieces]
    meter.each(side, "blob ids", size, lambda piece: blob_id(KEY, piece), pieces)
    views = [memoryview(piece) for piece in pieces]
    meter.each(
        side, "copy into frames", size, lambda view: Framer().add(ids[0], view), views
    )
    framer, packer = Framer(), Packer(BlobKind.DATA)
    raws = [r for name, v in zip(ids, views, strict=True) for r in framer.add(name, v)]
    raws += framer.flush()
    meter.each(side, "compress", size, compress, raws)
    packs = [p for raw in raws for p in packer.add(compress(raw))] + packer.flush()
    meter.each(side, "pack", size, lambda pack: pack.plaintext(), packs)
    plain = [pack.plaintext() for pack in packs]

    def salted(pack: Pack) -> bytes:
        return salt_of(KEY, pack.determining())

    salts = list(map(salted, packs))
    meter.each(side, "salt", size, salted, packs)
    cipher = preferred_cipher()

    def sealing(salt: bytes, one: bytes) -> Sealed:
        return seal(KEY, salt, one, cipher)

    meter.each(side, "seal", size, sealing, salts, plain)
    sealed = list(map(sealing, salts, plain))
    code = codec(k, n)
    meter.each(side, "erasure code", size, code.encode, sealed)
    chunks = [encode_chunk(chunk, k, n) for chunk in sealed]
    shards = [shard for chunk in chunks for shard in chunk.shards]
    meter.each(side, "leaf hashes", size, merkle.data_root, shards)
    owned = [(chunk, index) for chunk in chunks for index in range(n)]
    meter.each(side, "wire frames", size, lambda one: list(framed(*one)), owned)
    return chunks


def framed(chunk: EncodedChunk, index: int) -> Iterator[bytes]:
    return frames.shard_frames(chunk.id, chunk.proof(index), chunk.shards[index])


def vault_stages(
    meter: Meter, chunks: list[EncodedChunk], directory: Path, k: int, n: int
) -> None:
    """Run one vault's way from frames to a durable file and back to frames."""
    arrived = [list(framed(chunk, 0)) for chunk in chunks]
    starts = [frames.read_shard(one[0]) for one in arrived]
    parts = [
        (start.part, *(memoryview(more)[1:] for more in one[1:]))
        for start, one in zip(starts, arrived, strict=True)
    ]
    held = sum(chunk.header.shard_bytes for chunk in chunks)
    files = ShardFiles(directory / "shards", PosixDisk())
    names = [chunk.id for chunk in chunks]

    def stage(way: str, name: str, call: Callable[..., Any], *inputs: Any) -> None:  # noqa: ANN401 # lists of anything
        factor = n / k if way == "up" else 1
        side = f"vaults, {way}"
        meter.each(side, name, held, call, *inputs, of="shards", factor=factor)

    proofs = [chunk.proof(0) for chunk in chunks]
    deals = [DEAL] * len(chunks)
    stage("up", "verify", verified_hashes, names, proofs, parts)
    stage("up", "write", files.stage, deals, names, proofs, parts)
    stage("up", "make durable", files.settle, [DEAL], [names])
    stage("down", "read and verify", files.read, deals, names, [0] * len(names))
    bodies = [chunk.shards[0] for chunk in chunks]
    listed = lambda *one: list(frames.shard_frames(*one))  # noqa: E731 # for its stage alone
    stage("down", "wire frames", listed, names, proofs, bodies)
    files.delete_deal(DEAL)


def download_stages(
    meter: Meter, chunks: list[EncodedChunk], target: Path, k: int, n: int
) -> None:
    """Run the client's way from shards to a written file."""
    size = sum(chunk.header.length for chunk in chunks)
    side = "client, down"

    owned = [(chunk, index) for chunk in chunks for index in range(k)]

    def check(one: tuple[EncodedChunk, int]) -> None:
        chunk, index = one
        check_shard(chunk.id, chunk.proof(index), chunk.shards[index])

    def decode(first: int) -> Callable[[EncodedChunk], memoryview]:
        own = range(first, first + k)
        return lambda chunk: codec(k, n).decode(
            {index: chunk.shards[index] for index in own}, chunk.header.length
        )

    def open_pack(one: Sealed) -> list[memoryview]:
        view = PackView(one)
        return [view.blob(row) for row, _ in enumerate(view.table.blobs())]

    meter.each(side, "verify", size, check, owned)
    meter.each(side, "join data shards", size, decode(0), chunks)
    meter.each(side, "(decode from parity)", size, decode(n - k), chunks)
    sealed = [decode(0)(chunk) for chunk in chunks]
    meter.each(side, "unseal", size, lambda one: unseal(KEY, one), sealed)
    plain = [unseal(KEY, one) for one in sealed]
    meter.each(side, "open packs", size, open_pack, plain)
    blobs = [blob for one in plain for blob in open_pack(one)]
    meter.each(side, "blob ids", size, lambda blob: blob_id(KEY, blob), blobs)

    def write() -> None:
        with target.open("wb", buffering=0) as file:
            for blob in blobs:
                file.write(blob)

    meter.each(side, "write files", size, lambda _: write(), [None])
    target.unlink()


async def wire_stage(meter: Meter, chunks: list[EncodedChunk], k: int, n: int) -> None:
    """Run gRPC and TLS, both ends in this process, over one stream."""
    messages = [frame for chunk in chunks for frame in framed(chunk, 0)]
    size = sum(map(len, messages))
    async with sink() as channel:
        for side, factor, path in (
            ("both ends, up", n / k, "Store"),
            ("both ends, down", 1.0, "Fetch"),
        ):
            call: Any = channel.stream_stream(f"/{SERVICE}/{path}")(
                metadata=rpc.metadata()
            )
            before = cpu_seconds()
            if path == "Store":
                for message in messages:
                    await call.write(message)
                await call.done_writing()
                await call.read()
            else:
                Sink.messages = messages
                await call.done_writing()
                while await call.read() is not grpc.aio.EOF:
                    pass
            spent = cpu_seconds() - before
            meter.note(side, "gRPC and TLS", spent, size, "shards", factor)


class Sink:
    """Takes frames, or gives those that it was handed."""

    messages: list[bytes]

    @staticmethod
    async def store(_requests: object, context: Any) -> None:  # noqa: ANN401 # gRPC's
        while await context.read() is not grpc.aio.EOF:
            pass
        await context.write(b"done")

    @staticmethod
    async def fetch(_requests: object, context: Any) -> None:  # noqa: ANN401 # gRPC's
        for message in Sink.messages:
            await context.write(message)


@asynccontextmanager
async def sink() -> AsyncIterator[grpc.aio.Channel]:
    handlers: Any = {
        "Store": grpc.stream_stream_rpc_method_handler(Sink.store),
        "Fetch": grpc.stream_stream_rpc_method_handler(Sink.fetch),
    }
    add = grpc.method_handlers_generic_handler(SERVICE, handlers)
    tls = rpc.make_certificate()
    server = await rpc.serve(
        "127.0.0.1:0", tls, [lambda s: s.add_generic_rpc_handlers((add,))], ()
    )
    channel = rpc.connect(f"127.0.0.1:{server.port}", tls.certificate_pem)
    try:
        await rpc.wait_ready(channel, 10)
        yield channel
    finally:
        await channel.close()
        await server.stop(0)


def measure(mib: int, turns: int, k: int, n: int, top: Path) -> list[Cost]:
    """Return the least cost of each stage, in the order of the way."""
    meter = Meter()
    for _ in range(turns):
        source = top / "random"
        source.write_bytes(os.urandom(mib << 20))
        chunks = client_stages(meter, source, k, n)
        asyncio.run(wire_stage(meter, chunks, k, n))
        vault_stages(meter, chunks, top, k, n)
        download_stages(meter, chunks, top / "restored", k, n)
        source.unlink()
    return list(meter.costs.values())


def report(costs: list[Cost]) -> list[str]:
    """Return the table, with the sum of each side."""
    rows = [cost.row() for cost in costs]
    for way in ("up", "down"):
        total = sum(
            cost.seconds * GIB / cost.data_bytes * cost.expansion
            for cost in costs
            if cost.side.endswith(way) and not cost.stage.startswith("(")
        )
        rows.append((f"all, {way}", "sum", "", "", f"{total:.3f}"))
    head = ("side", "stage", "of", ">CPU s/GiB", ">per user GiB")
    return table_lines(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=128)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--n", type=int, default=8)
    parser.add_argument("--dir")
    given = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=given.dir) as top:
        costs = measure(given.mib, given.turns, given.k, given.n, Path(top))
    print("\n".join(report(costs)))
    print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
