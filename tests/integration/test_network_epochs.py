"""A real network of six vaults: epochs proved, paid, interrupted, healed, left."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from holdfast.client.auditor import Auditor
from holdfast.client.core.auditing import Verdict
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.deal_book import DealBook
from holdfast.client.journal import Journal
from holdfast.client.local_layout import LocalVault
from holdfast.client.local_network import LocalNetwork
from holdfast.client.network_directory import NetworkDirectory, Seed
from holdfast.client.programs import program
from holdfast.client.upload import Upload
from holdfast.client.upload_options import (
    UploadOptions,
)
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.operations import Faucet
from holdfast.ledger.core.values import Listing
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.remote import RemoteLedger
from holdfast.protocol.checkpoint import STORAGE_CERTIFICATE, StorageCertificate
from holdfast.protocol.deal import Deal
from holdfast.protocol.units import GIB, KIB, Grains
from holdfast.vault.status import Status, status_of

VAULTS = 6
EPOCH_SECONDS = 3
PATIENCE_SECONDS = 90.0
OWNER = OwnerKeys(b"\7" * 32)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNetwork]:
    made = LocalNetwork(tmp_path_factory.mktemp("epochs") / "n", tied=True)
    asyncio.run(made.up(VAULTS, EPOCH_SECONDS))
    yield made
    made.down()


@pytest.fixture(scope="module")
def deal(network: LocalNetwork, tmp_path_factory: pytest.TempPathFactory) -> Deal:
    """A deal of 2-of-4 with a few chunks in it."""
    return asyncio.run(stored(network, tmp_path_factory.mktemp("owner")))


async def stored(network: LocalNetwork, home: Path) -> Deal:
    file = NetworkFile.load(network.network_file)
    ledger = await RemoteLedger.join(file)
    account = ledger.open_account(AccountKey.from_secret(OWNER.account_secret))
    await account.submit(Faucet())
    journal = Journal(home / "owner.db")
    seeds = [Seed(seed.endpoint, seed.certificate) for seed in file.seeds]
    directory = NetworkDirectory(ledger, seeds, journal)
    try:
        await directory.start()
        book = DealBook(directory, account, OWNER, journal)
        options = UploadOptions(k=2, n=4, epochs=720)
        async with Upload(book, options) as upload:
            for _ in range(6):
                await asyncio.to_thread(upload.add, os.urandom(400 * KIB))
            return await upload.commit(bytes(256), [bytes(256)])
    finally:
        await directory.close()
        journal.close()
        await ledger.close()


def directory_of(network: LocalNetwork, vault: LocalVault) -> Path:
    return network.layout.vault(vault)


def holders(network: LocalNetwork, deal: Deal) -> list[LocalVault]:
    ids = {holder.vault.hex() for holder in deal.holders}
    return [vault for vault in network.plan().vaults if vault.vault in ids]


async def until(
    ask: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_SECONDS
) -> None:
    """Return when it is so; the network's own clock decides when."""
    async with asyncio.timeout(seconds):
        while not await ask():  # noqa: ASYNC110 # other processes make it so
            await asyncio.sleep(0.2)


async def described(network: LocalNetwork, vault: LocalVault) -> Status:
    return await status_of(directory_of(network, vault))


def certificates(directory: Path) -> list[StorageCertificate]:
    """Return all certificates that a vault keeps, its own and those of others."""
    with sqlite3.connect(directory / "audits.db", timeout=30) as rows:
        found = rows.execute("SELECT certificate FROM certificates").fetchall()
    return [STORAGE_CERTIFICATE.decode(encoded) for (encoded,) in found]


def outcomes(directory: Path) -> dict[int, str]:
    with sqlite3.connect(directory / "audits.db", timeout=30) as rows:
        return dict(rows.execute("SELECT epoch, outcome FROM audits").fetchall())


def expected(network: LocalNetwork, deal: Deal, end_epoch: int) -> dict[str, Grains]:
    """Sum present bytes × price of each certified epoch, from the vaults' proofs."""
    earned: dict[str, Grains] = {}
    for vault in holders(network, deal):
        price = next(h.price for h in deal.holders if h.vault.hex() == vault.vault)
        earned[vault.vault] = sum(
            certificate.checkpoint.value.present_bytes * price // GIB
            for certificate in certificates(directory_of(network, vault))
            if certificate.checkpoint.value.vault.hex() == vault.vault
            and certificate.epoch < end_epoch
        )
    return earned


