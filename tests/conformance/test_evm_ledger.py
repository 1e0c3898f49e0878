"""The scenarios of every ledger, on a chain in this process."""

import asyncio
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Final

import pytest

from evm_ledger_stage import ChainStage
from holdfast.ledger.core.chain import Genesis
from ledger_stage import PLAYS, Scenario

SCENARIOS: Final = (
    "test_ledger_accounts",
    "test_ledger_deals",
    "test_ledger_following",
    "test_ledger_registry",
    "test_ledger_settlement",
)
TRANSACTIONS: Final = "transactions carry the nonce and signature, not operations"
DIFFERENT: Final = {
    "test_a_nonce_serves_one_operation": TRANSACTIONS,
    "test_a_repeated_operation_is_applied_once_with_the_same_result": TRANSACTIONS,
    "test_nobody_writes_in_anothers_name": TRANSACTIONS,
    "test_the_other_form_of_a_signature_is_refused": TRANSACTIONS,
    "test_the_same_settlement_brought_again_returns_the_first_result": (
        "approvals count in an account's nonce"
    ),
    "test_every_epoch_has_a_beacon_made_by_its_tick": "beacons come from blocks",
    "test_the_tip_tells_entries_epoch_and_time": "sequences are places in blocks",
    "test_an_ejected_vault_loses_its_place_and_what_it_is_slashed": (
        "a stake waits for the refunds of the deals held"
    ),
}


def load(name: str) -> dict[str, tuple[Scenario, Genesis]]:
    """Return the scenarios of a file beside this one."""
    spec = spec_from_file_location(
        f"scenarios.{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    prefix = f"scenarios.{name}."
    return {
        key.removeprefix(prefix): play
        for key, play in PLAYS.items()
        if key.startswith(prefix)
    }


SCENES: Final = {name: play for file in SCENARIOS for name, play in load(file).items()}


@cache
def chain_stage(genesis: Genesis) -> ChainStage:
    """Return the network of a genesis, deployed once for all its scenarios."""
    return asyncio.run(ChainStage.build(genesis))


@pytest.mark.parametrize("name", sorted(SCENES))
def test_a_chain_goes_as_every_ledger(name: str) -> None:
    scenario, genesis = SCENES[name]
    network = chain_stage(genesis)

    async def play() -> None:
        async with network.stage() as stage:
            await scenario(stage)
            stage.check()

    asyncio.run(play())
