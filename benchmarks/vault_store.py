"""How fast one vault takes shards over TLS: MB/s, and CPU seconds per GiB.

python benchmarks/vault_store.py [--mib 1024] [--shard-kib 2048] [--dir DIR]

A client sends shards in one Store stream and proposes a head every 64 MiB. With
fsync (as vaults do) and without, several times; the first turn warms up. Disk
and memory of a shared machine vary: compare the turns.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from holdfast.wire import process

process.prepare(keep_bytes=int(os.environ.get("KEEP_MIB", "8")) << 20, arenas=2)

import vault_data_owner as owners  # noqa: E402 # prepare() comes before numpy
import vault_data_world as stage  # noqa: E402
from holdfast.protocol.chunk import EncodedChunk  # noqa: E402
from holdfast.protocol.deal import Deal, Purpose  # noqa: E402
from holdfast.protocol.manifest import ManifestChange  # noqa: E402
from holdfast.protocol.receipt import RECEIPT  # noqa: E402
from holdfast.vault.disk import PosixDisk  # noqa: E402
from holdfast.wire import frames, rpc  # noqa: E402

HEAD_BYTES = 64 << 20
STEP_SECONDS = 0.02


class LazyDisk(PosixDisk):
    """A disk that makes nothing durable, to see what fsync costs."""

    def sync_file(self, path: str) -> None:
        """Do nothing."""

    def sync_directory(self, path: str) -> None:
        """Do nothing."""


def the_deal(capacity: int) -> Deal:
    return stage.a_deal([stage.vault_keys(0).vault_id], 1, capacity)


# The vault, a process of its own


async def serve(directory: Path, fsync: bool, capacity: int) -> None:
    """Serve until a line comes in; then print what it cost."""
    ledger, peers = stage.DictLedger(), stage.DialledPeers()
    disk = PosixDisk() if fsync else LazyDisk()
    clock = stage.SettableClock()
    vault = stage.RunningVault(0, directory, ledger, peers, clock, 1 << 40, disk=disk)
    ledger.keys[vault.vault] = vault.keys.identity.public
    deal = the_deal(capacity)
    ledger.deals[deal.id] = deal
    await vault.start()
    certificate_file(directory).write_bytes(stage.TLS.certificate_pem)
    process.settle()
    before = cpu_seconds()
    print(vault.server.port, flush=True)
    worst = await longest_stall()
    figures = {
        "cpu": cpu_seconds() - before,
        "peak_rss_mib": round(rss_mib("VmHWM")),
        "rss_mib": round(rss_mib("VmRSS")),
        "worst_stall_ms": round(worst * 1e3, 1),
    }
    print(json.dumps(figures), flush=True)
    await vault.stop()


async def longest_stall() -> float:
    """Return by how much the event loop was ever late, until a line comes in."""
    loop, stop, worst = asyncio.get_running_loop(), asyncio.Event(), 0.0
    loop.add_reader(sys.stdin, stop.set)
    while not stop.is_set():
        began = loop.time()
        await asyncio.wait([asyncio.ensure_future(stop.wait())], timeout=STEP_SECONDS)
        if not stop.is_set():
            worst = max(worst, loop.time() - began - STEP_SECONDS)
    return worst


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def rss_mib(name: str) -> float:
    """Return this program's memory; getrusage would count its parent's peak, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024


def certificate_file(directory: Path) -> Path:
    return directory / "tls.pem"


# The client


async def one_run(
    directory: Path, fsync: bool, chunks: Sequence[EncodedChunk]
) -> dict[str, Any]:
    """Start a vault, upload, stop it; return the figures."""
    held = sum(chunk.header.shard_bytes for chunk in chunks)
    mode = "fsync" if fsync else "lazy"
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--serve", str(directory)),
        *("--mode", mode, "--capacity", str(4 * held)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdin
    assert server.stdout
    port = int(await server.stdout.readline())
    client = await upload(directory, port, chunks, the_deal(4 * held))
    server.stdin.write(b"\n")
    vault = json.loads(await server.stdout.readline())
    await server.wait()
    gib = held / (1 << 30)
    return {
        "fsync": fsync,
        "MB_per_s": round(held / client["seconds"] / 1e6),
        "vault_cpu_s_per_GiB": round(vault.pop("cpu") / gib, 2),
        "client_cpu_s_per_GiB": round(client["cpu"] / gib, 2),
        "propose_s_per_GiB": round(client["proposing"] / gib, 2),
        **vault,
    }


async def upload(
    directory: Path, port: int, chunks: Sequence[EncodedChunk], deal: Deal
) -> dict[str, float]:
    """Send all shards, head by head."""
    stage.TLS = rpc.TlsIdentity(b"", certificate_file(directory).read_bytes())
    ledger, peers = stage.DictLedger(), stage.DialledPeers()
    keys = stage.vault_keys(0)
    ledger.keys[keys.vault_id] = keys.identity.public
    peers.endpoints[keys.vault_id] = f"127.0.0.1:{port}"
    world = stage.DataWorld(ledger, [], peers, stage.SettableClock())
    owner = owners.DealOwner(world, deal)
    line = owner.lines[0]
    call = line.stream(frames.STORE)
    cpu, began, proposing = time.process_time(), time.perf_counter(), 0.0
    await call.write(frames.opening(frames.Authority.GRANT, line.grant(Purpose.WRITE)))
    await owners.read(call)
    per_head = max(HEAD_BYTES // chunks[0].header.shard_bytes, 1)
    for at in range(0, len(chunks), per_head):
        batch = chunks[at : at + per_head]
        async with asyncio.TaskGroup() as group:
            group.create_task(confirmations(call, len(batch)))
            for chunk in batch:
                shard = (chunk.id, chunk.proof(0), chunk.shards[0])
                for frame in frames.shard_frames(*shard):
                    await call.write(frame)
        start = time.perf_counter()
        await acknowledge(owner, batch)
        proposing += time.perf_counter() - start
    await call.done_writing()
    figures = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "proposing": proposing,
    }
    await peers.close()
    return figures


async def confirmations(call: object, count: int) -> None:
    for _ in range(count):
        await owners.read(call)


async def acknowledge(owner: owners.DealOwner, batch: Sequence[EncodedChunk]) -> None:
    (line,) = owner.lines
    change = ManifestChange((), tuple(map(stage.entry_of, batch)))
    head, manifest = owner.following(change)
    reply = await line.propose(head, change, owner.digest)
    receipts = [RECEIPT.decode(reply.receipt)]
    ledger = owner.world.ledger
    await line.acknowledge(stage.full_receipt(head, receipts, ledger, owner.deal))
    owner.head, owner.manifest = head, manifest


async def compare(arguments: argparse.Namespace) -> None:
    shard_bytes = arguments.shard_kib << 10
    count = (arguments.mib << 20) // shard_bytes
    deal = the_deal(1)
    chunks = [stage.a_chunk(os.urandom(shard_bytes), deal) for _ in range(count)]
    for turn in range(arguments.turns):
        for fsync in (True, False):
            directory = Path(tempfile.mkdtemp(dir=arguments.dir))
            try:
                result = await one_run(directory, fsync, chunks)
                print(json.dumps({"turn": turn} | result), flush=True)
            finally:
                shutil.rmtree(directory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--shard-kib", type=int, default=2048)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--dir")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--mode", default="fsync", help=argparse.SUPPRESS)
    parser.add_argument("--capacity", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        fsync = arguments.mode == "fsync"
        asyncio.run(serve(arguments.serve, fsync, arguments.capacity))
    else:
        asyncio.run(compare(arguments))


if __name__ == "__main__":
    main()
