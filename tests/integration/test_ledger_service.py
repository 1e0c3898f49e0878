"""The ledger's service against hostile, broken and absent peers, over real TLS."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.ledger.book import Book
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.core.operations import Faucet, Transfer
from holdfast.ledger.core.values import Applied
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.embedded import EmbeddedLedger
from holdfast.ledger.errors import (
    LedgerAnswerError,
    LedgerFileError,
    LedgerUnreachableError,
    WrongNetworkError,
)
from holdfast.ledger.network_file import NetworkFile, SeedVault
from holdfast.ledger.port import VAULTS_ASKED_MAX
from holdfast.ledger.remote import RemoteAccount, RemoteLedger
from holdfast.ledger.server import running
from holdfast.ledger.service import NAME
from holdfast.protocol.units import NetworkId
from holdfast.wire import rpc
from holdfast.wire.v1 import ledger_pb2 as pb
from ledger_stage import DEVELOPMENT, GENESIS_SECONDS, HandClock, account_key

METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["Ledger"].methods]
REQUESTS = {
    method.name: method.input_type.name
    for method in pb.DESCRIPTOR.services_by_name["Ledger"].methods
}
ALICE, BOB = account_key(1), account_key(2)
TOO_MANY = [bytes(32)] * (VAULTS_ASKED_MAX + 1)


@dataclass
class Served:
    """A ledger that is served, and its file."""

    book: Book
    ledger: EmbeddedLedger
    directory: LedgerDirectory
    file: NetworkFile

    async def connect(self) -> RemoteLedger:
        return await RemoteLedger.join(self.file, patience_seconds=5.0)


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[Served]:
    directory = LedgerDirectory(path / "ledger")
    if not directory.journal.exists():
        directory.create(Genesis(DEVELOPMENT), GENESIS_SECONDS)
    book = directory.open()
    ledger = EmbeddedLedger(book, HandClock())
    try:
        ledger.begin_epoch()
        async with running(ledger, directory, None):
            yield Served(book, ledger, directory, NetworkFile.load(directory.network))
    finally:
        await ledger.close()


Story = Callable[[Served], Awaitable[None]]


def play(path: Path, story: Story) -> None:
    async def run() -> None:
        async with served(path) as place:
            await story(place)

    asyncio.run(run())


async def call_raw(channel: grpc.aio.Channel, method: str, data: bytes) -> bytes:
    """Call a method with bytes as they are."""
    call: Any = channel.unary_unary(f"/{NAME}/{method}")
    reply: bytes = await call(data, timeout=5.0, metadata=rpc.metadata())
    return reply


async def status(channel: grpc.aio.Channel, method: str, data: bytes) -> Any:
    try:
        await call_raw(channel, method, data)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_every_method_answers_random_bytes_and_stays_up(tmp_path: Path) -> None:
    """Bytes that are no message are INVALID_ARGUMENT; none breaks anything."""
    allowed = {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAUTHENTICATED,
    }
    with asyncio.Runner() as runner:
        stage = served(tmp_path)
        place = runner.run(stage.__aenter__())
        channel = runner.run(_open(place.file))

        @settings(
            max_examples=150, deadline=None, suppress_health_check=list(HealthCheck)
        )
        @given(st.sampled_from(METHODS), st.binary(max_size=300))
        def fuzz(method: str, data: bytes) -> None:
            found = runner.run(status(channel, method, data))
            assert found in allowed
            kind = getattr(pb, REQUESTS[method])
            try:
                kind.FromString(data)
            except Exception:  # noqa: BLE001 # protobuf's own error
                assert found == grpc.StatusCode.INVALID_ARGUMENT

        fuzz()
        assert runner.run(status(channel, "Tip", b"")) == grpc.StatusCode.OK
        runner.run(channel.close())
        runner.run(stage.__aexit__(None, None, None))


async def _open(file: NetworkFile) -> grpc.aio.Channel:
    return rpc.connect(file.endpoint, file.certificate)


WELL_FORMED_NONSENSE = {
    "an account of 19 bytes": ("Account", pb.AccountRequest(account=bytes(19))),
    "an owner of 21 bytes": ("DealsOf", pb.DealsOfRequest(owner=bytes(21))),
    "a deal of 31 bytes": ("Deals", pb.DealsRequest(deals=[bytes(31)])),
    "too many deals": ("Deals", pb.DealsRequest(deals=[bytes(32)] * 513)),
    "a vault of 33 bytes": ("DealsHeld", pb.DealsHeldRequest(vaults=[bytes(33)])),
    "too many vaults": ("Sync", pb.SyncRequest(vaults=TOO_MANY)),
    "waiting for years": ("Sync", pb.SyncRequest(wait_seconds=1e9)),
    "waiting for no number": ("Sync", pb.SyncRequest(wait_seconds=float("nan"))),
    "waiting backwards": ("Sync", pb.SyncRequest(wait_seconds=-1.0)),
    "no operation": ("Submit", pb.SubmitRequest(operation=b"nonsense")),
    "nothing at all": ("Submit", pb.SubmitRequest()),
}


@pytest.mark.parametrize("what", WELL_FORMED_NONSENSE)
def test_nonsense_in_a_message_is_an_invalid_argument(
    tmp_path: Path, what: str
) -> None:
    async def story(place: Served) -> None:
        async with rpc.connect(place.file.endpoint, place.file.certificate) as channel:
            method, message = WELL_FORMED_NONSENSE[what]
            found = await status(channel, method, message.SerializeToString())
            assert found == grpc.StatusCode.INVALID_ARGUMENT
            assert await status(channel, "Tip", b"") == grpc.StatusCode.OK

    play(tmp_path, story)


def test_numbers_at_their_limits_are_answered(tmp_path: Path) -> None:
    async def story(place: Served) -> None:
        async with rpc.connect(place.file.endpoint, place.file.certificate) as channel:
            huge = (1 << 64) - 1
            for method, message in (
                ("Beacons", pb.BeaconsRequest(first_epoch=huge)),
                ("Registry", pb.RegistryRequest(after=huge)),
                ("Committee", pb.CommitteeRequest(period=huge)),
                ("DealsHeld", pb.DealsHeldRequest(after=huge)),
                ("Sync", pb.SyncRequest(after=huge)),
                ("DealsOf", pb.DealsOfRequest(owner=bytes(20), skip=(1 << 32) - 1)),
            ):
                found = await status(channel, method, message.SerializeToString())
                assert found == grpc.StatusCode.OK, method

    play(tmp_path, story)


def test_an_oversized_message_is_refused_and_the_next_is_served(
    tmp_path: Path,
) -> None:
    async def story(place: Served) -> None:
        credentials = grpc.ssl_channel_credentials(place.file.certificate)
        options = (
            ("grpc.ssl_target_name_override", rpc.TLS_NAME),
            ("grpc.max_send_message_length", 64 << 20),
        )
        async with grpc.aio.secure_channel(
            place.file.endpoint, credentials, options=options
        ) as channel:
            huge = bytes(rpc.MESSAGE_BYTES_MAX + 1)
            found = await status(channel, "Submit", huge)
            assert found == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert await status(channel, "Tip", b"") == grpc.StatusCode.OK

    play(tmp_path, story)


def test_health_and_an_unknown_method_answer_as_grpc_says(tmp_path: Path) -> None:
    async def story(place: Served) -> None:
        async with rpc.connect(place.file.endpoint, place.file.certificate) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            reply = await stub.Check(
                health_pb2.HealthCheckRequest(service=NAME), timeout=5.0
            )
            assert reply.status == health_pb2.HealthCheckResponse.SERVING
            found = await status(channel, "Nothing", b"")
            assert found == grpc.StatusCode.UNIMPLEMENTED

    play(tmp_path, story)


def test_a_ledger_that_is_not_there_is_said_to_be_unreachable(tmp_path: Path) -> None:
    async def story(place: Served) -> None:
        file = replace(place.file, endpoint="127.0.0.1:1")
        with pytest.raises(LedgerUnreachableError, match="does not answer"):
            await RemoteLedger.join(file, patience_seconds=0.5)

    play(tmp_path, story)


def test_a_ledger_with_another_certificate_is_not_trusted(tmp_path: Path) -> None:
    async def story(place: Served) -> None:
        other = rpc.make_certificate().certificate_pem
        with pytest.raises(LedgerUnreachableError):
            await RemoteLedger.connect(place.file.endpoint, other, patience_seconds=0.5)

    play(tmp_path, story)


def test_a_ledger_of_another_network_is_refused(tmp_path: Path) -> None:
    async def story(place: Served) -> None:
        wanted = NetworkId(bytes(32))
        with pytest.raises(WrongNetworkError, match="network file"):
            await RemoteLedger.connect(
                place.file.endpoint, place.file.certificate, wanted
            )

    play(tmp_path, story)


def test_a_peer_of_another_version_gets_a_clear_refusal(tmp_path: Path) -> None:
    async def story(place: Served) -> None:
        async with rpc.connect(place.file.endpoint, place.file.certificate) as channel:
            call: Any = channel.unary_unary(f"/{NAME}/Tip")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(b"", timeout=5.0, metadata=((rpc.VERSION_KEY, "2.0"),))
            assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
            assert "version '2.0'" in (caught.value.details() or "")

    play(tmp_path, story)


def test_an_answer_that_is_none_is_said_to_be_one() -> None:
    """Another service at the ledger's address."""

    async def run() -> None:
        identity = rpc.make_certificate()
        server = await rpc.serve("127.0.0.1:0", identity, [], [])
        try:
            with pytest.raises(LedgerAnswerError, match="same version"):
                await RemoteLedger.connect(
                    f"127.0.0.1:{server.port}", identity.certificate_pem
                )
        finally:
            await server.stop()

    asyncio.run(run())


