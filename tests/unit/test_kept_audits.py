"""What a vault shows of an audit: all of it, or the certificate alone."""

import asyncio
from collections.abc import Callable
from typing import Any

from holdfast.protocol.checkpoint import (
    CHECKPOINT,
    STORAGE_CERTIFICATE,
    Checkpoint,
    StorageCertificate,
)
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.units import Digest, NetworkId, VaultId
from holdfast.vault.network_service import KeptAudits
from holdfast.wire.v1 import network_pb2 as pb

KEYS = NodeKeys(b"\1" * 32)
CHECKPOINTED = Checkpoint(KEYS.vault_id, 5, Digest(bytes(32)), 0, 0)
CERTIFICATE = StorageCertificate(
    5,
    CHECKPOINT.sign(CHECKPOINTED, NetworkId(bytes(32)), KEYS.identity),
    Digest(bytes(32)),
    (),
)


class Driver:
    async def saved(self, read: Callable[..., Any], *words: Any) -> Any:
        return read(*words)


class Journal:
    def certificate(self, vault: VaultId, epoch: int) -> StorageCertificate:
        return CERTIFICATE


class Answers:
    def find(self, vault: VaultId, epoch: int) -> bytes:
        return b"megabytes"


def shown(*, certificate_only: bool) -> pb.AuditReply:
    driver, journal, answers = Driver(), Journal(), Answers()
    kept = KeptAudits(driver, journal, answers)  # type: ignore[arg-type] # stand-ins
    request = pb.AuditRequest(
        vault=KEYS.vault_id, epoch=5, certificate_only=certificate_only
    )
    reply = asyncio.run(kept.audit(request.SerializeToString()))
    return pb.AuditReply.FromString(reply)


def test_the_answer_comes_with_the_certificate_unless_it_is_not_wanted() -> None:
    encoded = STORAGE_CERTIFICATE.encode(CERTIFICATE)
    assert shown(certificate_only=False) == pb.AuditReply(
        answer=b"megabytes", certificate=encoded
    )
    assert shown(certificate_only=True) == pb.AuditReply(certificate=encoded)
