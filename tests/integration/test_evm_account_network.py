"""A whole network on a chain that cannot check BLS: it settles and pays by itself."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from evm_anvil import anvil_program
from holdfast.client import AsyncClient, Profile
from holdfast.client.auditor import Auditor
from holdfast.client.contract_books import ContractBooks
from holdfast.client.core.key_slots import WEAKEST
from holdfast.client.local_layout import EVM
from holdfast.client.local_network import LocalNetwork
from holdfast.ledger.joining import join
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.account_certificate import AccountCertificate
from holdfast.protocol.placement import majority
from holdfast.protocol.units import MIB

Value = TypeVar("Value")
ANVIL = anvil_program()
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(ANVIL is None, reason="anvil is not installed"),
]
VAULTS = 9
SETTLEMENTS = 2
LOOK_SECONDS = 0.5


def test_vaults_whose_accounts_certify_settle_and_are_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ANVIL is not None
    monkeypatch.setenv("HOLDFAST_ANVIL", ANVIL)
    asyncio.run(_settled_by_accounts(tmp_path))


async def _settled_by_accounts(path: Path) -> None:
    source = path / "files"
    source.mkdir()
    (source / "one.bin").write_bytes(random.Random(1).randbytes(2 * MIB))
    async with LocalNetwork(path / "n", tied=True) as network:
        await network.up(VAULTS, epoch_seconds=12, ledger=EVM, accounts_certify=True)
        file = NetworkFile.load(network.network_file)
        assert file.accounts_certify
        profile, _ = Profile.create(
            path / "home", network.network_file, "pass", strength=WEAKEST
        )
        async with await AsyncClient.connect(profile, profile.unlock("pass")) as client:
            await client.faucet()
            await client.backup([source])
            async with ContractBooks(file) as books:
                await _until(lambda: _paid(books), lambda paid: paid)
                for taken in await books.certificates():
                    signed = taken.signers.bit_count()
                    assert len(taken.evidence) == 65 * signed
                    assert await books.refused(taken) is None
                    assert await books.refused(taken, root_bit=1) is not None
        await _audited(file)


async def _paid(books: ContractBooks) -> bool:
    """Tell whether something was claimed, and settled again afterwards."""
    await books.look()
    return bool(await books.claims()) and len(await books.certificates()) >= SETTLEMENTS


async def _audited(file: NetworkFile) -> None:
    ledger = await join(file)
    try:
        settled = await ledger.settlement()
        assert isinstance(settled, AccountCertificate)
        members = await ledger.committee(settled.statement.period + 1)
        assert len(settled.account_signatures) >= majority(len(members))
    finally:
        await ledger.close()
    async with await Auditor.connect(file) as auditor:
        finding = await auditor.settlement()
        assert finding is not None
        assert finding.faults == ()


async def _until(
    ask: Callable[[], Awaitable[Value]], enough: Callable[[Value], bool]
) -> Value:
    while not enough(found := await ask()):  # noqa: ASYNC110 # it has no event
        await asyncio.sleep(LOOK_SECONDS)
    return found
