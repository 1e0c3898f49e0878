"""The scenarios of every ledger, on chains: in this process, and on anvil."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from evm_anvil import AnvilChain, anvil_program, running_anvil
from evm_chain import TestChain
from evm_ledger_stage import OPERATOR, ChainStage
from evm_scenes import scenes
from holdfast.ledger.core.account_certificates import accounts_signed
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.core.operations import Settle
from holdfast.ledger.errors import SettlementRefusedError
from holdfast.protocol.settlement import Totals
from ledger_stage import HOURLY, statement

SCENARIOS: Final = (
    "test_ledger_accounts",
    "test_ledger_claims",
    "test_ledger_deals",
    "test_ledger_following",
    "test_ledger_registry",
    "test_ledger_replacements",
    "test_ledger_settlement",
)
TRANSACTIONS: Final = "transactions carry the nonce and signature, not operations"
DIFFERENT: Final = {
    "test_a_nonce_serves_one_operation": TRANSACTIONS,
    "test_a_repeated_operation_is_applied_once_with_the_same_result": TRANSACTIONS,
    "test_nobody_writes_in_anothers_name": TRANSACTIONS,
    "test_the_other_form_of_a_signature_is_refused": TRANSACTIONS,
    "test_a_replacement_takes_effect_once": TRANSACTIONS,
    "test_the_same_settlement_brought_again_returns_the_first_result": (
        "approvals count in an account's nonce"
    ),
    "test_every_epoch_has_a_beacon_made_by_its_tick": "beacons come from blocks",
    "test_the_tip_tells_entries_epoch_and_time": "sequences are places in blocks",
    "test_an_ejected_vault_loses_its_place_and_what_it_is_slashed": (
        "a stake waits for the refunds of the deals held"
    ),
}
SCENES: Final = {
    name: play
    for file in SCENARIOS
    for name, play in scenes(file).items()
    if name not in DIFFERENT
}


FEW: Final = (
    "test_a_deal_is_extended_for_what_its_growth_costs",
    "test_a_follower_waits_for_news_and_not_for_noise",
    "test_a_void_epoch_draws_no_committee",
    "test_nobody_spends_what_he_has_not",
    "test_only_its_account_moves_a_vault",
    "test_two_writers_of_one_account_both_get_through",
    "test_when_everybody_has_left_no_stake_stays_locked",
)
"""Those for the chain in this process, which is slow; anvil plays all scenarios."""

OFTEN: Final = frozenset(
    {
        "test_a_closed_deal_ends_with_the_period",
        "test_a_refund_frees_those_who_hold_the_deal_at_its_end",
        "test_a_closed_deal_that_still_runs_gets_one",
        "test_claims_never_exceed_the_certified_total",
        "test_one_answer_brings_a_follower_up_to_date",
        "test_only_a_majority_of_the_committee_settles",
        "test_the_faucet_gives_to_an_account_once",
        "test_who_rebuilt_takes_the_place_at_the_lost_holders_price",
        *FEW,
    }
)
"""Those of the default run on anvil: one or two of each kind."""
assert SCENES.keys() >= OFTEN

CERTIFIED: Final = {
    **scenes("test_ledger_claims"),
    **scenes("test_ledger_settlement"),
    **scenes("test_ledger_replacements"),
}
OFTEN_BY_ACCOUNTS: Final = frozenset(
    {
        "test_no_settlement_takes_back_or_overpays",
        "test_only_a_majority_of_the_committee_settles",
    }
)
"""Where accounts certify, because the chain cannot check BLS signatures."""
DIFFERENT_BY_ACCOUNTS: Final = {
    **DIFFERENT,
    "test_a_settlement_moves_what_was_spent_to_what_can_be_claimed": (
        "the chain tells the signatures of accounts, not that of BLS"
    ),
}

ANVIL: Final = anvil_program()


def _cases() -> Iterator[object]:
    """Return what is played where; what only repeats another is for the long run."""
    for name in FEW:
        marks = [pytest.mark.long] if ANVIL else []
        yield pytest.param("in process", name, marks=marks)
    for name in sorted(SCENES) if ANVIL else ():
        marks = [] if name in OFTEN else [pytest.mark.long]
        yield pytest.param("anvil", name, marks=marks)
    for name in sorted(set(CERTIFIED) - set(DIFFERENT_BY_ACCOUNTS)) if ANVIL else ():
        marks = [] if name in OFTEN_BY_ACCOUNTS else [pytest.mark.long]
        yield pytest.param("anvil without EIP-2537", name, marks=marks)


class Chains:
    """One network for each genesis and kind of chain, deployed when first asked for."""

    def __init__(self, running: ExitStack) -> None:
        self._running = running
        self._stages: dict[tuple[str, Genesis], ChainStage] = {}

    def stage(self, kind: str, genesis: Genesis) -> ChainStage:
        key = (kind, genesis)
        if key not in self._stages:
            self._stages[key] = asyncio.run(self._built(kind, genesis))
        return self._stages[key]

    async def _built(self, kind: str, genesis: Genesis) -> ChainStage:
        match kind:
            case "in process":
                return await ChainStage.build(genesis, TestChain)
            case "anvil":
                return await ChainStage.build(genesis, self._anvil)
            case _:
                return await ChainStage.build(
                    genesis, self._older_anvil, accounts_certify=True
                )

    def _anvil(self, seconds: int, chain_id: int, fork: str = "prague") -> AnvilChain:
        assert ANVIL is not None
        options = ("--chain-id", str(chain_id))
        running = running_anvil(ANVIL, seconds, *options, hardfork=fork)
        return self._running.enter_context(running)

    def _older_anvil(self, seconds: int, chain_id: int) -> AnvilChain:
        """A chain of the fork before, which has no precompiles for BLS."""
        return self._anvil(seconds, chain_id, "cancun")


@pytest.fixture(scope="module")
def chains() -> Iterator[Chains]:
    with ExitStack() as running:
        yield Chains(running)


@pytest.mark.parametrize(("kind", "name"), list(_cases()))
def test_a_chain_goes_as_every_ledger(kind: str, name: str, chains: Chains) -> None:
    scenario, genesis = SCENES[name]
    network = chains.stage(kind, genesis)

    async def play() -> None:
        async with network.stage() as stage:
            await scenario(stage)
            stage.check()

    asyncio.run(play())


@pytest.mark.skipif(ANVIL is None, reason="anvil is not installed")
def test_where_accounts_certify_a_bls_signature_settles_nothing(chains: Chains) -> None:
    network = chains.stage("anvil without EIP-2537", Genesis(HOURLY))

    async def play() -> None:
        async with network.stage() as stage:
            numbers = [1, 2, 3]
            await stage.vaults(numbers)
            await stage.advance_to(HOURLY.first_epoch(2))
            made = statement(HOURLY, 1, Totals({}, {}))
            certificate = await stage.certify(made, numbers)
            account = stage.evm.open_account(OPERATOR)
            with pytest.raises(SettlementRefusedError):
                await account.submit(Settle(certificate))
            await stage.act(OPERATOR, Settle(certificate))
            settled = await stage.ledger.settlement()
            members = await stage.ledger.committee(2)
            rows = [stage.evm.state.vault(vault) for vault in members]
            present = [row for row in rows if row is not None]
            assert settled is not None
            assert accounts_signed(HOURLY, present, settled)

    asyncio.run(play())