async def settled(network: LocalNetwork) -> tuple[int, Grains, dict[str, Grains]]:
    """Return the newest settled period, its total, and what was claimed by whom."""
    ledger = await RemoteLedger.join(NetworkFile.load(network.network_file))
    try:
        certificate = await ledger.settlement()
        rows = await ledger.registry(0)
    finally:
        await ledger.close()
    claimed = {row.vault.hex(): row.claimed for row in rows.vaults}
    if certificate is None:
        return -1, 0, claimed
    statement = certificate.statement
    return statement.period, statement.earned_total, claimed


def test_what_was_proved_is_settled_claimed_and_nothing_else(
    network: LocalNetwork, deal: Deal
) -> None:
    async def story() -> None:
        async def paid() -> bool:
            _, total, claimed = await settled(network)
            return total > 0 and sum(claimed.values()) == total

        await until(paid)
        period, total, claimed = await settled(network)
        end = 4 * (period + 1)
        proved = expected(network, deal, end)
        assert total == sum(proved.values())
        assert {v: grains for v, grains in claimed.items() if grains} == proved

    asyncio.run(story())


def test_a_killed_vault_comes_back_where_it_was_and_goes_on_proving(
    network: LocalNetwork, deal: Deal
) -> None:
    vault = holders(network, deal)[0]

    async def story() -> None:
        before = (await described(network, vault)).said
        assert before
        staked = await away_for_an_epoch(
            network,
            vault,
            lambda: network.stop_vault(vault.vault, kill=True),
        )
        await network.start_vault(vault.vault)

        async def proved_more() -> bool:
            after = await described(network, vault)
            assert after.endpoint == vault.endpoint
            said = after.said
            return bool(said and said.certified_epochs >= before.certified_epochs + 2)

        await until(proved_more)
        assert await listed(network, vault) == staked

    asyncio.run(story())


def test_a_vault_that_was_paused_for_an_epoch_proves_again_and_keeps_its_stake(
    network: LocalNetwork, deal: Deal
) -> None:
    vault = holders(network, deal)[3]

    async def story() -> None:
        begun = await epoch_of(network)
        try:
            staked = await away_for_an_epoch(
                network,
                vault,
                lambda: network.programs.signal(vault.name, signal.SIGSTOP),
            )
        finally:
            network.programs.signal(vault.name, signal.SIGCONT)

        async def proves_again() -> bool:
            said = (await described(network, vault)).said
            return bool(said and said.last_certified_epoch > begun + 2)

        await until(proves_again)
        assert await listed(network, vault) == staked

    asyncio.run(story())


async def away_for_an_epoch(
    network: LocalNetwork, vault: LocalVault, leave: Callable[[], object]
) -> tuple[Listing, Grains]:
    """Let a vault go away for a whole epoch; return how it was listed before."""
    before = await listed(network, vault)
    assert before[0] is Listing.ACTIVE
    begun = await epoch_of(network)
    leave()

    async def one_epoch_is_over() -> bool:
        return await epoch_of(network) >= begun + 2

    await until(one_epoch_is_over)
    return before


async def epoch_of(network: LocalNetwork) -> int:
    ledger = await RemoteLedger.join(NetworkFile.load(network.network_file))
    try:
        return (await ledger.tip()).epoch
    finally:
        await ledger.close()


async def listed(network: LocalNetwork, vault: LocalVault) -> tuple[Listing, Grains]:
    """Return how the ledger lists a vault, and its stake."""
    ledger = await RemoteLedger.join(NetworkFile.load(network.network_file))
    try:
        rows = (await ledger.registry(0)).vaults
    finally:
        await ledger.close()
    row = next(row for row in rows if row.vault.hex() == vault.vault)
    return row.listing, row.stake


