"""Costs that need no network: one audit, and operations on the ledger."""

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from audit_evidence import Shown
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.core.operations import Faucet, Transfer
from holdfast.ledger.core.questions import question_of
from holdfast.ledger.embedded import EmbeddedLedger
from holdfast.ledger.sqlite import create_book
from holdfast.protocol import merkle
from holdfast.protocol.chunk import encode_chunk
from holdfast.protocol.judgement import fault_of
from holdfast.protocol.network import development_params
from holdfast.protocol.units import DealId
from holdfast.vault.disk import PosixDisk
from holdfast.vault.shard_files import ShardFiles

LEAVES: Final = 256
SHARDS: Final = 32
SHARD_BYTES: Final = 2 << 20
DEAL: Final = DealId(bytes(32))


def said(program: Path, *words: str) -> list[dict[str, Any]]:
    """Return the JSON in the last line that a benchmark prints."""
    command = [sys.executable, str(program), *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def audit_cpu_seconds(directory: Path) -> dict[str, float]:
    """Return what one audit costs whom at the worst: each leaf in another shard.

    A leaf is proved from its whole shard of 2 MiB, so that is what is read 256
    times; how much else a vault holds does not matter. A neighbour verifies an
    answer to a question of this network.
    """
    files = ShardFiles(directory, PosixDisk())
    chunks = [encode_chunk(os.urandom(SHARD_BYTES), 1, 1) for _ in range(SHARDS)]
    files.keep(DEAL, [(c.id, c.proof(0), c.shards[0]) for c in chunks])
    began = _cpu_seconds()
    for number in range(LEAVES):
        shard = files.read(DEAL, chunks[number % SHARDS].id, 0)
        merkle.Tree(shard.hashes).path(number % len(shard.hashes))
    answering = _cpu_seconds() - began
    shutil.rmtree(directory)
    shown = Shown()
    answer = shown.answer()
    question = question_of(shown.parties.ledger, answer.value)
    assert question
    began = _cpu_seconds()
    assert fault_of(answer, question) is None
    verifying = _cpu_seconds() - began
    return {"answer_cpu_seconds": answering, "verify_cpu_seconds": verifying}


def ledger_operations_per_second(path: Path, count: int = 500) -> float:
    """Return how many signed transfers a ledger in a file takes in one second."""
    path.unlink(missing_ok=True)
    rate = asyncio.run(_transfers(path, count))
    path.unlink()
    return rate


async def _transfers(path: Path, count: int) -> float:
    now = int(time.time())
    params = development_params("benchmark", now, 3600)
    ledger = EmbeddedLedger(create_book(path, Genesis(params), now))
    ledger.begin_epoch()
    sender = ledger.open_account(AccountKey.from_secret(b"\1" * 32))
    taker = ledger.open_account(AccountKey.from_secret(b"\2" * 32))
    await sender.submit(Faucet())
    began = time.perf_counter()
    for _ in range(count):
        await sender.submit(Transfer(taker.id, 1))
    rate = count / (time.perf_counter() - began)
    await ledger.close()
    return rate


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
