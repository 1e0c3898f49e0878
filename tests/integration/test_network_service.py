"""The Network service of a whole vault: whatever peers send, the right status comes."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.values import Beacon, Listing, RegisteredVault
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol import bls
from holdfast.protocol.answer import ANSWER, Answer
from holdfast.protocol.checkpoint import (
    ACKNOWLEDGEMENT,
    CHECKPOINT,
    ENTRIES,
    STORAGE_CERTIFICATE,
    Acknowledgement,
    Entries,
    Entry,
    SignedCheckpoint,
    StandingCheckpoint,
    StorageCertificate,
    checkpoint_of,
)
from holdfast.protocol.keys import NodeKeys, verify
from holdfast.protocol.manifest import HEAD, NO_HEAD
from holdfast.protocol.network import NetworkParams, development_params
from holdfast.protocol.record import VAULT_RECORD, VaultRecord
from holdfast.protocol.settlement import STATEMENT, Statement, Totals
from holdfast.protocol.sums import EMPTY_ROOT
from holdfast.protocol.units import AccountId, DealId, Digest, VaultId
from holdfast.vault.config import Settings, VaultDirectory
from holdfast.vault.network_codec import METHODS
from holdfast.vault.running import Vault
from holdfast.wire import rpc
from holdfast.wire.v1 import network_pb2 as pb
from simulation.fake_data import FakeDeal, open_deal

SERVICE = "/holdfast.v1.Network/"
EPOCH_SECONDS = 3600
CURRENT = 7
PEERS = [NodeKeys(bytes([number]) * 32) for number in range(1, 6)]
NOBODY = AccountId(bytes(20))


@dataclass
class Stage:
    """A running vault and how to call it."""

    vault: Vault
    params: NetworkParams
    channel: grpc.aio.Channel
    deal: FakeDeal

    async def call(self, method: str, message: bytes) -> bytes:
        call: Any = self.channel.unary_unary(SERVICE + method)
        reply: bytes = await call(message, timeout=20, metadata=rpc.metadata())
        return reply

    async def status(self, method: str, message: bytes) -> StatusCode:
        try:
            await self.call(method, message)
        except grpc.aio.AioRpcError as error:
            refused = error
        else:
            return StatusCode.OK
        assert refused.details()
        assert "Traceback" not in str(refused.details())
        return refused.code()


def row(keys: NodeKeys, number: int) -> RegisteredVault:
    return RegisteredVault(
        vault=keys.vault_id,
        number=number,
        identity_key=keys.identity.public,
        bls_key=keys.bls_public,
        account=NOBODY,
        payout=NOBODY,
        stake=1 << 40,
        committed_bytes=0,
        listing=Listing.ACTIVE,
        joined_epoch=0,
        left_epoch=None,
        claimed=0,
        changed=1,
    )


@asynccontextmanager
async def staged(directory: Path) -> AsyncIterator[Stage]:
    """Run a vault in the last quarter of an epoch; its ledger went silent just now."""
    genesis = int(time.time() - (CURRENT + 0.9) * EPOCH_SECONDS)
    params = development_params("stage", genesis, EPOCH_SECONDS)
    identity = await asyncio.to_thread(rpc.make_certificate)
    network = directory / "network.json"
    NetworkFile(params, "127.0.0.1:1", identity.certificate_pem).save(network)
    place = VaultDirectory(directory / "vault")
    keys = place.create(Settings(1 << 30, 1, "127.0.0.1:0"), network)
    vault = Vault(place)
    rows = tuple(row(k, number) for number, k in enumerate((keys, *PEERS)))
    fake = open_deal(1, [k.vault_id for k in PEERS[:4]], 1, 5, 1000)
    fake.grow(params.network_id, [1])
    beacons = tuple(
        Beacon(epoch, Digest(bytes([epoch]) * 32)) for epoch in range(CURRENT + 1)
    )
    state = vault._mirror.state
    state.absorb(LedgerNews(9, CURRENT, beacons, rows, (fake.deal,)))
    state.followed(item.vault for item in rows)
    stop = asyncio.Event()
    running = asyncio.ensure_future(vault.run(stop))
    while (mark := place.running()) is None:
        assert not running.done(), running.exception()
        await asyncio.sleep(0.01)
    vault._driver.ledger_advanced()
    channel = rpc.connect(mark["endpoint"], place.identity().certificate_pem)
    try:
        yield Stage(vault, params, channel, fake)
    finally:
        await channel.close()
        stop.set()
        await running


def on_stage(
    test: Callable[[Stage], Awaitable[None]],
) -> Callable[[Path], None]:
    async def run(directory: Path) -> None:
        async with staged(directory) as stage:
            await test(stage)

    def wrapped(tmp_path: Path) -> None:
        asyncio.run(run(tmp_path))

    wrapped.__name__ = getattr(test, "__name__", "test")
    return wrapped


def entries_of(stage: Stage, index: int = 0) -> Entries:
    return Entries((stage.deal.entry(index),))


def signed_checkpoint(
    stage: Stage, keys: NodeKeys, entries: Entries, epoch: int = CURRENT + 1
) -> SignedCheckpoint:
    value = checkpoint_of(keys.vault_id, epoch, entries)
    return CHECKPOINT.sign(value, stage.params.network_id, keys.identity)


def offer(
    stage: Stage, checkpoint: SignedCheckpoint, entries: Entries
) -> pb.OfferRequest:
    head = stage.deal.head
    assert head
    return pb.OfferRequest(
        checkpoint=CHECKPOINT.encode(checkpoint),
        changed=ENTRIES.encode(entries),
        heads=[HEAD.encode(head)],
    )


@on_stage
async def test_a_good_offer_is_acknowledged_and_its_replay_alike(stage: Stage) -> None:
    entries = entries_of(stage)
    checkpoint = signed_checkpoint(stage, PEERS[0], entries)
    message = offer(stage, checkpoint, entries).SerializeToString()
    reply = pb.OfferReply.FromString(await stage.call("Offer", message))
    value = checkpoint.value
    said = Acknowledgement(value.vault, value.epoch, value.digest())
    verify(
        stage.vault.keys.identity.public,
        ACKNOWLEDGEMENT.message(said, stage.params.network_id),
        reply.signature,
    )
    assert await stage.call("Offer", message) == reply.SerializeToString()
    last = pb.LastCheckpointRequest(vault=value.vault).SerializeToString()
    kept = pb.LastCheckpointReply.FromString(await stage.call("LastCheckpoint", last))
    assert kept.checkpoint == CHECKPOINT.encode(checkpoint)

    other = Entries((replace(entries.items[0], missing=((0, 5),)),))
    second = signed_checkpoint(stage, PEERS[0], other)
    message = offer(stage, second, other).SerializeToString()
    assert await stage.status("Offer", message) is StatusCode.PERMISSION_DENIED


@on_stage
async def test_offers_that_do_not_hold_are_refused_with_their_status(
    stage: Stage,
) -> None:
    async def status(
        checkpoint: SignedCheckpoint, entries: Entries, **changes: Any
    ) -> StatusCode:
        message = offer(stage, checkpoint, entries)
        for name, value in changes.items():
            message.ClearField(name)  # type: ignore[arg-type]
            if value is not None:
                setattr(message, name, value)
        return await stage.status("Offer", message.SerializeToString())

    entries, keys = entries_of(stage), PEERS[0]
    good = signed_checkpoint(stage, keys, entries)
    forged = replace(good, signature=bytes(64))
    assert await status(forged, entries) is StatusCode.PERMISSION_DENIED
    stranger = signed_checkpoint(stage, NodeKeys(b"\x99" * 32), entries)
    assert await status(stranger, entries) is StatusCode.NOT_FOUND
    for epoch in (CURRENT, CURRENT + 2):
        early = signed_checkpoint(stage, keys, entries, epoch)
        assert await status(early, entries) is StatusCode.FAILED_PRECONDITION
    assert await status(good, Entries(())) is StatusCode.INVALID_ARGUMENT
    assert await status(good, entries, heads=None) is StatusCode.PERMISSION_DENIED
    nothing = signed_checkpoint(stage, keys, Entries(()))
    assert await status(nothing, Entries(())) is StatusCode.PERMISSION_DENIED

    not_its_own = signed_checkpoint(stage, PEERS[4], entries)
    assert await status(not_its_own, entries) is StatusCode.PERMISSION_DENIED
    unknown = Entry(DealId(b"\x55" * 32), 0, NO_HEAD, 0, Digest(EMPTY_ROOT.hash), 0, 0)
    both = Entries(tuple(sorted((unknown, *entries.items), key=lambda e: e.deal)))
    dangling = signed_checkpoint(stage, keys, both)
    # The ledger cannot be asked about that deal just now.
    assert await status(dangling, both) is StatusCode.UNAVAILABLE
    assert await status(good, entries, base=b"\x01" * 32) is StatusCode.OK


@on_stage
async def test_answers_out_of_time_and_forged_ones_are_refused(stage: Stage) -> None:
    checkpoint = signed_checkpoint(stage, PEERS[0], Entries(()), CURRENT)
    answer = Answer(CURRENT, StandingCheckpoint(checkpoint, ()), (), ())
    for value, expected in (
        (replace(answer, epoch=CURRENT - 1), StatusCode.FAILED_PRECONDITION),
        (replace(answer, epoch=CURRENT + 1), StatusCode.FAILED_PRECONDITION),
        (answer, StatusCode.PERMISSION_DENIED),
    ):
        signed = ANSWER.sign(value, stage.params.network_id, PEERS[1].identity)
        message = pb.AnswerRequest(answer=ANSWER.encode(signed)).SerializeToString()
        assert await stage.status("Answer", message) is expected


@on_stage
async def test_what_a_committee_is_shown_must_hold(stage: Stage) -> None:
    checkpoint = signed_checkpoint(stage, PEERS[0], Entries(()), 2)
    certificate = StorageCertificate(2, checkpoint, Digest(bytes(32)), ())
    push = pb.CertifyRequest(
        certificates=[STORAGE_CERTIFICATE.encode(certificate)],
        entries=[ENTRIES.encode(Entries(()))],
    )
    status = await stage.status("Certify", push.SerializeToString())
    assert status is StatusCode.PERMISSION_DENIED

    root = Digest(Totals({}, {}).tree().root)
    statement = Statement(stage.params.network_id, 0, root, 0, 0, 0)
    keys = PEERS[2]

    def proposal(statement: Statement, signer: VaultId, counted: bytes = b"") -> bytes:
        signature = bls.sign(keys.bls_secret, statement.digest())
        return pb.SettlementProposal(
            statement=STATEMENT.encode(statement),
            signer=signer,
            signature=signature,
            counted=counted,
        ).SerializeToString()

    assert (
        await stage.status("Propose", proposal(statement, keys.vault_id))
        is StatusCode.OK
    )
    for refused, expected in (
        (proposal(replace(statement, spent_total=1), keys.vault_id), "DENIED"),
        (proposal(statement, PEERS[3].vault_id), "DENIED"),
        (proposal(statement, VaultId(b"\x99" * 32)), "DENIED"),
        (proposal(replace(statement, period=5), keys.vault_id), "PRECONDITION"),
        (proposal(statement, keys.vault_id, b"\x01" * 71), "INVALID"),
    ):
        assert expected in (await stage.status("Propose", refused)).name
    item = PEERS[0].vault_id + (2).to_bytes(8, "big") + bytes(32)
    lacking = pb.SettlementReply.FromString(
        await stage.call("Propose", proposal(statement, keys.vault_id, item))
    )
    assert lacking.lacking == item


@on_stage
async def test_records_are_taken_only_if_signed(stage: Stage) -> None:
    keys = PEERS[3]
    value = VaultRecord(
        keys.identity.public,
        bytes(keys.box.public_key),
        keys.bls_public,
        NOBODY,
        ("127.0.0.1:9",),
        b"",
        1,
        1,
        5,
    )
    good = VAULT_RECORD.sign(value, stage.params.network_id, keys.identity)
    forged = replace(good, value=replace(value, sequence=99))
    for record, known in ((forged, False), (good, True), (forged, True)):
        message = pb.GossipRequest(
            records=[VAULT_RECORD.encode(record)], push_only=True
        )
        await stage.call("Gossip", message.SerializeToString())
        found = stage.vault._node.gossip.record(keys.vault_id)
        assert (found == value) is known
    reply = pb.GossipReply.FromString(await stage.call("Gossip", b""))
    sent = {VAULT_RECORD.decode(r).value.vault for r in reply.records}
    assert sent == {keys.vault_id, stage.vault.keys.vault_id}


@on_stage
async def test_arbitrary_bytes_never_bring_it_down(stage: Stage) -> None:
    dice = random.Random(1)
    good = signed_checkpoint(stage, PEERS[0], entries_of(stage))
    valid = offer(stage, good, entries_of(stage)).SerializeToString()
    allowed = {
        StatusCode.OK,
        StatusCode.INVALID_ARGUMENT,
        StatusCode.PERMISSION_DENIED,
        StatusCode.NOT_FOUND,
        StatusCode.FAILED_PRECONDITION,
    }
    names = [method.name for method in METHODS.values()] + ["Audit"]
    for name in names:
        for size in (0, 1, 7, 100, 5000):
            for _ in range(6):
                status = await stage.status(name, dice.randbytes(size))
                assert status in allowed, (name, status)
                if size >= 100:
                    assert status is StatusCode.INVALID_ARGUMENT
        for _ in range(25):
            damaged = bytearray(valid)
            for _ in range(dice.randint(1, 4)):
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            assert await stage.status(name, bytes(damaged)) in allowed
    too_long = bytes(rpc.MESSAGE_BYTES_MAX + 1)
    assert await stage.status("Answer", too_long) is StatusCode.RESOURCE_EXHAUSTED
    await stage.call("Gossip", b"")


@on_stage
async def test_pages_of_totals_are_not_found_before_the_first_settlement(
    stage: Stage,
) -> None:
    call: Any = stage.channel.unary_stream(SERVICE + "Totals")
    for data, expected in (
        (pb.TotalsRequest(period=3).SerializeToString(), StatusCode.NOT_FOUND),
        (b"\xff" * 40, StatusCode.INVALID_ARGUMENT),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _page in call(data, timeout=10, metadata=rpc.metadata()):
                pass
        assert refused.value.code() is expected


@on_stage
async def test_another_major_version_is_told_so(stage: Stage) -> None:
    call: Any = stage.channel.unary_unary(SERVICE + "Gossip")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(b"", timeout=10, metadata=((rpc.VERSION_KEY, "2.0"),))
    assert refused.value.code() is StatusCode.FAILED_PRECONDITION
    assert "1.0" in str(refused.value.details())