def test_altered_shards_miss_an_epoch_are_declared_and_rebuilt(
    network: LocalNetwork, deal: Deal
) -> None:
    vault = holders(network, deal)[1]
    place = directory_of(network, vault)
    shards = [path for path in (place / "shards").rglob("*") if path.is_file()]
    contents = {path: path.read_bytes() for path in shards}
    assert len(shards) == 6

    async def story() -> None:
        said = (await described(network, vault)).said
        assert said
        epoch = said.epoch
        for path, content in contents.items():
            damaged = bytearray(content)
            damaged[len(damaged) // 2] ^= 1
            path.write_bytes(damaged)

        async def healed() -> bool:
            return all(path.read_bytes() == contents[path] for path in shards)

        await until(healed)

        async def proves_again() -> bool:
            now = (await described(network, vault)).said
            return bool(
                now and not now.missing_shards and now.last_certified_epoch > epoch + 2
            )

        await until(proves_again)
        since = {e: o for e, o in outcomes(place).items() if e >= epoch}
        assert 1 <= list(since.values()).count("missed") <= 2

    asyncio.run(story())


def test_every_answer_and_certificate_is_kept_for_auditors(
    network: LocalNetwork, deal: Deal
) -> None:
    vault = holders(network, deal)[2]
    place = directory_of(network, vault)
    owners = {c.checkpoint.value.vault.hex() for c in certificates(place)}
    assert vault.vault in owners
    assert len(owners) > 2
    answers = {path.name.partition("-")[2] for path in (place / "answers").iterdir()}
    assert f"{vault.vault}.answer" in answers
    assert len(answers) > 2


def test_an_auditor_without_an_account_verifies_it_all_again(
    network: LocalNetwork, deal: Deal
) -> None:
    async def story() -> None:
        file = NetworkFile.load(network.network_file)
        async with await Auditor.connect(file) as auditor:
            held = {holder.vault for holder in deal.holders}
            epoch = auditor.finished_epoch

            async def proved() -> bool:
                nonlocal epoch
                await auditor.refresh()
                epoch = auditor.finished_epoch
                found = (await auditor.epoch(epoch)).audits
                proofs = (a for a in found if a.verdict is Verdict.PROVED)
                shown = {a.vault for a in proofs if a.leaves}
                newest = auditor.state.settlement
                paid = newest is not None and newest.statement.earned_total > 0
                return paid and held <= shown

            await until(proved)
            audits = {a.vault: a for a in (await auditor.epoch(epoch)).audits}
            asked = auditor.state.params.leaves_per_audit
            for vault in held:
                assert audits[vault].verdict is Verdict.PROVED
                assert audits[vault].leaves == asked
                assert [e.deal for e in audits[vault].entries] == [deal.id]
            settlement = await auditor.settlement()
            assert settlement
            assert settlement.holds
            assert settlement.leaves
            found = await auditor.deal(deal, 1)
            assert found.faults == ()
            earned = sum(leaf.grains for leaf in settlement.leaves if leaf.party == 1)
            assert found.spent is not None
            assert found.spent >= earned > 0

    asyncio.run(story())


def test_a_vaults_record_is_read_beside_it_with_and_without_its_neighbours(
    network: LocalNetwork, deal: Deal
) -> None:
    place = directory_of(network, holders(network, deal)[3])
    words = [program("holdfast-vault"), "record", "--json", "--dir", str(place)]
    ran = subprocess.run(words, check=True, capture_output=True)
    said = json.loads(ran.stdout)
    ran = subprocess.run([*words, "--offline"], check=True, capture_output=True)
    alone = json.loads(ran.stdout)
    assert (said["neighbours_answered"] > 0, alone["neighbours_answered"]) == (True, 0)
    kept = outcomes(place)
    shown = {audit["epoch"]: audit["outcome"] for audit in alone["audits"]}
    assert "certified" in shown.values()
    assert shown.items() <= kept.items()
    assert {audit["epoch"] for audit in said["audits"]} <= shown.keys()
    assert said["earned"]


def test_who_leaves_gets_the_stake_back_when_nothing_is_owed(
    network: LocalNetwork, deal: Deal
) -> None:
    ids = {vault.vault for vault in holders(network, deal)}
    idle = next(v for v in network.plan().vaults if v.vault not in ids)
    words = [program("holdfast-vault"), "exit", "--json", "--dir"]
    words.append(str(directory_of(network, idle)))
    said = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    assert said["standing"] == "unbonding"
    again = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    assert again["left_epoch"] == said["left_epoch"]

    async def story() -> None:
        async def withdrawn() -> bool:
            return await listed(network, idle) == (Listing.WITHDRAWN, 0)

        await until(withdrawn)

        async def told() -> bool:
            said = (await described(network, idle)).said
            return said is not None and said.standing == "withdrawn"

        await until(told)

    asyncio.run(story())


def test_a_stopped_vault_leaves_no_mark_and_says_that_it_does_not_run(
    network: LocalNetwork, deal: Deal
) -> None:
    vault = holders(network, deal)[3]
    place = directory_of(network, vault)
    assert (place / "run.json").exists()
    network.stop_vault(vault.vault)
    assert not (place / "run.json").exists()
    words = [program("holdfast-vault"), "status", "--dir", str(place)]
    said = subprocess.run(words, check=False, capture_output=True, text=True)
    assert said.returncode == 3
    assert "does not run" in said.stdout
