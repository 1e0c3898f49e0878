"""A ledger process: book, clock and service, wired in one place."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from holdfast.ledger.clock import keep_time
from holdfast.ledger.core.chain import Entry
from holdfast.ledger.core.rules import Outcome
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.embedded import EmbeddedLedger
from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.identity import tls_identity
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.service import NAME, LedgerService
from holdfast.wire import rpc

ANY_PORT: Final = "127.0.0.1:0"

_log: Final = logging.getLogger(__name__)


async def serve(directory: LedgerDirectory, endpoint: str | None) -> None:
    """Serve a ledger until SIGTERM or SIGINT, or raise LedgerFileError.

    Without an endpoint it listens where it did last time, or on any free port.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    book = directory.open()
    book.listen(_log_entry)
    ledger = EmbeddedLedger(book)
    try:
        async with running(ledger, directory, endpoint) as bound:
            _log.info("serving", extra={"fields": {"endpoint": bound}})
            await _keep_time_until(ledger, stop)
    finally:
        await ledger.close()
    _log.info("stopped")


@asynccontextmanager
async def running(
    ledger: EmbeddedLedger, directory: LedgerDirectory, endpoint: str | None
) -> AsyncIterator[str]:
    """Serve a ledger and publish where; yields "host:port"."""
    before = directory.published()
    bind = endpoint or (before.endpoint if before else ANY_PORT)
    host = bind.rpartition(":")[0]
    identity = tls_identity(directory)
    try:
        server = await rpc.serve(bind, identity, [LedgerService(ledger).add_to], [NAME])
    except OSError as error:
        reason = f"{error}; choose another address with --endpoint"
        raise LedgerFileError(str(directory.path), reason) from error
    try:
        bound = f"{host}:{server.port}"
        seeds = before.seeds if before else ()
        file = NetworkFile(ledger.params, bound, identity.certificate_pem, seeds)
        file.save(directory.network)
        yield bound
    finally:
        ledger.release()
        await server.stop()


async def _keep_time_until(ledger: EmbeddedLedger, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        clock = group.create_task(keep_time(ledger))
        await stop.wait()
        clock.cancel()


def _log_entry(entry: Entry, outcome: Outcome) -> None:
    for event in outcome.events:
        fields = {
            name: value.hex() if isinstance(value, bytes) else value
            for name, value in (
                (field, getattr(event, field)) for field in event.__match_args__
            )
        }
        named = {"sequence": entry.sequence} | fields
        _log.info(type(event).__name__, extra={"fields": named})
