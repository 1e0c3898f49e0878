"""Guardian shares: any t of m bring the key back, and nothing less does."""

from itertools import combinations
from pathlib import Path

import pytest
from shamir_mnemonic import generate_mnemonics

from holdfast.client.core.key_slots import WEAKEST
from holdfast.client.exit_codes import ExitCode
from holdfast.client.guardian_shares import (
    ShareDetails,
    ShareError,
    join_shares,
    make_shares,
    write_shares,
)
from holdfast.client.main import main
from holdfast.client.profile import Profile
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.network import development_params

MASTER = bytes(range(32))
DETAILS = ShareDetails("0x" + "ab" * 20, "harbour", "192.0.2.1:7400", 3, 5)


def named(shares: tuple[str, ...] | list[str]) -> dict[str, str]:
    return {f"file {number}": text for number, text in enumerate(shares, 1)}


def test_any_three_of_five_shares_bring_the_key_back_and_two_do_not() -> None:
    shares = make_shares(MASTER, 3, 5)
    for chosen in combinations(shares, 3):
        assert join_shares(named(chosen)) == MASTER
    assert join_shares(named(shares)) == MASTER
    for pair in combinations(shares, 2):
        with pytest.raises(ShareError, match="3 different shares are needed and 2"):
            join_shares(named(pair))


def test_a_share_given_twice_counts_once() -> None:
    share, *_ = make_shares(MASTER, 2, 3)
    with pytest.raises(ShareError, match="2 different shares are needed and 1"):
        join_shares(named([share, share.upper()]))


@pytest.mark.parametrize(("threshold", "count"), [(1, 3), (4, 3), (2, 17), (0, 0)])
def test_thresholds_that_protect_nothing_or_cannot_be_met_are_refused(
    threshold: int, count: int
) -> None:
    with pytest.raises(ShareError, match="cannot be"):
        make_shares(MASTER, threshold, count)


def test_shares_of_two_sets_are_told_apart() -> None:
    one, other = make_shares(MASTER, 2, 2), make_shares(MASTER, 2, 2)
    with pytest.raises(ShareError, match="file 2 and file 1 are of different sets"):
        join_shares(named([one[0], other[1]]))


def test_a_mistyped_share_is_named_with_its_words() -> None:
    shares = make_shares(MASTER, 2, 2)
    words = shares[1].split()
    with pytest.raises(ShareError, match="file 2: not in the list of words: word 3"):
        join_shares(named([shares[0], " ".join([*words[:2], "qqq", *words[3:]])]))
    with pytest.raises(ShareError, match="file 2 has 32 words"):
        join_shares(named([shares[0], " ".join(words[:-1])]))
    swapped = " ".join([*words[:10], words[11], words[10], *words[12:]])
    with pytest.raises(ShareError, match=r"file 2.*checksum"):
        join_shares(named([shares[0], swapped]))


def test_a_share_that_asks_for_minutes_of_work_is_refused() -> None:
    (shares,) = generate_mnemonics(1, [(2, 2)], MASTER, iteration_exponent=5)
    with pytest.raises(ShareError, match="not made by Holdfast"):
        join_shares(named(shares))


@pytest.mark.parametrize("text", ["", "#", "\x00", "é" * 40, "abstract " * 1000])
def test_any_text_gives_a_clear_error(text: str) -> None:
    with pytest.raises(ShareError):
        join_shares({"file": text})


def test_no_share_is_left_behind_when_one_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "share-2-of-3.txt").write_text("precious")
    with pytest.raises(ShareError, match="share-2-of-3"):
        write_shares(tmp_path, make_shares(MASTER, 2, 3), DETAILS)
    assert [path.name for path in tmp_path.iterdir()] == ["share-2-of-3.txt"]
    assert (tmp_path / "share-2-of-3.txt").read_text() == "precious"


def test_the_files_of_two_guardians_make_the_profile_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = tmp_path / "network.json"
    params = development_params("nowhere", 1_000, 3600)
    NetworkFile(params, "127.0.0.1:1", b"none").save(network)
    first, second = tmp_path / "first", tmp_path / "second"
    before, _ = Profile.create(first, network, "first", strength=WEAKEST)
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "first")
    folder = str(tmp_path / "shares")
    words = ["recovery", "shares", "--threshold", "2", "--shares", "3"]
    assert main([*words, "--output-dir", folder, "--home", str(first)]) == 0
    files = sorted((tmp_path / "shares").iterdir())
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 3

    recover = ["recover", "--network", str(network), "--home", str(second)]
    one, _, three = (["--share", str(file)] for file in files)
    assert main([*recover, *one]) == ExitCode.WRONG_PASSPHRASE
    assert main([*recover, *one, "--kit", "-"]) == ExitCode.USAGE
    assert not second.exists()
    assert main([*recover, *one, *three]) == 0
    assert Profile.load(second).account == before.account
