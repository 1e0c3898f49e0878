"""`holdfast check` on a network whose vaults are audited."""

from pathlib import Path

from holdfast_shell import Shell, tries


def test_after_a_while_every_holder_has_proved_the_backup_and_it_reads_back(
    owner: Shell, tree: Path
) -> None:
    owner.json("backup", tree)
    for _ in tries():
        told = owner.json("check", "--read-data")
        (deal,) = told["deals"]
        if all(holder["proof_covers_newest"] for holder in deal["holders"]):
            break
    assert told["verdict"] == "sound"
    assert deal["oldest_proof_epoch"] > 0
    assert all(holder["proof_covers_newest"] for holder in deal["holders"])
    assert told["losses_survived"] == 4
    assert told["read"]["chunks"] == told["read"]["chunks_total"]
    run = owner.run("check", "--read-data-subset", "1/2")
    assert run.returncode == 0, run.stderr
    assert "All is well: any 4 holders of each deal may be lost" in run.stdout
