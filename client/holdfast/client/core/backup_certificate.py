"""Backup certificates: a signed statement of who holds a snapshot, judged offline.

The owner names the heads under which a snapshot's chunks lie, and adds what others
signed: each holder's receipt, and the newest storage certificate of each. The key of
every deal that is named signs the whole. Keys prove themselves: a VaultId is the hash
of its key, a DealId that of its owner and nonce, and holders signed for its key.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from holdfast.protocol.checkpoint import (
    CHECKPOINT,
    GROUP_MAX,
    STORAGE_CERTIFICATE,
    VOTE,
    StorageCertificate,
    Vote,
)
from holdfast.protocol.deal import deal_id
from holdfast.protocol.encoding import (
    BYTES20,
    BYTES32,
    BYTES64,
    U8,
    U32,
    U64,
    Format,
    sequence,
    text,
)
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import SigningPair, vault_id, verify
from holdfast.protocol.manifest import HEAD
from holdfast.protocol.receipt import FULL_RECEIPT, RECEIPT, FullReceipt
from holdfast.protocol.units import (
    HOLDERS_MAX,
    AccountId,
    ChunkId,
    Digest,
    NetworkId,
    VaultId,
)

DEALS_MAX: Final = 1024
_NAME_BYTES_MAX: Final = 64


class CertificateError(ProtocolError):
    """A backup certificate does not prove what it says."""


@frozen
class HolderProof:
    """A holder's newest storage certificate, and its voters' keys in their order."""

    certificate: StorageCertificate
    keys: tuple[bytes, ...]


@frozen
class CertifiedDeal:
    """One deal with chunks of the snapshot: how many, their bytes, what covers them.

    `chunks_digest` is that of the chunks' ids (`chunks_digest`), which the owner can
    repeat; `last_epoch` is the first that is not paid.
    """

    nonce: bytes
    k: int
    last_epoch: int
    chunks: int
    chunk_bytes: int
    chunks_digest: Digest
    receipt: FullReceipt
    proofs: tuple[HolderProof, ...] = ()


@frozen
class BackupCertificate:
    """What an owner states of a snapshot at `seconds` since 1970, in `epoch`."""

    network: NetworkId
    network_name: str
    account: AccountId
    seconds: int
    epoch: int
    snapshot: Digest
    snapshot_time_ns: int
    files: int
    bytes_seen: int
    deals: tuple[CertifiedDeal, ...]


@frozen
class SignedCertificate:
    """A certificate and one signature by the key of each of its deals."""

    certificate: BackupCertificate
    signatures: tuple[bytes, ...]


HOLDER_PROOF: Final = Format(
    HolderProof,
    kind=87,
    version=1,
    certificate=STORAGE_CERTIFICATE.nested(),
    keys=sequence(BYTES32, GROUP_MAX),
)
CERTIFIED_DEAL: Final = Format(
    CertifiedDeal,
    kind=88,
    version=1,
    nonce=BYTES32,
    k=U8,
    last_epoch=U64,
    chunks=U32,
    chunk_bytes=U64,
    chunks_digest=BYTES32,
    receipt=FULL_RECEIPT.nested(),
    proofs=sequence(HOLDER_PROOF.bare(), HOLDERS_MAX),
)
BACKUP_CERTIFICATE: Final = Format(
    BackupCertificate,
    kind=89,
    version=1,
    network=BYTES32,
    network_name=text(_NAME_BYTES_MAX),
    account=BYTES20,
    seconds=U64,
    epoch=U64,
    snapshot=BYTES32,
    snapshot_time_ns=U64,
    files=U64,
    bytes_seen=U64,
    deals=sequence(CERTIFIED_DEAL.bare(), DEALS_MAX),
)
SIGNED_CERTIFICATE: Final = Format(
    SignedCertificate,
    kind=90,
    version=1,
    certificate=BACKUP_CERTIFICATE.nested(),
    signatures=sequence(BYTES64, DEALS_MAX),
)


def chunks_digest(chunks: Iterable[ChunkId]) -> Digest:
    """Return SHA-256 of the ids in ascending order."""
    return Digest(hashlib.sha256(b"".join(sorted(chunks))).digest())


def sign_certificate(
    certificate: BackupCertificate, pairs: Iterable[SigningPair]
) -> SignedCertificate:
    """Return it signed; `pairs` are the deals' keys in their order."""
    message = _message(certificate)
    return SignedCertificate(certificate, tuple(p.sign(message) for p in pairs))


