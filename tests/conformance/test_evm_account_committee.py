"""Vaults whose accounts certify settle by themselves, and the contract takes it.

The machines of a committee on one side, the contracts on the other: on py-evm, and on
an anvil of the fork before Prague, which could not check anything else.
"""

import asyncio
from contextlib import ExitStack

import pytest

from audit_parties import Parties, of_kind, only
from committee_stage import FIRST, Member
from evm_anvil import AnvilChain, anvil_program, running_anvil
from evm_chain import TestChain
from evm_ledger_stage import ChainStage, EvmStage, MakeChain
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.core.operations import Claim, Settle
from holdfast.protocol.account_certificate import AccountCertificate
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.deal import Deal
from holdfast.protocol.keys import SigningPair
from holdfast.protocol.settlement import VAULT_LEAF, prove_total
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.events import Asked
from holdfast.vault.core.messages import (
    Certify,
    ProposeSettlement,
    SettlementReply,
)
from ledger_stage import HOURLY, node_keys, opened, vault_key
from simulation.fake_data import FakeDeal

ANVIL = anvil_program()
NUMBERS = (1, 2, 3, 4, 5)
HOLDERS = NUMBERS[:4]
EPOCHS = (5, 6)
"""Of the period that is settled: the deal is held, and proved."""


# What anvil shows in the default run is left to the long one.
@pytest.mark.parametrize(
    "make", [pytest.param(TestChain, marks=[pytest.mark.long] if ANVIL else [])]
)
def test_a_committee_of_accounts_settles_and_is_paid(make: MakeChain) -> None:
    asyncio.run(_played(make))


@pytest.mark.skipif(ANVIL is None, reason="anvil is not installed")
def test_it_does_so_on_a_chain_that_cannot_check_bls() -> None:
    assert ANVIL is not None
    with ExitStack() as running:

        def older(seconds: int, chain_id: int) -> AnvilChain:
            options = ("--chain-id", str(chain_id))
            made = running_anvil(ANVIL or "", seconds, *options, hardfork="cancun")
            return running.enter_context(made)

        asyncio.run(_played(older))


async def _played(make: MakeChain) -> None:
    network = await ChainStage.build(Genesis(HOURLY), make, accounts_certify=True)
    async with network.stage() as stage:
        deal = await _deal_in_place(stage)
        await stage.advance_to(FIRST)
        parties = await _parties(stage)
        members = _members(parties, deal)
        certificate = _certified(parties, members)
        await stage.evm.open_account(vault_key(1)).submit(Settle(certificate))

        settled = await stage.ledger.settlement()
        assert settled == certificate
        assert (await _followed(stage)).is_certified(settled)
        paid = certificate.statement.earned_total
        assert 0 < paid == certificate.statement.spent_total

        # What the committee summed up is claimed with a proof from its own books.
        proposer = members[parties.ledger.committee(FIRST // HOURLY.period_epochs)[0]]
        state = await _followed(stage)
        proposer.me.ledger.absorb(LedgerNews(0, -1, settlement=state.settlement))
        assert of_kind(proposer.books.adopt(), fx.Save)
        base = proposer.books.base()
        assert base is not None
        before = await stage.balance(vault_key(1).id)
        proof = prove_total(base.totals, VAULT_LEAF, node_keys(1).vault_id)
        assert proof is not None
        await stage.act(vault_key(1), Claim(proof))
        earned = await stage.balance(vault_key(1).id) - before
        assert earned == proof.total.grains > 0
        stage.check()


async def _deal_in_place(stage: EvmStage) -> Deal:
    owner = await stage.fed(100)
    await stage.vaults(NUMBERS)
    await stage.advance_to(EPOCHS[0] - 1)
    terms = {"numbers": HOLDERS, "k": 2, "end_epoch": 40, "price": 1 << 26}
    operation = await stage.opening(owner, **terms)
    await stage.act(owner, operation)
    return await stage.deal(opened(owner, operation))


async def _followed(stage: EvmStage) -> LedgerState:
    """Return the ledger as a vault of the network mirrors it."""
    vaults = tuple(node_keys(number).vault_id for number in NUMBERS)
    by_accounts = stage.evm.accounts_certify
    state, after, more = LedgerState(HOURLY, accounts_certify=by_accounts), 0, True
    while more:
        changes = await stage.ledger.sync(vaults, after)
        after, more = changes.upto, changes.more
        state.absorb(
            LedgerNews(
                changes.upto,
                changes.tip.epoch,
                changes.beacons,
                changes.vaults,
                changes.deals,
                changes.settlement,
            )
        )
    state.followed(vaults)
    return state


async def _parties(stage: EvmStage) -> Parties:
    parties = Parties(0, HOURLY, accounts_certify=True)
    parties.ledger = await _followed(stage)
    parties.keys = [node_keys(number) for number in NUMBERS]
    parties.by_id = {keys.vault_id: keys for keys in parties.keys}
    return parties


def _members(parties: Parties, deal: Deal) -> dict[VaultId, Member]:
    """Return the vaults' machines, all of which know what was proved."""
    fake = FakeDeal(deal, SigningPair(b"\x05" * 32))
    fake.grow(HOURLY.network_id, [1])
    members = {keys.vault_id: Member(parties, n) for n, keys in enumerate(parties.keys)}
    for index, number in enumerate(HOLDERS):
        entries = Entries((fake.entry(index),))
        for epoch in EPOCHS:
            proved = parties.certificate(node_keys(number), epoch, entries)
            push = Certify((proved,), (entries,))
            for member in members.values():
                asked = Asked(parties.at(FIRST, 0.1), 1, push)
                assert of_kind(member.settling.asked(asked), fx.Reply)
    return members


def _certified(parties: Parties, members: dict[VaultId, Member]) -> AccountCertificate:
    """Return what the first in rank brings, when a majority has signed it."""
    turn = parties.at(FIRST + 2)
    committee = parties.ledger.committee(FIRST // HOURLY.period_epochs)
    proposing = members[committee[0]].proposing
    for call in of_kind(proposing.step(turn), fx.Call):
        peer, proposal = VaultId(bytes(call.peer)), call.request
        assert isinstance(proposal, ProposeSettlement)
        (said,) = members[peer].settling.asked(Asked(turn, 1, proposal))
        assert isinstance(said, fx.Reply)
        assert isinstance(said.reply, SettlementReply)
        effects = proposing.replied(turn, peer, proposal, said.reply)
        if of_kind(effects, fx.Submit):
            operation = only(effects, fx.Submit).operation
            assert isinstance(operation, Settle)
            assert isinstance(operation.certificate, AccountCertificate)
            return operation.certificate
    raise AssertionError("no majority")
