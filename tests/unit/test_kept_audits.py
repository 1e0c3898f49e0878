"""What a vault shows of an audit: all of it, or the certificate alone."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.protocol.checkpoint import (
    CHECKPOINT,
    STORAGE_CERTIFICATE,
    Checkpoint,
    StorageCertificate,
)
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.units import Digest, NetworkId, VaultId
from holdfast.vault import network_service
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.network_service import SHOWN_AT_ONCE, KeptAudits
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


class Reader:
    """One who asked, and reads once `reads` is set."""

    def __init__(self, reads: asyncio.Event) -> None:
        self._reads = reads
        self.sent = b""
        self.is_being_sent = False

    async def write(self, data: bytes) -> None:
        self.is_being_sent = True
        await self._reads.wait()
        self.sent = data


def kept() -> KeptAudits:
    driver, journal, answers = Driver(), Journal(), Answers()
    return KeptAudits(driver, journal, answers)  # type: ignore[arg-type] # stand-ins


def asked(*, certificate_only: bool = False) -> bytes:
    return pb.AuditRequest(
        vault=KEYS.vault_id, epoch=5, certificate_only=certificate_only
    ).SerializeToString()


def shown(*, certificate_only: bool) -> pb.AuditReply:
    async def ask() -> bytes:
        reads = asyncio.Event()
        reads.set()
        reader: Any = Reader(reads)
        await kept().show(asked(certificate_only=certificate_only), reader)
        return bytes(reader.sent)

    return pb.AuditReply.FromString(asyncio.run(ask()))


def test_the_answer_comes_with_the_certificate_unless_it_is_not_wanted() -> None:
    encoded = STORAGE_CERTIFICATE.encode(CERTIFICATE)
    assert shown(certificate_only=False) == pb.AuditReply(
        answer=b"megabytes", certificate=encoded
    )
    assert shown(certificate_only=True) == pb.AuditReply(certificate=encoded)


async def here(call: Callable[..., Any], *words: Any) -> Any:
    """Stand in for a thread, so that it is known how far everybody has come."""
    return call(*words)


def test_few_answers_are_in_memory_however_many_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asyncio, "to_thread", here)

    async def story() -> None:
        audits, reads, at_once = kept(), asyncio.Event(), asyncio.Event()
        readers: list[Any] = [Reader(reads) for _ in range(3 * SHOWN_AT_ONCE)]
        async with asyncio.TaskGroup() as group:
            for reader in readers:
                group.create_task(audits.show(asked(), reader))
            for _ in range(10):
                await asyncio.sleep(0)
            assert sum(one.is_being_sent for one in readers) == SHOWN_AT_ONCE
            at_once.set()
            small: Any = Reader(at_once)
            await audits.show(asked(certificate_only=True), small)
            assert small.sent, "a certificate waits for nobody"
            reads.set()
        assert all(one.sent for one in readers)

    asyncio.run(story())


def test_who_does_not_read_an_answer_makes_room_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        audits = kept()
        monkeypatch.setattr(network_service, "SHOW_SECONDS", 0)
        for _ in range(SHOWN_AT_ONCE + 1):
            reader: Any = Reader(asyncio.Event())
            with pytest.raises(RefusedError, match="not read") as refused:
                await audits.show(asked(), reader)
            assert refused.value.kind is Refusal.EXHAUSTED

    asyncio.run(story())
