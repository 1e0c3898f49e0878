"""A running network whose chain goes away, is killed, or changes its mind.

Real vaults and a real client on anvil. Whatever happens there, every grain that was
certified is paid once, and nothing that was stored is lost.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pytest
from web3 import HTTPProvider
from web3.types import RPCEndpoint

from evm_anvil import anvil_program
from holdfast.client import AsyncClient, Profile
from holdfast.client.contract_books import ContractBooks, PaidClaim
from holdfast.client.core.key_slots import Strength
from holdfast.client.demo.comparison import compare
from holdfast.client.local_health import NetworkStatus
from holdfast.client.local_layout import EVM, LEDGER
from holdfast.client.local_network import LocalNetwork
from holdfast.client.session_values import DealStatus, Progress
from holdfast.ledger.evm.anvil_state import STATE
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.units import MIB, Grains, VaultId

Value = TypeVar("Value")
ANVIL = anvil_program()
pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("network"),
    pytest.mark.skipif(ANVIL is None, reason="anvil is not installed"),
]
VAULTS = 9
AWAY_SECONDS = 60
REORG_DEPTH = 3
REORG_SECONDS = 7
LOOK_SECONDS = 0.5


def test_a_chain_away_for_a_minute_stops_no_storing_and_is_settled_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ANVIL is not None
    monkeypatch.setenv("HOLDFAST_ANVIL", ANVIL)
    asyncio.run(_a_minute_without_chain(tmp_path))


def test_reorganisations_under_a_running_network_lose_and_double_no_payment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ANVIL is not None
    monkeypatch.setenv("HOLDFAST_ANVIL", ANVIL)
    asyncio.run(_a_chain_that_changes_its_mind(tmp_path))


def test_a_node_that_is_killed_goes_on_from_what_was_kept_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ANVIL is not None
    monkeypatch.setenv("HOLDFAST_ANVIL", ANVIL)
    asyncio.run(_a_killed_node(tmp_path))


async def _a_minute_without_chain(path: Path) -> None:
    small, large = _files(path / "small", 1), _files(path / "large", 48)
    async with LocalNetwork(path / "n", tied=True) as network:
        await network.up(VAULTS, epoch_seconds=10, ledger=EVM)
        async with _owner(network, path / "home") as client:
            await client.faucet()
            await client.backup([small])
            paid = await _until(network.status, _something_paid)
            backup, sending = _begun(client, large)
            await sending.wait()
            epoch = await _a_beacon_that_all_know(network)
            network.programs.stop(LEDGER)
            # The time itself is what this test is about.
            away = asyncio.create_task(asyncio.sleep(AWAY_SECONDS))
            await backup
            await away
            alone = await network.status()
            assert not alone.healthy
            assert {vault.state for vault in alone.vaults} == {"cut off"}
            assert all(v.ledger and v.ledger.lost_seconds for v in alone.vaults)
            proved = [v.last_audit_epoch or 0 for v in alone.vaults if v.held_bytes]
            assert min(proved) >= epoch
            network.programs.start(LEDGER)
            back = await _until(network.status, lambda status: status.healthy)
            assert back.ledger.spent == paid.ledger.spent or _later(paid, back)
            late = await _until(network.status, lambda one: _later(paid, one))
            assert (late.ledger.earned or 0) > (paid.ledger.earned or 0)
            await client.restore("latest", path / "restored")
        found = compare(large, path / "restored" / large.relative_to("/"))
        assert found.differences == []
        async with _books(network) as books:
            await _nothing_lost_or_doubled(books)


async def _a_killed_node(path: Path) -> None:
    first, second = _files(path / "first", 2), _files(path / "second", 3)
    async with LocalNetwork(path / "n", tied=True) as network:
        await network.up(VAULTS, epoch_seconds=10, ledger=EVM)
        async with _owner(network, path / "home") as client:
            await client.faucet()
            await client.backup([first])
            paid = await _until(network.status, _something_paid)
            await _kept(network.layout.ledger / STATE)
            _kill_the_node(network)
            cut = await _until(network.status, _all_cut_off)
            assert cut.ledger.pid is None
            network.programs.start(LEDGER)
            await _until(network.status, lambda status: status.healthy)
            # Who wrote in the seconds that are gone has to be able to write again.
            await client.backup([second])
            late = await _until(network.status, lambda one: _further(paid, one))
            assert (late.ledger.earned or 0) > (paid.ledger.earned or 0)
            await client.restore("latest", path / "restored")
        found = compare(second, path / "restored" / second.relative_to("/"))
        assert found.differences == []
        async with _books(network) as books:
            await _claimed_by_all_who_earned(network, books)
            await _nothing_lost_or_doubled(books)


async def _a_chain_that_changes_its_mind(path: Path) -> None:
    source = _files(path / "files", 4)
    async with LocalNetwork(path / "n", tied=True) as network:
        depth = REORG_DEPTH + 1
        await network.up(VAULTS, epoch_seconds=15, ledger=EVM, finality_blocks=depth)
        async with _storm(network), _owner(network, path / "home") as client:
            await client.faucet()
            given = await client.balance()
            await client.backup([source])
            await _until(network.status, _all_holders_earned)
            for status in await client.deals():
                await client.close_deal(status.deal.id)

            async def refunded() -> tuple[DealStatus, ...]:
                await client.refund()
                return await client.deals()

            await _until(refunded, lambda all_: all(d.deal.refunded for d in all_))
            async with _books(network) as books:
                await _claimed_by_all_who_earned(network, books)
                await _nothing_lost_or_doubled(books)
                flows = await books.flows()
                assert await client.balance() == given - flows.spent
                assert await books.balance(client.account) == given - flows.spent
                assert await books.escrowed() == 0


# the weather


@asynccontextmanager
async def _storm(network: LocalNetwork) -> AsyncIterator[None]:
    """Drop all transactions of the newest blocks again and again; at least twice."""
    file = NetworkFile.load(network.network_file)
    provider = HTTPProvider(file.endpoint)
    count = 0

    def ask(method: str, *arguments: object) -> None:
        answer = provider.make_request(RPCEndpoint(method), list(arguments))
        assert "error" not in answer, answer

    async def blow() -> None:
        nonlocal count
        while True:
            await asyncio.sleep(REORG_SECONDS)
            await asyncio.to_thread(ask, "anvil_reorg", REORG_DEPTH, [])
            # Its clock went back, too, which no other chain's does.
            await asyncio.to_thread(ask, "evm_setTime", int(time.time()))
            count += 1

    blowing = asyncio.create_task(blow())
    try:
        yield
        assert not blowing.done()
        assert count > 1
    finally:
        blowing.cancel()
        with suppress(asyncio.CancelledError):
            await blowing


async def _kept(state: Path) -> None:
    """Return when all that is on the chain now was written down."""

    async def written() -> int:
        return _written(state)

    for _ in range(2):  # the first may have been under way
        before = _written(state)
        await _until(written, before.__ne__)


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns


def _kill_the_node(network: LocalNetwork) -> None:
    mark = network.programs.mark(LEDGER)
    assert mark is not None
    children = Path(f"/proc/{mark.pid}/task/{mark.pid}/children").read_text("utf-8")
    (node,) = children.split()
    os.kill(int(node), signal.SIGKILL)


async def _a_beacon_that_all_know(network: LocalNetwork) -> int:
    """Return the epoch whose beacon every vault has just got."""
    first = (await network.status()).ledger.epoch
    async with _books(network) as books:

        async def newest() -> tuple[int, int]:
            await books.look()
            return await books.newest_beacon()

        epoch, block = await _until(newest, lambda found: found[0] != first)

    def known(status: NetworkStatus) -> bool:
        told = [vault.ledger for vault in status.vaults]
        return all(one and one.chain and one.chain.block >= block for one in told)

    await _until(network.status, known)
    return epoch


# what is looked at


async def _nothing_lost_or_doubled(books: ContractBooks) -> None:
    """Check every payment that the contracts ever made against what was certified."""
    await books.look()
    flows = await books.flows()
    claims = await books.claims()
    periods = [one.period for one in await books.certificates()]
    assert len(set(periods)) == len(periods) > 0
    assert sum(claim.grains for claim in claims) == flows.claimed
    assert 0 < flows.claimed <= flows.earned <= flows.spent + flows.slashed
    assert sum((await books.balances()).values()) == await books.supply()


async def _claimed_by_all_who_earned(
    network: LocalNetwork, books: ContractBooks
) -> None:
    """Wait until every vault was paid just what it says it earned."""

    async def paid() -> tuple[NetworkStatus, Mapping[VaultId, Grains]]:
        await books.look()
        return await network.status(), _by_vault(await books.claims())

    def all_paid(seen: tuple[NetworkStatus, Mapping[VaultId, Grains]]) -> bool:
        status, claimed = seen
        earned = {
            VaultId(bytes.fromhex(one.vault.vault)): one.earned
            for one in status.vaults
            if one.earned
        }
        return bool(earned) and earned == claimed

    await _until(paid, all_paid)


def _by_vault(claims: tuple[PaidClaim, ...]) -> Mapping[VaultId, Grains]:
    totals: dict[VaultId, Grains] = {}
    for claim in claims:
        totals[claim.vault] = totals.get(claim.vault, 0) + claim.grains
    return totals


def _something_paid(status: NetworkStatus) -> bool:
    return bool(status.ledger.earned)


def _later(before: NetworkStatus, now: NetworkStatus) -> bool:
    """Whether another period than before is settled, and pays for more."""
    settled = now.ledger.settled_period
    return settled is not None and settled != before.ledger.settled_period


def _further(before: NetworkStatus, now: NetworkStatus) -> bool:
    """Whether a period is settled that is newer than all before."""
    old, new = before.ledger.settled_period, now.ledger.settled_period
    return old is not None and new is not None and new > old


def _all_cut_off(status: NetworkStatus) -> bool:
    return {vault.state for vault in status.vaults} == {"cut off"}


def _all_holders_earned(status: NetworkStatus) -> bool:
    holding = [vault for vault in status.vaults if vault.held_bytes]
    return bool(holding) and all(vault.earned for vault in holding)


# who takes part


@asynccontextmanager
async def _owner(network: LocalNetwork, home: Path) -> AsyncIterator[AsyncClient]:
    weak = Strength(1, 8 * MIB)
    profile, _ = Profile.create(home, network.network_file, "pass", strength=weak)
    async with await AsyncClient.connect(profile, profile.unlock("pass")) as client:
        yield client


def _begun(
    client: AsyncClient, source: Path
) -> tuple["asyncio.Task[object]", asyncio.Event]:
    """Begin a backup; return it, and what says that it is sending."""
    loop, sending = asyncio.get_running_loop(), asyncio.Event()

    def report(progress: Progress) -> None:
        if progress.bytes_uploaded:
            loop.call_soon_threadsafe(sending.set)

    return asyncio.create_task(client.backup([source], progress=report)), sending


def _books(network: LocalNetwork) -> ContractBooks:
    return ContractBooks(NetworkFile.load(network.network_file))


def _files(top: Path, megabytes: int) -> Path:
    dice = random.Random(megabytes)
    top.mkdir()
    for number in range(megabytes):
        (top / f"{number}.bin").write_bytes(dice.randbytes(MIB + number))
    return top


async def _until(
    ask: Callable[[], Awaitable[Value]], enough: Callable[[Value], bool]
) -> Value:
    while not enough(found := await ask()):  # noqa: ASYNC110 # it has no event
        await asyncio.sleep(LOOK_SECONDS)
    return found