def verify_certificate(signed: SignedCertificate) -> BackupCertificate:
    """Return what is stated, or raise CertificateError saying what does not hold.

    Not known offline: whether the ledger has these deals still, and whether the
    voters of the storage certificates were the ones it drew.
    """
    certificate = signed.certificate
    if not certificate.deals or len(signed.signatures) != len(certificate.deals):
        raise CertificateError("it does not have one signature for each of its deals")
    heads = {deal.receipt.head.value.deal for deal in certificate.deals}
    if len(heads) != len(certificate.deals):
        raise CertificateError("it names a deal twice")
    message = _message(certificate)
    for deal, signature in zip(certificate.deals, signed.signatures, strict=True):
        name = deal.receipt.head.value.deal.hex()[:12]
        try:
            verify(deal.receipt.deal_key, message, signature)
            _check_deal(certificate, deal)
        except ProtocolError as error:
            raise CertificateError(f"deal {name}: {error}") from error
    return certificate


def holders_of(deal: CertifiedDeal) -> tuple[VaultId, ...]:
    """Return the vaults that signed for the deal's head, by index."""
    return tuple(receipt.value.vault for receipt in deal.receipt.receipts)


def _message(certificate: BackupCertificate) -> bytes:
    encoded = BACKUP_CERTIFICATE.encode(certificate)
    return b"holdfast signed v1" + certificate.network + encoded


def _check_deal(certificate: BackupCertificate, deal: CertifiedDeal) -> None:
    full, network = deal.receipt, certificate.network
    head = full.head.value
    if deal_id(certificate.account, deal.nonce) != head.deal:
        raise CertificateError("it is not a deal of the account that is named")
    if not 0 < deal.k <= len(full.receipts) == len(full.identities):
        raise CertificateError("its receipts do not make a full receipt")
    if deal.chunks > head.count:
        raise CertificateError("it claims more chunks than its head has")
    HEAD.verify(full.head, network, full.deal_key)
    digest, keys = head.digest(), {}
    for index, signed in enumerate(full.receipts):
        said, key = signed.value, full.identities[index]
        expected = (head.deal, head.sequence, digest, index, vault_id(key))
        if (said.deal, said.sequence, said.head, said.index, said.vault) != expected:
            raise CertificateError(f"receipt {index} is not for its head and holder")
        RECEIPT.verify(signed, network, key)
        keys[said.vault] = key
    if len(keys) != len(full.receipts):
        raise CertificateError("one holder stands twice")
    _check_proofs(deal, network, keys)


def _check_proofs(
    deal: CertifiedDeal, network: NetworkId, keys: dict[VaultId, bytes]
) -> None:
    proved = set()
    for proof in deal.proofs:
        checkpoint = proof.certificate.checkpoint.value
        if checkpoint.vault not in keys or checkpoint.vault in proved:
            raise CertificateError("a proof is not that of a holder, or stands twice")
        proved.add(checkpoint.vault)
        CHECKPOINT.verify(proof.certificate.checkpoint, network, keys[checkpoint.vault])
        _check_votes(proof, network)


def _check_votes(proof: HolderProof, network: NetworkId) -> None:
    certificate = proof.certificate
    value = certificate.checkpoint.value
    signers = [vote.signer for vote in certificate.votes]
    if not signers or len(set(signers)) != len(signers):
        raise CertificateError("a proof has no votes, or a voter votes twice")
    if [vault_id(key) for key in proof.keys] != signers or value.vault in signers:
        raise CertificateError("a proof's keys are not its voters'")
    said = Vote(value.vault, certificate.epoch, value.digest(), certificate.answer)
    message = VOTE.message(said, network)
    for vote, key in zip(certificate.votes, proof.keys, strict=True):
        verify(key, message, vote.signature)
