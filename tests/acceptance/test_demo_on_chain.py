"""`holdfast demo --ledger evm` on a small tree: true in all it says, on anvil."""

import json
from pathlib import Path

import pytest

from evm_anvil import anvil_program
from holdfast.client.exit_codes import ExitCode
from holdfast_shell import Shell

ANVIL = anvil_program()
CLAIMS = 19
SECONDS = 400


@pytest.mark.long
@pytest.mark.xdist_group("network")
@pytest.mark.skipif(ANVIL is None, reason="anvil is not installed")
def test_the_demo_is_true_on_a_chain_and_leaves_nothing(
    stranger: Shell, tree: Path, tmp_path: Path
) -> None:
    stage = tmp_path / "stage"
    stage.mkdir()
    assert ANVIL is not None
    stranger.variables |= {"TMPDIR": str(stage), "HOLDFAST_ANVIL": ANVIL}
    run = stranger.run("demo", tree, "--ledger", "evm", "--json", timeout=SECONDS)
    assert run.returncode == ExitCode.OK, run.stdout + run.stderr
    page = json.loads(run.stdout.splitlines()[-1])
    assert [claim["text"] for claim in page["claims"] if not claim["true"]] == []
    assert len(page["claims"]) == CLAIMS
    figures = page["figures"]
    assert figures["escrow_grains"] > figures["refund_grains"] > 0
    assert max(figures["claim_gas"]) < 120_000
    assert max(figures["settlement_gas"]) < 600_000
    assert list(stage.iterdir()) == []
