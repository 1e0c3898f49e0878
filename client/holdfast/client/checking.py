"""Checking all that an owner stored: who holds it, who proved it, does it read.

Nothing is changed and nothing is believed: receipts, certificates, manifests, trees
and blobs are verified here.
"""

import asyncio
import os
from collections.abc import Mapping
from typing import Final

from holdfast.client.core.deal_state import DealState
from holdfast.client.core.errors import ChunkUnavailableError
from holdfast.client.core.soundness import (
    DealCheck,
    Finding,
    HolderCheck,
    Kind,
    Verdict,
    findings_of,
    terms_of,
)
from holdfast.client.core.subset import Subset, choose
from holdfast.client.network_errors import DealUnreadableError
from holdfast.client.read_check import OnRead, ReadCheck, check_data
from holdfast.client.repository import Repository
from holdfast.client.storage import Storage, View
from holdfast.client.storage_proofs import followed, newest_proofs
from holdfast.client.structure_check import OnFiles, StructureCheck, check_structure
from holdfast.protocol.checkpoint import StorageCertificate
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import ChunkId, VaultId

_RECEIPT_EPOCHS: Final = 2
"""So much later, no neighbour acknowledges a checkpoint with an older head (§7)."""


@frozen
class Telling:
    """Who hears of files looked at, and of bytes read of how many."""

    files: OnFiles
    read: OnRead


@frozen
class CheckReport:
    """What a check found; `structure` is None when the newest state cannot be read.

    `unneeded_bytes` of ciphertext are in deals though nothing needs them any more.
    """

    epoch: int
    deals: tuple[DealCheck, ...]
    structure: StructureCheck | None
    read: ReadCheck | None
    unneeded_bytes: int
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all findings."""
        return max((f.kind.verdict for f in self.findings), default=Verdict.SOUND)

    @property
    def losses_survived(self) -> int | None:
        """How many holders any deal that is needed can lose; None without deals."""
        return min((d.losses_survived for d in self.deals if d.chunks), default=None)


async def check(storage: Storage, read: Subset | None, tell: Telling) -> CheckReport:
    """Look at every deal, tree and receipt, and read the `read` part of the data.

    Raises NoSeedAnswersError or LedgerError when nobody can be asked at all.
    """
    book = storage.book
    ledger = await followed(book.directory)
    epoch, params = ledger.epoch, book.directory.params
    deals = [d for d in await book.deals() if epoch < d.collectable_epoch(params)]
    ask = (book.state(deal, everybody=True) for deal in deals)
    states = await asyncio.gather(*ask)
    answering = {s.deal.holders[i].vault for s in states for i in s.answered}
    proofs = await newest_proofs(book.directory, ledger, answering)
    view = await storage.look()
    repository, error = await _repository(storage, view)
    structure = data = None
    if repository is not None:
        structure = await asyncio.to_thread(
            check_structure, repository, view.lengths().keys(), tell.files
        )
        if read is not None:
            data = await _read(repository, view.lengths(), read, tell.read)
    needed = repository.needed_chunks() if repository else None
    checks = tuple(
        _deal_check(state, view, needed, proofs, storage) for state in states
    )
    terms = terms_of(params, epoch)
    found = [finding for each in checks for finding in findings_of(each, terms)]
    found += _of_content(error, structure, data)
    spare = 0 if needed is None else _unneeded(view.lengths(), needed)
    found.sort(key=lambda finding: finding.kind)
    return CheckReport(epoch, checks, structure, data, spare, tuple(found))


async def _repository(storage: Storage, view: View) -> tuple[Repository | None, str]:
    try:
        return await storage.repository(view), ""
    except (ChunkUnavailableError, DealUnreadableError, ProtocolError) as error:
        return None, str(error)


async def _read(
    repository: Repository, lengths: dict[ChunkId, int], subset: Subset, tell: OnRead
) -> ReadCheck:
    wanted = repository.needed_chunks() & lengths.keys()
    known = {chunk: lengths[chunk] for chunk in sorted(wanted)}
    chosen = choose(known, subset, os.urandom(16))
    return await asyncio.to_thread(check_data, repository, chosen, known, tell)


def _deal_check(
    state: DealState,
    view: View,
    needed: frozenset[ChunkId] | None,
    proofs: Mapping[VaultId, StorageCertificate],
    storage: Storage,
) -> DealCheck:
    deal, params = state.deal, storage.book.directory.params
    listing = view.manifests.get(deal.id)
    chunks = listing[1].positions.keys() if listing else frozenset()
    head = state.head.value if state.head else None
    return DealCheck(
        deal=deal,
        last_epoch=deal.last_epoch(params),
        sequence=state.sequence,
        held_bytes=head.held_bytes if head else 0,
        chunks=head.count if head else 0,
        listed=listing is not None,
        needed=None if needed is None else len(needed & chunks),
        holders=tuple(
            _holder_check(state, index, proofs, storage) for index in range(deal.n)
        ),
    )


def _holder_check(
    state: DealState,
    index: int,
    proofs: Mapping[VaultId, StorageCertificate],
    storage: Storage,
) -> HolderCheck:
    vault = state.deal.holders[index].vault
    proof = proofs.get(vault)
    record = storage.book.directory.record(vault)
    covers = proof is not None and (
        state.full is None
        or proof.checkpoint.value.epoch >= state.full.latest_epoch() + _RECEIPT_EPOCHS
    )
    return HolderCheck(
        index,
        vault,
        index in state.answered,
        index in state.informed,
        proof.epoch if proof else None,
        covers,
        record.endpoints[0] if record and record.endpoints else "",
    )


def _of_content(
    error: str, structure: StructureCheck | None, data: ReadCheck | None
) -> list[Finding]:
    if structure is None:
        text = f"the newest list of snapshots cannot be read: {error}"
        return [Finding(Kind.STATE_UNREADABLE, text)]
    found = []
    if structure.missing:
        text = f"{len(structure.missing):,} chunks that are needed are in no deal"
        found.append(Finding(Kind.CHUNKS_MISSING, text))
    for loss in structure.losses:
        path = os.fsdecode(loss.path)
        text = f"{loss.within[:12]}:{path}: {loss.reason}"
        found.append(Finding(_kind(loss.damaged), text))
    for bad in data.bad if data else ():
        text = f"chunk {bad.chunk.hex()[:12]}: {bad.reason}"
        found.append(Finding(_kind(bad.damaged), text))
    return found


def _kind(damaged: bool) -> Kind:
    return Kind.DAMAGED if damaged else Kind.DATA_UNREADABLE


def _unneeded(lengths: Mapping[ChunkId, int], needed: frozenset[ChunkId]) -> int:
    return sum(length for chunk, length in lengths.items() if chunk not in needed)
