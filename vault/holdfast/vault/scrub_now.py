"""Scrubbing on its operator's order: a vault that runs is asked, another is read here.

What is found damaged or gone is remembered; the vault declares it in its next
checkpoint and rebuilds it from the deal's other holders.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from holdfast.protocol.frozen import frozen
from holdfast.protocol.operator import OPERATOR_REQUEST, OperatorRequest, Order
from holdfast.vault.config import ConfigError, VaultDirectory
from holdfast.vault.disk import PosixDisk
from holdfast.vault.holdings_database import HoldingsDatabase
from holdfast.vault.holdings_journal import HoldingsJournal
from holdfast.vault.holdings_queries import BEFORE_ALL, HoldingsQueries
from holdfast.vault.scrubbing import SHARDS_A_STEP, Progress
from holdfast.vault.shard_files import ShardDamagedError, ShardFiles
from holdfast.wire import rpc
from holdfast.wire.v1 import vault_pb2 as pb
from holdfast.wire.v1.vault_pb2_grpc import VaultStub

Report = Callable[[Progress], None]


@frozen
class Scrubbed:
    """What a whole round found; `missing` counts what was known to be lost, too."""

    progress: Progress
    missing: int
    running: bool

    @property
    def sound(self) -> bool:
        """Whether every shard is there and right."""
        return self.missing == 0

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "verified": self.progress.verified,
            "damaged": self.progress.damaged,
            "missing": self.missing,
            "running": self.running,
        }

    def as_text(self) -> str:
        """Return it for people."""
        looked = self.progress.verified
        text = f"looked at {looked} {'shard' if looked == 1 else 'shards'}: "
        if self.sound:
            return text + "all are there and right"
        known = self.missing - self.progress.damaged
        text += f"{self.missing} damaged or gone"
        text += f", {known} of them known before" if known else ""
        if self.running:
            return text + "; they are declared and rebuilt from the other holders"
        return text + "; start the vault, and it rebuilds them from the other holders"


async def scrub(path: Path, report: Report) -> Scrubbed:
    """Verify every shard of the vault in a directory, telling `report` how far it is.

    Raises ConfigError, JournalError, OSError.
    """
    directory = VaultDirectory(path)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(directory.lock())
        except ConfigError:
            mark = directory.running()
            if mark is None:  # it starts or stops just now, or there is none
                raise
        else:
            return await asyncio.to_thread(scrub_here, path, report)
    return await _ask(directory, str(mark["endpoint"]), report)


async def _ask(directory: VaultDirectory, endpoint: str, report: Report) -> Scrubbed:
    keys, network = directory.keys(), directory.network().network_id
    value = OperatorRequest(keys.vault_id, Order.SCRUB.value, int(time.time()))
    signed = OPERATOR_REQUEST.sign(value, network, keys.identity)
    request = pb.ScrubRequest(request=OPERATOR_REQUEST.encode(signed))
    channel = rpc.connect(endpoint, directory.identity().certificate_pem)
    found: Scrubbed | None = None
    try:
        call = VaultStub(channel).Scrub(request, metadata=rpc.metadata())
        async for reply in call:
            done = Progress(reply.total, reply.verified, reply.damaged)
            found = Scrubbed(done, reply.missing, running=True)
            report(done)
    except grpc.aio.AioRpcError as error:
        text = f"the vault broke off: {error.details()}; what it found is remembered"
        raise ConfigError(text) from error
    finally:
        await channel.close()
    if found is None:
        raise ConfigError("the vault said nothing; look at its log and try again")
    return found


def scrub_here(path: Path, report: Report) -> Scrubbed:
    """Verify every shard of a vault that does not run; it blocks."""
    place = path / "holdings.db"
    if not place.exists():
        return Scrubbed(Progress(0, 0, 0), 0, running=False)
    with contextlib.closing(HoldingsDatabase(place)) as database:
        queries, journal = HoldingsQueries(database), HoldingsJournal(database)
        files = ShardFiles(path / "shards", PosixDisk())
        states, total = queries.restore(), queries.shards()
        lost = {(deal, c) for deal, state in states.items() for c in state.missing}
        known = len(lost)
        at, verified = BEFORE_ALL, 0
        for deal, index, chunk in queries.next_to_scrub(at, total):
            try:
                files.read(deal, chunk, index)
            except ShardDamagedError:
                journal.mark_missing(deal, (chunk,))
                lost.add((deal, chunk))
            verified += 1
            if verified % SHARDS_A_STEP == 0:
                report(Progress(total, verified, len(lost) - known))
    done = Progress(total, verified, len(lost) - known)
    report(done)
    return Scrubbed(done, len(lost), running=False)
