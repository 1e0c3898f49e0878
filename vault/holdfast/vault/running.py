"""One vault process, put together: opened, served, kept in order, closed."""

import asyncio
import logging
import signal
import time
from collections.abc import Sequence
from typing import Final

from holdfast.ledger.network_file import SeedVault
from holdfast.protocol.checkpoint import Entry
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.record import SignedRecord
from holdfast.protocol.repair import SignedSiblingRequest
from holdfast.protocol.takeover import SignedTakeoverRequest
from holdfast.protocol.units import GIB
from holdfast.vault import network_service, vault_service
from holdfast.vault.announcer import Announcer
from holdfast.vault.answer_files import AnswerFiles
from holdfast.vault.audit_journal import AuditJournal
from holdfast.vault.config import ConfigError, Settings, VaultDirectory
from holdfast.vault.core.events import RecordMade
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.node import Node
from holdfast.vault.core.takeover_check import TakeoverLeave
from holdfast.vault.data_side import DataSide, World
from holdfast.vault.driver import Driver, Surroundings
from holdfast.vault.enrolment import Enrolment
from holdfast.vault.ledger_mirror import LedgerMirror
from holdfast.vault.network_calls import NetworkCalls
from holdfast.vault.network_service import add_network_service
from holdfast.vault.peers import PeerChannels
from holdfast.vault.standing import Standing
from holdfast.vault.vault_service import add_vault_services
from holdfast.wire import frames, process, rpc

SCRUB_SECONDS: Final = 30 * 86_400
STOP_SECONDS: Final = 2.0
ANSWERS_BYTES: Final = GIB
ANSWERS_BYTES_DEVELOPMENT: Final = 32 << 20

_log = logging.getLogger(__name__)


class SystemClock:
    """The computer's clock."""

    def now(self) -> float:
        """Return seconds since 1970."""
        return time.time()


