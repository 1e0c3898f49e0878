"""What goes wrong is told in one sentence, with the next step and an exit code."""

import json
import subprocess
from pathlib import Path

from holdfast.client.exit_codes import ExitCode
from holdfast.client.local_network import LocalNetwork
from holdfast_shell import Shell


def assert_told(
    run: subprocess.CompletedProcess[str], code: ExitCode, *, what: str, step: str
) -> None:
    said = run.stderr
    assert run.returncode == code, said
    assert run.stdout == ""
    assert what in said
    assert step in said
    assert "Traceback" not in said
    first = said.splitlines()[0]
    assert first.startswith("holdfast: ")
    assert len(first) < 400


def test_without_a_profile_the_way_to_one_is_told(stranger: Shell, tree: Path) -> None:
    for words in (("backup", tree), ("snapshots",), ("wallet", "balance")):
        run = stranger.run(*words)
        assert_told(run, ExitCode.NO_PROFILE, what="profile", step="holdfast init")


def test_a_wrong_passphrase_is_called_so(newcomer: Shell) -> None:
    newcomer.variables["HOLDFAST_PASSPHRASE"] = "wrong horse"
    run = newcomer.run("snapshots")
    assert_told(run, ExitCode.WRONG_PASSPHRASE, what="passphrase", step="recover")


def test_where_nobody_can_be_asked_for_the_passphrase_the_ways_are_told(
    newcomer: Shell,
) -> None:
    newcomer.variables["HOLDFAST_PASSPHRASE"] = None
    run = newcomer.run("snapshots")
    assert_told(
        run, ExitCode.WRONG_PASSPHRASE, what="passphrase", step="--passphrase-file"
    )


def test_a_passphrase_may_stand_in_a_file(newcomer: Shell, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(newcomer.environment()["HOLDFAST_PASSPHRASE"] + "\n")
    newcomer.variables["HOLDFAST_PASSPHRASE"] = "wrong horse"
    found = newcomer.json("snapshots", "--passphrase-file", file)
    assert found == {"snapshots": []}


def test_a_wrong_word_of_the_phrase_is_named(
    stranger: Shell, network: LocalNetwork
) -> None:
    phrase = " ".join(["abandon"] * 22 + ["abundon", "art"])
    run = stranger.run(
        *("recover", "--network", network.network_file, "--phrase-file", "-"),
        said=phrase,
    )
    assert_told(run, ExitCode.WRONG_PASSPHRASE, what="'abundon'", step="24 words")
    assert not (stranger.home / "profile").exists()


def test_too_few_tokens_are_told_with_both_amounts(newcomer: Shell, tree: Path) -> None:
    run = newcomer.run("backup", tree)
    assert_told(run, ExitCode.BALANCE_TOO_LOW, what="HOLD", step="wallet faucet")
    receiver = "0x" + "11" * 20
    run = newcomer.run("wallet", "transfer", receiver, "5")
    assert_told(run, ExitCode.BALANCE_TOO_LOW, what="5 HOLD", step="wallet faucet")


def test_a_path_that_does_not_exist_is_named(owner: Shell, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    run = owner.run("backup", missing)
    assert_told(run, ExitCode.NOT_FOUND, what=str(missing), step="check the paths")


def test_a_snapshot_that_does_not_exist_is_named(owner: Shell, tmp_path: Path) -> None:
    run = owner.run("restore", "abcdef", "--target", tmp_path / "t")
    assert_told(run, ExitCode.NOT_FOUND, what="abcdef", step="`holdfast snapshots`")


def test_an_amount_that_is_none_is_refused_before_anything_is_asked(
    newcomer: Shell,
) -> None:
    run = newcomer.run("wallet", "transfer", "0x" + "11" * 20, "a lot")
    assert_told(run, ExitCode.USAGE, what="a lot", step="12.5")


def test_output_onto_a_full_disk_is_told_as_that(stranger: Shell) -> None:
    with Path("/dev/full").open("w") as full:
        run = stranger.run(
            "version", stdout=full, stderr=subprocess.PIPE, capture_output=False
        )
    assert run.returncode == ExitCode.DISK_FULL
    assert "full" in run.stderr
    assert "Traceback" not in run.stderr


def test_an_error_in_json_is_one_document_with_the_same_words(
    stranger: Shell,
) -> None:
    run = stranger.run("snapshots", "--json")
    assert run.returncode == ExitCode.NO_PROFILE
    assert run.stderr == ""
    error = json.loads(run.stdout)["error"]
    assert error["kind"] == "no_profile"
    assert error["exit_code"] == ExitCode.NO_PROFILE
    assert "holdfast init" in error["message"]


def test_a_network_that_was_never_started_is_told_with_the_way_to_one(
    stranger: Shell,
) -> None:
    run = stranger.run("network", "status")
    assert_told(
        run, ExitCode.NETWORK_FAILED, what="no network", step="`holdfast network up`"
    )
    run = stranger.run("init")
    assert_told(run, ExitCode.NOT_FOUND, what="network", step="`holdfast network up`")
