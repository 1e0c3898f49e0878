"""A real network: clients and vaults are killed at random moments of a backup.

The tests that do the vaults lasting harm come last.
"""

import asyncio
import json
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_owner import listing
from holdfast.client import AsyncClient, Profile
from holdfast.client.core.key_slots import Strength
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.local_layout import LEDGER
from holdfast.client.local_network import LocalNetwork
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.remote import RemoteLedger
from holdfast.ledger.verify import verify
from holdfast.protocol.units import MIB
from network_takers import wait_for_takers

CHILD = Path(__file__).parent.parent / "backup_child.py"
WEAK = Strength(1, 8 * MIB)
KILLS = 8
VAULTS = 12


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNetwork]:
    made = LocalNetwork(tmp_path_factory.mktemp("network") / "n", tied=True)
    asyncio.run(made.up(VAULTS, epoch_seconds=5))
    yield made
    made.down()


def profile(network: LocalNetwork, home: Path, phrase: str | None = None) -> str:
    _, words = Profile.create(home, network.network_file, "pass", phrase, strength=WEAK)
    return words


def files(top: Path, megabytes: int, seed: int) -> Path:
    dice = random.Random(seed)
    for number in range(megabytes):
        path = top / f"{number % 4}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dice.randbytes(MIB + number))
    return top


