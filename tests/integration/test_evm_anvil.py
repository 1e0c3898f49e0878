"""A network's ledger on a real node: deployed by the command, followed, reorganised."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from evm_anvil import AnvilChain, anvil_program, free_port, running_anvil
from holdfast.client.main import main
from holdfast.ledger.core.operations import Faucet, Transfer
from holdfast.ledger.errors import (
    GasMissingError,
    LedgerUnreachableError,
    PrecompilesMissingError,
    WrongNetworkError,
)
from holdfast.ledger.evm.account import EvmAccount
from holdfast.ledger.evm.beacons import BeaconKeeper
from holdfast.ledger.evm.deploying import deploy
from holdfast.ledger.evm.follower import Finality
from holdfast.ledger.evm.keystore import write_keystore
from holdfast.ledger.evm.ledger import EvmLedger
from holdfast.ledger.evm.node import Node
from holdfast.ledger.evm.sender import Sender
from holdfast.ledger.joining import join
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.network import beacon, development_params
from holdfast.protocol.units import GRAINS_PER_HOLD
from ledger_stage import HandClock, account_key, cached_registration, vault_key

ANVIL = anvil_program()
pytestmark = pytest.mark.skipif(ANVIL is None, reason="anvil is not installed")

HOLD = GRAINS_PER_HOLD
ALICE, BOB = account_key(101), account_key(102)
DEPLOYER = (77).to_bytes(32, "big")
START = 1_900_000_000
GENESIS = START + 1000
EPOCH_SECONDS = 600
PATIENCE = 5000


@pytest.fixture(scope="module")
def anvil() -> Iterator[AnvilChain]:
    assert ANVIL is not None
    with running_anvil(ANVIL, START) as chain:
        yield chain


@pytest.fixture(scope="module")
def deployed(
    anvil: AnvilChain, tmp_path_factory: pytest.TempPathFactory
) -> NetworkFile:
    """Deploy with the command, as a person does."""
    folder = tmp_path_factory.mktemp("deployed")
    write_keystore(folder / "key.json", DEPLOYER, "correct horse")
    (folder / "passphrase").write_text("correct horse\n")
    anvil.fund_account(account_key(77).id)
    arguments = ["ledger", "deploy", "--rpc", anvil.url, "--name", "on anvil"]
    arguments += ["--keystore", str(folder / "key.json"), "--development"]
    arguments += ["--passphrase-file", str(folder / "passphrase")]
    arguments += ["--network-file", str(folder / "network.json")]
    arguments += ["--genesis-seconds", str(GENESIS), "--finality-blocks", "0"]
    arguments += ["--epoch-seconds", str(EPOCH_SECONDS)]
    assert main(arguments) == 0
    return NetworkFile.load(folder / "network.json")


@pytest.fixture
def network(anvil: AnvilChain, deployed: NetworkFile) -> Iterator[NetworkFile]:
    """The network in epoch 0, as it was before any other test."""
    snapshot = anvil.remember()
    anvil.wait_until(GENESIS)
    for key in (ALICE, BOB, vault_key(1)):
        anvil.fund_account(key.id)
    yield deployed
    anvil.return_to(snapshot)


@asynccontextmanager
async def joined(
    file: NetworkFile, depth: int | None = 0, path: Path | None = None
) -> AsyncIterator[EvmLedger]:
    """The network's ledger, with the chain's time."""
    assert file.chain is not None
    ledger = await EvmLedger.connect(
        Node.at(file.endpoint, patience_seconds=10.0),
        file.params,
        file.chain.addresses,
        path=path,
        finality=Finality(depth),
        poll_seconds=0.02,
        clock=HandClock(GENESIS + 1),
    )
    try:
        yield ledger
    finally:
        await ledger.close()


def test_a_network_file_leads_to_the_ledger_on_its_chain(network: NetworkFile) -> None:
    async def run() -> None:
        ledger = await join(network)
        try:
            alice = ledger.open_account(ALICE)
            assert (await ledger.tip()).epoch >= 0
            await alice.submit(Faucet())
            balance = (await ledger.account(ALICE.id)).balance
            assert balance == network.params.faucet_grains
        finally:
            await ledger.close()

    asyncio.run(run())


def test_the_contracts_of_another_network_are_refused(network: NetworkFile) -> None:
    other = replace(network, params=replace(network.params, name="other"))

    async def run() -> None:
        with pytest.raises(WrongNetworkError):
            await join(other)

    asyncio.run(run())


def test_a_keeper_records_the_first_blocks_randomness_once(
    anvil: AnvilChain, network: NetworkFile
) -> None:
    async def run() -> None:
        async with joined(network) as ledger:
            account = ledger.open_account(ALICE)
            keeper = BeaconKeeper(
                ledger.node, network.params, ledger.addresses, account
            )
            anvil.ask("evm_mine")
            assert await keeper.record() == 0
            assert await keeper.record() is None
            anvil.wait_until(GENESIS + EPOCH_SECONDS)
            number = anvil.web3.eth.block_number
            anvil.ask("anvil_mine", "0x3")
            assert await keeper.record() == 1
            found = await ledger.beacons(1)
            given = bytes(anvil.web3.eth.get_block(number)["mixHash"])
            assert found[0].value == beacon(network.network_id, 1, given)

    asyncio.run(run())


def test_what_a_reorganisation_drops_is_undone_and_sent_again(
    anvil: AnvilChain, network: NetworkFile
) -> None:
    """Shown before it was final, taken back, and not doubled when it comes again."""

    async def run() -> None:
        async with joined(network) as ledger:
            alice = ledger.open_account(ALICE)
            await alice.submit(Faucet())
            await alice.submit(Transfer(BOB.id, HOLD))
            before = await ledger.tip()
            anvil.ask("anvil_reorg", 1, [])
            assert (await ledger.account(BOB.id)).balance == 0
            after = await ledger.tip()
            assert after.sequence > before.sequence
            assert ledger.health.undone == 1
            await ledger.open_account(ALICE).submit(Transfer(BOB.id, HOLD))
            assert (await ledger.account(BOB.id)).balance == HOLD

    asyncio.run(run())


def test_an_operation_that_a_reorganisation_drops_before_it_is_final_is_done_once(
    anvil: AnvilChain, network: NetworkFile
) -> None:
    async def run() -> None:
        anvil.ask("anvil_mine", "0x3")
        async with joined(network, depth=2) as ledger:
            sender = Sender(
                ledger.node,
                ALICE,
                network.params.chain_id,
                ledger.finality,
                pause_seconds=0.02,
                block_seconds=0.2,
            )
            alice = EvmAccount(ledger, sender, ALICE)
            async with asyncio.TaskGroup() as group:
                fed = group.create_task(alice.submit(Faucet()))
                await mined(anvil, 1)
                anvil.ask("anvil_reorg", 1, [])
                for _ in range(PATIENCE):
                    if fed.done():
                        break
                    anvil.ask("evm_mine")
                    await asyncio.sleep(0.05)
            balance = (await ledger.account(ALICE.id)).balance
            assert balance == network.params.faucet_grains
            assert ledger.health.undone == 0

    asyncio.run(run())


async def mined(anvil: AnvilChain, blocks: int) -> None:
    """Wait until there are so many more blocks."""
    wanted = anvil.web3.eth.block_number + blocks
    for _ in range(PATIENCE):
        if anvil.web3.eth.block_number >= wanted:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("no block came")


def test_a_stuck_transaction_is_sent_again_with_higher_fees(
    anvil: AnvilChain, network: NetworkFile
) -> None:
    async def run() -> None:
        async with joined(network) as ledger:
            sender = Sender(
                ledger.node,
                ALICE,
                network.params.chain_id,
                ledger.finality,
                pause_seconds=0.02,
                block_seconds=0.1,
            )
            alice = EvmAccount(ledger, sender, ALICE)
            anvil.ask("evm_setAutomine", False)
            try:
                async with asyncio.TaskGroup() as group:
                    fed = group.create_task(alice.submit(Faucet()))
                    fees = await waiting_fees(anvil)
                    await waiting_fees(anvil, above=fees * 5 // 4)
                    anvil.ask("evm_mine")
                    await fed
            finally:
                anvil.ask("evm_setAutomine", True)
            assert (await ledger.account(ALICE.id)).nonce == 1
            assert alice.spent > 0

    asyncio.run(run())


async def waiting_fees(anvil: AnvilChain, above: int = 0) -> int:
    """Return what the transaction in the pool offers, once it offers more."""
    for _ in range(PATIENCE):
        pool = anvil.ask("txpool_content")["pending"]
        offers = [one for by_nonce in pool.values() for one in by_nonce.values()]
        fees = [int(offer["maxFeePerGas"], 16) for offer in offers]
        if fees and fees[0] > above:
            return fees[0]
        await asyncio.sleep(0.02)
    raise AssertionError("no transaction waits")


def test_many_operations_at_once_get_a_number_each(network: NetworkFile) -> None:
    async def run() -> None:
        async with joined(network) as ledger:
            alice = ledger.open_account(ALICE)
            await alice.submit(Faucet())
            async with asyncio.TaskGroup() as group:
                for amount in range(1, 21):
                    group.create_task(alice.submit(Transfer(BOB.id, amount)))
            assert (await ledger.account(BOB.id)).balance == sum(range(1, 21))
            assert (await ledger.account(ALICE.id)).nonce == 21

    asyncio.run(run())


def test_a_transfer_whose_program_was_ended_is_made_once_by_the_next(
    anvil: AnvilChain, network: NetworkFile, tmp_path: Path
) -> None:
    logs = tmp_path / "chain.db"

    async def run() -> None:
        async with joined(network, path=logs) as ledger:
            alice = ledger.open_account(ALICE)
            await alice.submit(Faucet())
            anvil.ask("evm_setAutomine", False)
            first = asyncio.create_task(alice.submit(Transfer(BOB.id, HOLD)))
            for _ in range(PATIENCE):
                if anvil.ask("txpool_content")["pending"]:
                    break
                await asyncio.sleep(0.01)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
        anvil.ask("evm_mine")
        anvil.ask("evm_setAutomine", True)
        async with joined(network, path=logs) as ledger:
            alice = ledger.open_account(ALICE)
            await alice.submit(Transfer(BOB.id, HOLD))
            assert (await ledger.account(BOB.id)).balance == HOLD
            # Whoever wants to pay twice, and was told of the first, does.
            await alice.submit(Transfer(BOB.id, HOLD))
            assert (await ledger.account(BOB.id)).balance == 2 * HOLD

    try:
        asyncio.run(run())
    finally:
        anvil.ask("evm_setAutomine", True)


def test_an_account_without_ether_is_told_so(network: NetworkFile) -> None:
    poor = account_key(103)

    async def run() -> None:
        async with joined(network) as ledger:
            with pytest.raises(GasMissingError):
                await ledger.open_account(poor).submit(Faucet())

    asyncio.run(run())


def test_a_restart_goes_on_from_the_kept_logs(
    network: NetworkFile, tmp_path: Path
) -> None:
    logs = tmp_path / "logs.db"

    async def run() -> None:
        async with joined(network, path=logs) as ledger:
            await ledger.open_account(vault_key(1)).submit(Faucet())
            wish = cached_registration(1, network.params, vault_key(1).id, HOLD)
            await ledger.open_account(vault_key(1)).submit(wish)
            rows = await ledger.registry(0)
            block = ledger.block
        async with joined(network, path=logs) as again:
            assert again.block == block
            assert again.state.vault(rows.vaults[0].vault) == rows.vaults[0]
            assert await again.registry(0) == rows

    asyncio.run(run())


def test_a_node_that_was_away_is_followed_again(
    network: NetworkFile, tmp_path: Path
) -> None:
    """While it is away questions end soon, and the state says why."""
    assert ANVIL is not None
    port, saved = free_port(), str(tmp_path / "state.json")

    async def run() -> None:
        with running_anvil(ANVIL, START, "--state", saved, port=port) as chain:
            chain.fund_account(ALICE.id)
            node = Node.at(chain.url, patience_seconds=1.0)
            made = await deploy(node, ALICE, network.params, finality=Finality(0))
            ledger = await EvmLedger.connect(
                node,
                network.params,
                made.addresses,
                finality=Finality(0),
                poll_seconds=0.02,
                clock=HandClock(GENESIS + 1),
            )
            chain.wait_until(GENESIS)
            await ledger.open_account(ALICE).submit(Faucet())
            tip = await ledger.tip()
            assert ledger.health.trouble is None
        with pytest.raises(LedgerUnreachableError):
            await ledger.tip()
        assert "does not answer" in (ledger.health.trouble or "")
        with running_anvil(ANVIL, START, "--state", saved, port=port):
            assert (await ledger.tip()).sequence >= tip.sequence
            assert (ledger.health.trouble, ledger.health.undone) == (None, 0)
            fed = await ledger.account(ALICE.id)
            assert fed.balance >= network.params.faucet_grains
        await ledger.close()

    asyncio.run(run())


def test_a_chain_without_the_precompiles_is_refused_with_a_sentence() -> None:
    """Before Prague a call to them succeeds, and answers nothing."""
    assert ANVIL is not None

    async def run() -> None:
        with running_anvil(ANVIL, START, hardfork="cancun") as chain:
            chain.fund_account(ALICE.id)
            node = Node.at(chain.url)
            try:
                params = development_params("old", GENESIS)
                with pytest.raises(PrecompilesMissingError) as caught:
                    await deploy(node, ALICE, params, finality=Finality(0))
                assert "BLS12_PAIRING_CHECK" in caught.value.missing
                assert "cannot check certificates" in str(caught.value)
                assert chain.web3.eth.block_number == 0
            finally:
                await node.close()

    asyncio.run(run())
