"""Making a backup certificate of a snapshot, and reading one from a file."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from holdfast.client.certified_part import Part, part_of
from holdfast.client.core.backup_certificate import (
    SIGNED_CERTIFICATE,
    BackupCertificate,
    CertificateError,
    CertifiedDeal,
    HolderProof,
    SignedCertificate,
    chunks_digest,
    sign_certificate,
    verify_certificate,
)
from holdfast.client.durable_file import write_durably
from holdfast.client.network_errors import NetworkError
from holdfast.client.storage import Storage, View
from holdfast.client.storage_proofs import followed, newest_proofs
from holdfast.client.structure_check import chunks_needed
from holdfast.protocol.checkpoint import StorageCertificate
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import DecodingError, HoldfastError
from holdfast.protocol.receipt import FullReceipt
from holdfast.protocol.units import ChunkId, DealId, Digest, VaultId

_FILE_BYTES_MAX: Final = 1 << 26


class NotWholeError(NetworkError):
    """A snapshot is not wholly held, so nobody may certify that it is."""


class CertificateFileError(HoldfastError):
    """The file of a backup certificate cannot be written or read."""


async def certify(storage: Storage, name: str) -> SignedCertificate:
    """Return the certificate of a snapshot, or of a path, as all stands now.

    `name` is what `part_of` reads, and raises. Also raises NotWholeError if any chunk
    of it is in no deal that has a full receipt, and what reading the repository does.
    """
    book = storage.book
    view = await storage.look()
    repository = await storage.repository(view)
    part = await asyncio.to_thread(part_of, repository, name)
    needed = await asyncio.to_thread(chunks_needed, repository, part.named, part.chosen)
    parts = _by_deal(view, needed)
    deals = {deal: view.manifests[deal][0] for deal in parts}
    receipts = {deal: await _receipt(storage, deals[deal]) for deal in parts}
    ledger = await followed(book.directory)
    holders = [h.vault for deal in deals.values() for h in deal.holders]
    proofs = await newest_proofs(book.directory, ledger, holders)
    keys = ledger.identities()
    stated = _stated(
        storage,
        part,
        ledger.epoch,
        tuple(
            CertifiedDeal(
                deal.nonce,
                deal.k,
                deal.last_epoch(book.directory.params),
                len(parts[deal.id]),
                sum(parts[deal.id].values()),
                chunks_digest(parts[deal.id]),
                receipts[deal.id],
                _proofs(deal, proofs, keys),
            )
            for deal in deals.values()
        ),
    )
    pairs = [book.keys.deal_pair(deal.nonce) for deal in deals.values()]
    signed = sign_certificate(stated, pairs)
    verify_certificate(signed)
    return signed


def _by_deal(
    view: View, needed: frozenset[ChunkId]
) -> dict[DealId, dict[ChunkId, int]]:
    left = set(needed)
    parts: dict[DealId, dict[ChunkId, int]] = {}
    for deal, lengths in view.lengths_by_deal().items():
        here = {chunk: lengths[chunk] for chunk in left & lengths.keys()}
        left -= here.keys()
        if here:
            parts[deal] = here
    if left:
        raise NotWholeError(
            f"{len(left)} chunks of the snapshot are in no deal that answers; "
            "`holdfast check` says why"
        )
    return parts


async def _receipt(storage: Storage, deal: Deal) -> FullReceipt:
    state = await storage.book.state(deal)
    if state.full is None:
        raise NotWholeError(
            f"the holders of deal {deal.id.hex()[:12]} do not show its full receipt"
        )
    return state.full


def _proofs(
    deal: Deal,
    proofs: Mapping[VaultId, StorageCertificate],
    keys: Mapping[VaultId, bytes],
) -> tuple[HolderProof, ...]:
    found = (proofs.get(holder.vault) for holder in deal.holders)
    return tuple(
        HolderProof(proof, tuple(keys[vote.signer] for vote in proof.votes))
        for proof in found
        if proof is not None
    )


def _stated(
    storage: Storage,
    part: Part,
    epoch: int,
    deals: tuple[CertifiedDeal, ...],
) -> BackupCertificate:
    directory = storage.book.directory
    return BackupCertificate(
        directory.network,
        directory.params.name,
        storage.book.account.id,
        int(time.time()),
        epoch,
        Digest(part.named.id),
        part.named.snapshot.time_ns,
        part.files,
        part.bytes_seen,
        deals,
    )


def write_certificate(path: Path, signed: SignedCertificate) -> None:
    """Write a new file; raises CertificateFileError, also if it is there already."""
    try:
        write_durably(path, SIGNED_CERTIFICATE.encode(signed), replace=False)
    except FileExistsError as error:
        raise CertificateFileError(
            f"{path} is there already; name another file"
        ) from error
    except OSError as error:
        raise CertificateFileError(
            f"{path} cannot be written: {error.strerror}"
        ) from error


def read_certificate(path: Path) -> BackupCertificate:
    """Return what a file states if it holds; CertificateFileError, CertificateError."""
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise CertificateFileError(
            f"{path} cannot be read: {error.strerror}"
        ) from error
    if len(data) > _FILE_BYTES_MAX:
        raise CertificateError(f"{path} is far too long for a backup certificate")
    try:
        signed = SIGNED_CERTIFICATE.decode(data)
    except DecodingError as error:
        raise CertificateError(
            f"{path} is not a backup certificate: {error}"
        ) from error
    return verify_certificate(signed)
