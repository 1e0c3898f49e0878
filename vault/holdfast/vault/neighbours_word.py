"""What others keep about a vault: asked over the network, verified by the ledger.

A vault that was away was not there to be told what was certified against it. So its
operator's tools ask those who watch it; without a network the journal must do.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import grpc

from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.errors import LedgerError
from holdfast.ledger.joining import join
from holdfast.ledger.port import Ledger
from holdfast.protocol.answer import Answer
from holdfast.protocol.cases import CASE_FILE, CaseFile
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.faults import MISS_CERTIFICATE, MissCertificate, check_miss
from holdfast.protocol.frozen import frozen
from holdfast.protocol.record import VaultRecord
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.config import VaultDirectory
from holdfast.vault.core.own_record import OwnRecord
from holdfast.vault.record import peer_records
from holdfast.wire import rpc
from holdfast.wire.v1 import network_pb2 as pb
from holdfast.wire.v1.network_pb2_grpc import NetworkStub

PATIENCE_SECONDS: Final = 5.0
ASK_SECONDS: Final = 3.0
NEIGHBOURS_ASKED: Final = 8
CASE_ASKED: Final = 32


@frozen
class Heard:
    """A record with what others know; `answered` of those asked said something."""

    record: OwnRecord
    answered: int
    ledger_reached: bool


async def hear(path: Path, record: OwnRecord) -> Heard:
    """Return the record of the vault in `path` with what the network adds to it."""
    try:
        async with followed(path) as (state, _):
            pass
    except LedgerError:
        return Heard(record, 0, False)
    row = state.row(record.vault)
    misses = {miss.epoch: miss for miss in record.misses}
    answered = 0
    for peer in _watchers(path, state, record.vault, NEIGHBOURS_ASKED):
        request = pb.MissesRequest(vault=record.vault)
        reply = await _ask(peer, "Misses", request)
        if reply is None:
            continue
        answered += 1
        for miss in _verified(reply.misses, state, record.vault):
            misses[miss.epoch] = miss
    known = tuple(misses[epoch] for epoch in sorted(misses, reverse=True))
    whole = replace(record, misses=known, listing=row.listing if row else None)
    return Heard(whole, answered, True)


async def cases_of(
    path: Path, state: LedgerState, vault: VaultId
) -> AsyncIterator[CaseFile]:
    """Yield the cases against a vault that others show; they are not judged."""
    for peer in _watchers(path, state, vault, CASE_ASKED):
        reply = await _ask(peer, "Case", pb.CaseRequest(vault=vault))
        try:
            file = CASE_FILE.decode(reply.file) if reply is not None else None
        except ProtocolError:
            continue
        if file is not None and file.case.vault == vault:
            yield file


@asynccontextmanager
async def followed(path: Path) -> AsyncIterator[tuple[LedgerState, Ledger]]:
    """Give the registry and beacons of the ledger, and the ledger to ask for more.

    Raises LedgerError.
    """
    network = VaultDirectory(path).network()
    ledger = await join(network, PATIENCE_SECONDS)
    try:
        state, after, more = (
            LedgerState(ledger.params, accounts_certify=ledger.accounts_certify),
            0,
            True,
        )
        while more:
            changes = await ledger.sync((), after)
            after, more = changes.upto, changes.more
            epoch = -1 if more else changes.tip.epoch
            news = LedgerNews(after, epoch, changes.beacons, changes.vaults)
            state.absorb(news)
        yield state, ledger
    finally:
        await ledger.close()


async def know_deals(
    state: LedgerState, ledger: Ledger, answers: Sequence[Signed[Answer] | None]
) -> None:
    """Read the deals that answers name, for the keys that sign their heads."""
    shown = [answer for answer in answers if answer is not None]
    named = {proof.entry.deal for answer in shown for proof in answer.value.entries}
    deals = await ledger.deals(tuple(DealId(deal) for deal in sorted(named)))
    state.absorb(LedgerNews(0, -1, deals=deals))


def _watchers(
    path: Path, state: LedgerState, vault: VaultId, count: int
) -> list[VaultRecord]:
    """Return whom to ask: the neighbours now and in the last periods, then others."""
    records = peer_records(path)
    period, now = state.params.period_epochs, state.epoch
    groups = [state.group(vault, now - back * period) for back in range(4)]
    named = dict.fromkeys(member for group in groups for member in group)
    order = [*named, *(one for one in records if one not in named)]
    found = [records[one] for one in order if one in records and one != vault]
    return [record for record in found if record.endpoints][:count]


async def _ask(peer: VaultRecord, method: str, request: object) -> Any:  # noqa: ANN401 # a reply
    try:
        pem = rpc.certificate_pem(peer.certificate)
    except ValueError:
        return None
    channel = rpc.connect(peer.endpoints[0], pem)
    try:
        call = getattr(NetworkStub(channel), method)
        return await call(request, timeout=ASK_SECONDS, metadata=rpc.metadata())
    except (grpc.aio.AioRpcError, grpc.aio.UsageError):
        return None
    finally:
        await channel.close()


def _verified(
    encoded: Sequence[bytes], state: LedgerState, vault: VaultId
) -> list[MissCertificate]:
    found = []
    for data in encoded:
        try:
            miss = MISS_CERTIFICATE.decode(data)
            group = state.group(vault, miss.epoch)
            check_miss(miss, state.network_id, group, state.identities())
        except ProtocolError:
            continue  # whoever shows it is at fault
        if miss.vault == vault:
            found.append(miss)
    return found