class Wire:
    """A wire between a client and the ledger that can be cut at any instant."""

    def __init__(self, endpoint: str) -> None:
        self._target = endpoint.split(":")
        self._server: asyncio.Server | None = None
        self._ends: list[asyncio.StreamWriter] = []
        self.whole = True

    async def lay(self) -> str:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        self.whole = False
        for end in self._ends:
            end.transport.abort()

    async def remove(self) -> None:
        self.cut()
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not self.whole:
            writer.transport.abort()
            return
        host, port = self._target
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        self._ends += [writer, far_writer]
        await asyncio.gather(
            self._carry(reader, far_writer), self._carry(far_reader, writer)
        )

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()


def test_an_operation_whose_answer_was_lost_is_applied_once(tmp_path: Path) -> None:
    """The wire breaks when the transfer is durable and its answer has not left."""

    async def story(place: Served) -> None:
        wire = Wire(place.file.endpoint)
        remote = await RemoteLedger.connect(
            await wire.lay(), place.file.certificate, patience_seconds=3.0
        )
        account = remote.open_account(ALICE)
        await account.submit(Faucet())
        place.book.listen(lambda _entry, _outcome: wire.cut())
        wish = Transfer(BOB.id, 5)
        with pytest.raises(LedgerUnreachableError):
            await account.submit(wish)
        assert (await place.ledger.account(BOB.id)).balance == 5
        wire.whole = True
        applied = await _submitted(account, wish)
        assert applied.sequence == (await place.ledger.tip()).sequence
        assert (await place.ledger.account(BOB.id)).balance == 5
        await remote.close()
        await wire.remove()

    play(tmp_path, story)


