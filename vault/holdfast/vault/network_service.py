"""The Network service over gRPC: peers' messages go to the core, its replies back.

Messages are parsed here and not by gRPC, so that arbitrary bytes are answered
with INVALID_ARGUMENT; large ones are parsed in a thread.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import grpc

from holdfast.protocol.checkpoint import STORAGE_CERTIFICATE
from holdfast.protocol.units import VaultId
from holdfast.vault.answer_files import AnswerFiles
from holdfast.vault.audit_journal import AuditJournal
from holdfast.vault.core import messages as m
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.driver import Driver
from holdfast.vault.handlers import (
    Context,
    Handler,
    one_to_many,
    one_to_one,
    one_to_written,
)
from holdfast.vault.network_calls import SERVICE
from holdfast.vault.network_codec import METHODS, totals_pages
from holdfast.vault.network_method import Method
from holdfast.wire.v1 import network_pb2 as pb

NAMES: Final = (SERVICE,)
SMALL_BYTES: Final = 64 << 10
EPOCH_MAX: Final = (1 << 63) - 1
SHOWN_AT_ONCE: Final = 16
SHOW_SECONDS: Final = 900.0


def add_network_service(
    server: grpc.aio.Server,
    driver: Driver,
    journal: AuditJournal,
    answers: AnswerFiles,
) -> None:
    """Add the Network service to a server."""
    kept = KeptAudits(driver, journal, answers)
    handlers = {method.name: _asking(driver, method) for method in METHODS.values()} | {
        # One message; so the handler knows when it is out.
        "Audit": one_to_written(kept.show),
        "Totals": one_to_many(kept.totals),
    }
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, handlers),)
    )


class KeptAudits:
    """Answers for auditors, certificates and totals: what the disk has."""

    def __init__(
        self, driver: Driver, journal: AuditJournal, answers: AnswerFiles
    ) -> None:
        self._driver = driver
        self._journal = journal
        self._answers = answers
        self._showing = asyncio.Semaphore(SHOWN_AT_ONCE)

    async def show(self, data: bytes, context: Context) -> None:
        """Send what is kept of one audit, to few at once.

        An answer is in memory until its reader has it, and a committee asks together.
        """
        request = pb.AuditRequest.FromString(data)
        if request.certificate_only:
            await context.write(await self.audit(request))
            return
        try:
            async with self._showing, asyncio.timeout(SHOW_SECONDS):
                await context.write(await self.audit(request))
        except TimeoutError as error:
            text = f"the answer was not read within {SHOW_SECONDS:.0f} s"
            raise RefusedError(Refusal.EXHAUSTED, text) from error

    async def audit(self, request: pb.AuditRequest) -> bytes:
        """Return the answer and the certificate of one audit, as far as kept."""
        if len(request.vault) != 32 or request.epoch > EPOCH_MAX:
            raise RefusedError(Refusal.INVALID, "no such vault or epoch can be")
        vault, epoch = VaultId(request.vault), request.epoch
        answer = None
        if not request.certificate_only:
            answer = await asyncio.to_thread(self._answers.find, vault, epoch)
        kept = await self._driver.saved(self._journal.certificate, vault, epoch)
        if answer is None and kept is None:
            text = "nothing is kept of that audit here"
            raise RefusedError(Refusal.UNKNOWN, text)
        certificate = STORAGE_CERTIFICATE.encode(kept) if kept else b""
        reply = pb.AuditReply(answer=answer or b"", certificate=certificate)
        return reply.SerializeToString()

    async def totals(self, data: bytes) -> AsyncGenerator[bytes, None]:
        """Stream the totals of a settlement."""
        request = pb.TotalsRequest.FromString(data)
        found = await self._totals(request.period)
        for page in await asyncio.to_thread(list, totals_pages(found)):
            yield page.SerializeToString()

    async def _totals(self, period: int) -> Any:  # noqa: ANN401 # Totals
        if period > EPOCH_MAX:
            raise RefusedError(Refusal.INVALID, "no such period can be")
        try:
            reply = await self._driver.ask(m.AskTotals(period))
        except RefusedError:
            found = await self._driver.saved(self._journal.totals, period)
            if found is None:
                raise
            return found
        assert isinstance(reply, m.TotalsOf)
        return reply.totals


def _asking(driver: Driver, method: Method) -> Handler:
    def read(data: bytes) -> m.Request:
        return method.read_request(method.request.FromString(data))

    async def ask(data: bytes, _context: Context) -> bytes:
        small = len(data) <= SMALL_BYTES
        request = read(data) if small else await asyncio.to_thread(read, data)
        reply = await driver.ask(request)
        return method.write_reply(reply).SerializeToString()

    return one_to_one(ask)
