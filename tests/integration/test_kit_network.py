"""A kit's network, asked of a real ledger over TLS."""

import asyncio
from pathlib import Path

import pytest

from holdfast.client.core.kit_bytes import Kit
from holdfast.client.kit_certificate import KitServerError
from holdfast.client.kit_network import kit_of, network_of
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.embedded import EmbeddedLedger
from holdfast.ledger.errors import WrongNetworkError
from holdfast.ledger.network_file import NetworkFile, SeedVault
from holdfast.ledger.server import running
from holdfast.protocol.units import NetworkId
from holdfast.wire import rpc
from ledger_stage import DEVELOPMENT, GENESIS_SECONDS, HandClock

MASTER = bytes(range(32))


async def _network_of(path: Path, *, other_network: bool = False) -> None:
    directory = LedgerDirectory(path / "ledger")
    directory.create(Genesis(DEVELOPMENT), GENESIS_SECONDS)
    ledger = EmbeddedLedger(directory.open(), HandClock())
    identity = rpc.make_certificate()
    seed = await rpc.serve("127.0.0.1:0", identity, [], [])
    try:
        async with running(ledger, directory, None):
            file = NetworkFile.load(directory.network)
            here = SeedVault(f"127.0.0.1:{seed.port}", identity.certificate_pem)
            gone = SeedVault("127.0.0.1:1", identity.certificate_pem)
            named = NetworkFile(
                file.params, file.endpoint, file.certificate, (here, gone)
            )
            kit = kit_of(MASTER, named)
            if other_network:
                kit = Kit(MASTER, NetworkId(bytes(32)), kit.ledger)
            found = await network_of(kit, seconds=5)
            assert found == NetworkFile(
                file.params, file.endpoint, file.certificate, (here,)
            )
    finally:
        await seed.stop(0)
        await ledger.close()


def test_the_ledger_of_a_kit_tells_the_network_and_dead_seeds_are_left_out(
    tmp_path: Path,
) -> None:
    asyncio.run(_network_of(tmp_path))


def test_a_ledger_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongNetworkError):
        asyncio.run(_network_of(tmp_path, other_network=True))


def test_a_server_with_another_certificate_is_not_believed() -> None:
    async def ask() -> None:
        identity = rpc.make_certificate()
        server = await rpc.serve("127.0.0.1:0", identity, [], [])
        try:
            pem = rpc.make_certificate().certificate_pem
            file = NetworkFile(DEVELOPMENT, f"127.0.0.1:{server.port}", pem)
            await network_of(kit_of(MASTER, file), seconds=5)
        finally:
            await server.stop(0)

    with pytest.raises(KitServerError, match="another certificate"):
        asyncio.run(ask())