async def _submitted(account: RemoteAccount, wish: Transfer) -> Applied:
    """Submit as a person would who was told that nobody answers: again."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(LedgerUnreachableError):
                return await account.submit(wish)


def test_a_served_ledger_comes_back_at_its_old_address_with_its_seeds(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        async with served(tmp_path) as place:
            seed = SeedVault("127.0.0.1:9", b"PEM\n")
            first = replace(place.file, seeds=(seed,))
            first.save(place.directory.network)
            remote = await place.connect()
        async with served(tmp_path) as place:
            assert place.file == first
            assert (await remote.tip()).epoch == 0
            await remote.close()

    asyncio.run(run())


def test_an_address_in_use_is_said_to_be_so(tmp_path: Path) -> None:
    async def story(place: Served) -> None:
        other = LedgerDirectory(tmp_path / "other")
        other.create(Genesis(DEVELOPMENT), GENESIS_SECONDS)
        with pytest.raises(LedgerFileError, match="--endpoint"):
            async with running(place.ledger, other, place.file.endpoint):
                pass

    play(tmp_path, story)


def test_who_waits_for_news_does_not_keep_the_ledger_from_stopping(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        async with served(tmp_path) as place:
            remote = await place.connect()
            upto = (await remote.tip()).sequence
            waiting = asyncio.create_task(remote.sync((), upto, 60.0))
            while not place.ledger.waiting:
                await remote.tip()
        news = await asyncio.wait_for(waiting, 5.0)
        assert news.beacons == ()
        await remote.close()

    asyncio.run(run())