def size_of(top: Path) -> int:
    return sum(path.stat().st_size for path in top.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def takers(network: LocalNetwork) -> None:
    wait_for_takers(network)


async def faucet(home: Path) -> None:
    loaded = Profile.load(home)
    async with await AsyncClient.connect(loaded, loaded.unlock("pass")) as client:
        await client.faucet()


async def child(home: Path, source: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        str(home),
        "pass",
        str(source),
        stdout=asyncio.subprocess.PIPE,
    )


async def hear(process: asyncio.subprocess.Process) -> dict[str, object] | None:
    assert process.stdout is not None
    line = await process.stdout.readline()
    return json.loads(line) if line else None


async def backup_and_die(home: Path, source: Path, lines: int) -> bool:
    """Kill the backup after it has said so much; tell whether it was done before."""
    process = await child(home, source)
    said: dict[str, object] | None = {}
    while said is not None and lines:
        said = await hear(process)
        lines -= 1
        if said and said["stage"] == "done":
            await process.wait()
            return True
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()
    return False


async def backup_to_the_end(home: Path, source: Path) -> None:
    process = await child(home, source)
    last = None
    while (said := await hear(process)) is not None:
        last = said
    assert await process.wait() == 0
    assert last is not None
    assert last["stage"] == "done"


async def check(
    network: LocalNetwork, home: Path, phrase: str, source: Path, target: Path
) -> tuple[NamedSnapshot, ...]:
    """Restore on a new machine, compare, and see that nothing was paid twice."""
    profile(network, home, phrase)
    loaded = Profile.load(home)
    async with await AsyncClient.connect(loaded, loaded.unlock("pass")) as client:
        snapshots = await client.snapshots()
        report = await client.restore("latest", target)
        assert report.complete, report.failures
        deals = await client.deals()
    inside = target / source.relative_to("/")
    assert listing(inside) == listing(source)
    held = sum(deal.held_bytes for deal in deals)
    assert held < 1.05 * size_of(source) / 4 + MIB
    return snapshots


def test_a_client_killed_again_and_again_gets_its_backup_done_once(
    tmp_path: Path, network: LocalNetwork
) -> None:
    async def story() -> None:
        dice = random.Random(1)
        source = files(tmp_path / "source", 40, seed=1)
        home = tmp_path / "home"
        phrase = profile(network, home)
        await faucet(home)
        done = False
        for _ in range(KILLS):
            if not done:
                done = await backup_and_die(home, source, dice.randint(1, 45))
        await backup_to_the_end(home, source)
        snapshots = await check(
            network, tmp_path / "other", phrase, source, tmp_path / "target"
        )
        assert len(snapshots) == 1 + done
        loaded = Profile.load(home)
        async with await AsyncClient.connect(loaded, loaded.unlock("pass")) as client:
            assert len(await client.deals()) == 1

    asyncio.run(story())


def test_what_a_closed_deal_did_not_spend_flows_back(
    tmp_path: Path, network: LocalNetwork
) -> None:
    async def story() -> None:
        home = tmp_path / "home"
        profile(network, home)
        await faucet(home)
        loaded = Profile.load(home)
        ledger = await RemoteLedger.join(loaded.network)
        async with await AsyncClient.connect(loaded, loaded.unlock("pass")) as client:
            before = await client.balance()
            opened = await client.open_deal(MIB)
            assert await client.balance() == before - opened.deal.escrow
            closed = await client.close_deal(opened.deal.id)
            period = ledger.params.period_of(closed.last_epoch)
            after = 0
            while (settled := await ledger.settlement()) is None or (
                settled.statement.period < period
            ):
                changes = await ledger.sync((), after, wait_seconds=30)
                after = changes.upto
            while not await client.refund():
                # Provers hear of a settlement a little after the ledger has it.
                changes = await ledger.sync((), after, wait_seconds=30)
                after = changes.upto
            assert await client.balance() == before
            assert (await client.deals())[0].deal.refunded
        await ledger.close()

    asyncio.run(asyncio.wait_for(story(), 300))


def test_a_ledger_killed_during_a_backup_loses_and_charges_nothing(
    tmp_path: Path, network: LocalNetwork
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", 30, seed=6)
        home = tmp_path / "home"
        phrase = profile(network, home)
        await faucet(home)
        process = await child(home, source)
        heard = 0
        while await hear(process) is not None:
            if heard in {0, 5}:
                network.programs.stop(LEDGER, kill=True)
                network.programs.start(LEDGER)
            heard += 1
        # A client that found no ledger may have given up; the next one goes on.
        await process.wait()
        await network.up()
        await backup_to_the_end(home, source)
        await check(network, tmp_path / "other", phrase, source, tmp_path / "target")
        report = verify(LedgerDirectory(network.layout.ledger).journal)
        assert report.sound, report.problems

    asyncio.run(story())


def test_vaults_killed_and_started_again_during_a_backup_lose_nothing(
    tmp_path: Path, network: LocalNetwork
) -> None:
    async def story() -> None:
        dice = random.Random(2)
        source = files(tmp_path / "source", 40, seed=2)
        home = tmp_path / "home"
        phrase = profile(network, home)
        await faucet(home)
        process = await child(home, source)
        names = [f"{number:02}" for number in range(1, VAULTS + 1)]
        kills = {dice.randint(2, 20) for _ in range(4)}
        heard = 0
        while await hear(process) is not None:
            heard += 1
            if heard in kills:
                name = dice.choice(names)
                network.stop_vault(name, kill=True)
                await network.start_vault(name)
        assert await process.wait() == 0
        await check(network, tmp_path / "other", phrase, source, tmp_path / "target")

    asyncio.run(story())


def test_altered_shards_are_noticed_and_others_used(
    tmp_path: Path, network: LocalNetwork
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", 10, seed=4)
        home = tmp_path / "home"
        phrase = profile(network, home)
        await faucet(home)
        await backup_to_the_end(home, source)
        loaded = Profile.load(home)
        async with await AsyncClient.connect(loaded, loaded.unlock("pass")) as client:
            (deal,) = await client.deals()
        for holder in deal.deal.holders[:4]:
            vault = network.found(holder.vault.hex())
            directory = network.layout.numbered(vault.number) / "shards"
            for path in directory.rglob("*"):
                if path.is_file():
                    data = bytearray(path.read_bytes())
                    data[len(data) // 2] ^= 1
                    path.write_bytes(data)
        await check(network, tmp_path / "other", phrase, source, tmp_path / "target")

    asyncio.run(story())


def test_with_n_minus_k_holders_dead_a_new_machine_restores_everything(
    tmp_path: Path, network: LocalNetwork
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", 10, seed=3)
        home = tmp_path / "home"
        phrase = profile(network, home)
        await faucet(home)
        await backup_to_the_end(home, source)
        loaded = Profile.load(home)
        async with await AsyncClient.connect(loaded, loaded.unlock("pass")) as client:
            (deal,) = await client.deals()
        killed = [holder.vault.hex() for holder in deal.deal.holders[:4]]
        for vault in killed:
            network.stop_vault(vault, kill=True)
        try:
            await check(
                network, tmp_path / "other", phrase, source, tmp_path / "target"
            )
        finally:
            for vault in killed:
                await network.start_vault(vault)

    asyncio.run(story())
