"""From a new profile to files on another machine, through the program alone."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from holdfast.client.demo.comparison import compare
from holdfast.client.exit_codes import ExitCode
from holdfast.client.local_network import LocalNetwork
from holdfast_shell import Shell


def restored(target: Path, tree: Path) -> Path:
    return target / tree.relative_to("/")


def test_files_come_back_as_they_were(owner: Shell, tree: Path, tmp_path: Path) -> None:
    made = owner.json("backup", tree, "--tag", "first")
    assert (made["files"], made["problems"]) == (4, [])
    (listed,) = owner.json("snapshots")["snapshots"]
    assert listed["id"] == made["snapshot"]
    assert (listed["paths"], listed["tags"]) == ([str(tree)], ["first"])
    report = owner.json("restore", made["snapshot"][:8], "--target", tmp_path / "t")
    assert report["complete"]
    assert compare(tree, restored(tmp_path / "t", tree)).differences == []


def test_the_24_words_are_enough_on_another_machine(
    tmp_path: Path, network: LocalNetwork, tree: Path
) -> None:
    first = Shell(tmp_path / "first")
    phrase = first.json("init", "--network", network.network_file)["phrase"]
    assert len(phrase.split()) == 24
    first.json("wallet", "faucet")
    first.json("backup", tree)
    shutil.rmtree(first.home)

    second = Shell(tmp_path / "second", {"HOLDFAST_PASSPHRASE": "another one"})
    words = ("recover", "--network", network.network_file, "--phrase-file", "-")
    second.json(*words, said=phrase)
    (listed,) = second.json("snapshots")["snapshots"]
    assert listed["files"] == 4
    second.json("restore", "latest", "--target", tmp_path / "t")
    assert compare(tree, restored(tmp_path / "t", tree)).differences == []


def test_a_second_backup_sends_only_what_changed(owner: Shell, tree: Path) -> None:
    first = owner.json("backup", tree)
    (tree / "letter.txt").write_text("Dear vault, never mind.\n")
    second = owner.json("backup", tree)
    assert first["bytes_added"] > 300_000
    assert 0 < second["bytes_added"] < 10_000
    assert second["snapshot"] != first["snapshot"]


def test_some_paths_of_a_backup_can_be_listed_and_restored(
    owner: Shell, tree: Path, tmp_path: Path
) -> None:
    owner.json("backup", tree)
    run = owner.run("ls", "latest", str(tree / "sub"), "--json")
    assert run.returncode == 0, run.stdout
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    found = {line["path"]: line for line in lines if line.get("event") == "file"}
    assert found[str(tree / "sub" / "run.sh")]["mode"] == "0750"
    assert found[str(tree / "sub" / "link")]["target"] == "../letter.txt"
    assert not any(path.endswith("noise.bin") for path in found)
    report = owner.json(
        "restore", "latest", str(tree / "sub"), "--target", tmp_path / "t"
    )
    assert report["files"] == 1
    assert compare(tree / "sub", restored(tmp_path / "t", tree / "sub")).same


def test_a_forgotten_backup_is_pruned_and_the_others_stay(
    owner: Shell, tree: Path, tmp_path: Path
) -> None:
    first = owner.json("backup", tree)
    (tree / "noise.bin").write_bytes(os.urandom(300_000))
    owner.json("backup", tree)
    forgotten = owner.json("forget", first["snapshot"])["forgotten"]
    assert forgotten == [first["snapshot"]]
    assert owner.json("prune")["bytes_dropped"] > 300_000
    owner.json("restore", "latest", "--target", tmp_path / "t")
    assert compare(tree, restored(tmp_path / "t", tree)).differences == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs an unreadable file")
def test_files_that_cannot_be_read_are_named_and_the_rest_is_stored(
    owner: Shell, tree: Path
) -> None:
    run = owner.run("backup", tree, "/proc/self/mem", "--json")
    assert run.returncode == ExitCode.FILES_SKIPPED, run.stderr
    made = json.loads(run.stdout.splitlines()[-1])
    assert [problem["path"] for problem in made["problems"]] == ["/proc/self/mem"]
    listed = owner.run("ls", "latest").stdout.splitlines()
    assert str(tree / "letter.txt") in listed


def test_the_cost_is_told_before_anything_is_spent(owner: Shell, tree: Path) -> None:
    before = owner.json("wallet", "balance")["balance_grains"]
    told = owner.json("cost", tree)
    assert told["total_grains"] > 0
    assert owner.json("wallet", "balance")["balance_grains"] == before
    assert owner.json("deal", "list") == {"deals": []}


def test_tokens_move_from_one_account_to_another(
    owner: Shell, tmp_path: Path, network: LocalNetwork
) -> None:
    other = Shell(tmp_path / "other")
    address = other.json("init", "--network", network.network_file)["account"]
    assert other.json("wallet", "address") == {"account": address}
    before = owner.json("wallet", "balance")["balance_grains"]
    sent = owner.json("wallet", "transfer", address, "12.5")
    assert sent["balance_grains"] == before - 12_500_000_000
    assert other.json("wallet", "balance")["balance_grains"] == 12_500_000_000