class Vault:
    """All parts of a running vault."""

    def __init__(self, directory: VaultDirectory) -> None:
        self._directory = directory
        self._settings = directory.settings()
        self._identity = directory.identity()
        self._keys = directory.keys_with_account()
        self._clock = SystemClock()
        file = directory.network()
        seeds = _seeds(self._settings, file.seeds, self._identity)
        self._mirror = LedgerMirror(
            file, self._keys.vault_id, self._clock, directory.path / "chain.db"
        )
        self._me = Myself(self._keys, self._mirror.state)
        self._journal = AuditJournal(
            directory.path / "audits.db", self._keys.vault_id, file.params
        )
        small = file.params.development
        self._answers = AnswerFiles(
            directory.path / "answers",
            ANSWERS_BYTES_DEVELOPMENT if small else ANSWERS_BYTES,
        )
        restored = self._journal.restore()
        self._node = Node(
            self._me,
            restored,
            seeds=len(seeds),
            claim_grains=self._settings.claim_grains,
        )
        self._peers = PeerChannels(self._node.gossip.record, seeds)
        self._enrolment = Enrolment(
            self._keys, self._mirror, self._settings.quota_bytes, self._settings.payout
        )
        self._announcer = Announcer(
            self._keys,
            file.network_id,
            self._enrolment.account_id,
            self._identity.certificate_der(),
            self._settings.price,
            self._settings.quota_bytes,
            self._clock,
        )
        own = [r for r in restored.records if r.value.vault == self._keys.vault_id]
        self._announcer.record = own[0] if own else None
        self._standing = Standing(
            self._node, self._mirror, self._announcer, self._settings.price
        )
        world = World(self._mirror, self._peers, self._clock, self._standing.terms)
        self._data = DataSide.open(
            directory.path, self._keys, world, self._settings.quota_bytes
        )
        self._driver = Driver(
            self._me,
            self._node,
            Surroundings(
                self._clock,
                self._data,
                self._mirror,
                NetworkCalls(self._peers),
                self._journal,
                self._answers,
                self._enrolment.account,
            ),
        )

    @property
    def keys(self) -> NodeKeys:
        """The vault's keys."""
        return self._keys

    def check_sibling(self, request: SignedSiblingRequest) -> Entry:
        """Return the entry that a sibling may fetch now, or raise ProtocolError."""
        return self._node.check_sibling(request, self._clock.now())

    def check_takeover(self, request: SignedTakeoverRequest) -> TakeoverLeave:
        """Return what a candidate may fetch now, or raise ProtocolError."""
        return self._node.check_takeover(request, self._clock.now())

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; raises ConfigError when it cannot listen."""
        server = await self._serve()
        endpoint = self._endpoint(server.port)
        self._directory.mark_running(endpoint, self._keys.vault_id.hex())
        fields = {"vault": self._keys.vault_id.hex(), "endpoint": endpoint}
        _log.info("serving", extra={"fields": fields})
        process.settle()
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._driver.run()),
                    tasks.create_task(self._mirror.run(self._driver.ledger_advanced)),
                    tasks.create_task(self._enrol()),
                    tasks.create_task(self._keep_order(endpoint)),
                ]
                await stop.wait()
                self._directory.run_mark.unlink(missing_ok=True)
                await server.stop(STOP_SECONDS)
                for task in running:
                    task.cancel()
        finally:
            await self._close()
        _log.info("stopped", extra={"fields": fields})

    async def _serve(self) -> rpc.RunningServer:
        bind = self._directory.kept_endpoint() or self._settings.endpoint
        names = (
            *vault_service.NAMES,
            *network_service.NAMES,
            frames.SERVICE,
        )
        try:
            server = await rpc.serve(
                bind,
                self._identity,
                [
                    lambda server: add_vault_services(
                        server, self._data, self, self._standing.figures
                    ),
                    lambda server: add_network_service(
                        server, self._driver, self._journal, self._answers
                    ),
                ],
                names,
            )
        except OSError as error:
            await self._close()
            raise ConfigError(f"{error}; is the port in use?") from error
        if bind.endswith(":0"):
            host = bind.rpartition(":")[0]
            self._directory.keep_endpoint(f"{host}:{server.port}")
        return server

    async def _enrol(self) -> None:
        await self._enrolment.run(min(self._me.params.epoch_seconds / 8, 30.0))

    async def _keep_order(self, endpoint: str) -> None:
        """Once an epoch: announce, expire, collect, prune, scrub."""
        while True:
            epoch = self._mirror.epoch()
            try:
                await self._tidy(endpoint, epoch)
            except Exception:  # noqa: BLE001 # as the comment says
                # A full disk or a fault in tidying must not end the vault.
                _log.exception("could not tidy up")
            following = self._me.params.epoch_start(epoch + 1) + 0.05
            await asyncio.sleep(max(following - self._clock.now(), 0.05))

    async def _tidy(self, endpoint: str, epoch: int) -> None:
        self._announce(endpoint)
        await self._data.epoch_started(epoch)
        settled = self._mirror.state.settled_period + 1
        first_open = self._me.params.first_epoch(settled)
        await self._driver.saved(self._journal.prune, epoch, first_open)
        shards = self._data.figures().held_shards
        part = shards * self._me.params.epoch_seconds / SCRUB_SECONDS
        if shards:
            await self._data.scrub(int(part) + 1)

    def _announce(self, endpoint: str) -> None:
        self._announcer.announce(
            self._settings.advertise or endpoint,
            self._data.quotes.offered_bytes(),
            self._node.gossip.own_sequence_seen,
            self._publish,
        )

    def _publish(self, record: SignedRecord) -> None:
        self._driver.tell(RecordMade(self._clock.now(), record))

    def _endpoint(self, port: int) -> str:
        host = self._settings.endpoint.rpartition(":")[0]
        return f"{host}:{port}"

    async def _close(self) -> None:
        await self._peers.close()
        await self._mirror.close()
        self._driver.close()
        await self._data.close()
        self._journal.close()


async def run_until_signal(directory: VaultDirectory) -> None:
    """Run the vault in `directory` until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Vault(directory).run(stop)


def _seeds(
    settings: Settings, from_file: Sequence[SeedVault], identity: rpc.TlsIdentity
) -> tuple[SeedVault, ...]:
    """Return the seeds of settings and network file, without ourselves."""
    found = dict.fromkeys((*settings.seeds, *from_file))
    return tuple(s for s in found if s.certificate != identity.certificate_pem)
