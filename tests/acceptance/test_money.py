"""What a user sees of his money, on a network that audits and settles."""

from pathlib import Path

import pytest

from holdfast.client.exit_codes import ExitCode
from holdfast_shell import Shell, tries


def test_a_bill_has_a_proof_for_every_line_and_what_is_closed_comes_back(
    owner: Shell, tree: Path
) -> None:
    told = owner.json("cost", tree, "--for", "1h")
    before = owner.json("wallet", "balance")["balance_grains"]
    owner.json("backup", tree, "--for", "1h")
    funds = owner.json("wallet", "balance")
    assert before - funds["balance_grains"] == funds["escrow_grains"]
    # A deal that is opened some epochs after its price was told costs these less.
    escrow = funds["escrow_grains"]
    assert 0.95 * told["escrow_grains"] < escrow <= told["escrow_grains"]

    for _ in tries():
        bill = owner.json("bill")
        if bill["charges"]:
            break
    line, *_ = bill["charges"]
    assert 0 < line["grains"] <= bill["total_grains"]
    assert Path(line["proof"]).is_file()
    (deal,) = bill["deals"]
    assert deal["spent_grains"] == bill["total_grains"]
    assert deal["spent_grains"] + deal["locked_grains"] == escrow

    nobody = Shell(owner.home / "nobody")
    (verified,) = nobody.json("bill", "--verify", line["proof"])["files"]
    assert verified["holds"]
    assert verified["period"] == line["last_period"]
    assert verified["spent_grains"][line["deal"]] == line["total_grains"]

    Path(line["proof"]).write_bytes(b"HF")
    run = owner.run("bill")
    assert run.returncode == ExitCode.UNTRUE
    assert "does not hold" in run.stderr

    closed = owner.json("deal", "close", deal["id"], "--yes")
    assert closed["closed_epoch"] is not None
    for _ in tries():
        run = owner.run("deal", "list")
        assert run.returncode == 0, run.stderr
        if "came back" in run.stderr:
            break
    assert "HOLD came back from deals that ended" in run.stderr
    funds = owner.json("wallet", "balance")
    assert funds["escrow_grains"] == 0


@pytest.mark.long
def test_a_policy_renews_what_ends_soon_whatever_command_comes_next(
    owner: Shell, tree: Path
) -> None:
    owner.json("backup", tree, "--for", "1h")
    (before,) = owner.json("deal", "list")["deals"]
    owner.json("deal", "auto-renew", "--for", "5h", "--before", "2h")
    run = owner.run("snapshots")
    assert run.returncode == 0
    assert run.stderr.startswith(f"renewed deal {before['id'][:12]}")
    (after,) = owner.json("deal", "list")["deals"]
    assert after["end_epoch"] > before["end_epoch"]
    assert owner.run("snapshots").stderr == ""
