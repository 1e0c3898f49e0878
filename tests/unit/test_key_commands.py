"""`holdfast key`: several passphrases for one profile, as their users type them."""

import json
from pathlib import Path

import pytest

from holdfast.client.core.key_slots import WEAKEST
from holdfast.client.exit_codes import ExitCode
from holdfast.client.main import main
from holdfast.client.profile import Profile
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.network import development_params


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    network = tmp_path / "network.json"
    params = development_params("nowhere", 1_000, 3600)
    NetworkFile(params, "127.0.0.1:1", b"none").save(network)
    Profile.create(home, network, "first", strength=WEAKEST)
    monkeypatch.setenv("HOLDFAST_HOME", str(home))
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "first")
    monkeypatch.setenv("HOLDFAST_NEW_PASSPHRASE", "second")
    return home


def test_a_second_passphrase_is_added_listed_and_outlives_the_first(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Profile.load(home).unlock("first").master
    assert main(["key", "add", "--label", "Ada"]) == 0
    capsys.readouterr()
    assert main(["key", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passphrases"] == [
        {"number": 1, "label": ""},
        {"number": 2, "label": "Ada"},
    ]
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "second")
    assert main(["key", "remove", "1"]) == 0
    assert Profile.load(home).unlock("second").master == before
    assert main(["key", "remove", "1"]) == ExitCode.FAILED
    assert "last passphrase" in capsys.readouterr().err


def test_a_passphrase_is_changed_and_the_keys_stay(home: Path, tmp_path: Path) -> None:
    before = Profile.load(home).unlock("first").master
    file = tmp_path / "new"
    file.write_text("third\n")
    assert main(["key", "passwd", "--new-passphrase-file", str(file)]) == 0
    assert Profile.load(home).unlock("third").master == before


def test_a_wrong_passphrase_changes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (home / "keys.json").read_bytes()
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "wrong")
    for words in (["add"], ["passwd"], ["remove", "1"]):
        assert main(["key", *words]) == ExitCode.WRONG_PASSPHRASE
    assert (home / "keys.json").read_bytes() == before


@pytest.mark.usefixtures("home")
def test_without_a_terminal_the_new_passphrase_must_come_from_somewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HOLDFAST_NEW_PASSPHRASE")
    assert main(["key", "add"]) == ExitCode.WRONG_PASSPHRASE
    said = capsys.readouterr().err
    assert "next: set HOLDFAST_NEW_PASSPHRASE, or name a file with --new-" in said
    assert "HOLDFAST_PASSPHRASE" not in said
