"""`holdfast recovery kit` and `recover --kit`: from paper to a profile."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backup_owner import listing
from holdfast.client.core.key_slots import WEAKEST
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.exit_codes import ExitCode
from holdfast.client.kit_certificate import KitServerError
from holdfast.client.kit_file import read_kit_file, read_kit_text
from holdfast.client.kit_network import kit_of, network_of
from holdfast.client.main import main
from holdfast.client.profile import Profile
from holdfast.ledger.network_file import ChainPlace, NetworkFile, SeedVault
from holdfast.protocol.network import development_params
from holdfast.wire import rpc
from kit_mistakes import typed_with_mistakes
from sdk_on_market import client, files
from small_market import OWNER, market

PEM = rpc.make_certificate().certificate_pem


def network_file(path: Path, name: str = "nowhere") -> Path:
    params = development_params(name, 1_000, 3600)
    seeds = (SeedVault("not an endpoint", PEM), SeedVault("127.0.0.1:7447", PEM))
    NetworkFile(params, "127.0.0.1:1", PEM, seeds).save(path)
    return path


class Place(NamedTuple):
    """An owner's profile, and where another one may come."""

    network: Path
    first: Path
    second: Path
    page: Path

    def recover(self, *words: str | Path) -> int:
        return main([*map(str, words), "--home", str(self.second)])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    network = network_file(tmp_path / "network.json")
    home = tmp_path / "first"
    Profile.create(home, network, "first", strength=WEAKEST)
    monkeypatch.setenv("HOLDFAST_HOME", str(home))
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "first")
    return Place(network, home, tmp_path / "second", tmp_path / "kit.html")


def written(place: Place) -> str:
    assert main(["recovery", "kit", "--output", str(place.page)]) == 0
    return place.page.read_text()


def test_the_kit_that_is_written_has_the_key_and_the_network(place: Place) -> None:
    written(place)
    kit = read_kit_file(place.page).kit
    profile = Profile.load(place.first)
    assert kit.master == profile.unlock("first").master
    assert kit.network == profile.network.network_id
    assert [seed.endpoint for seed in kit.seeds] == ["127.0.0.1:7447"]
    assert place.page.stat().st_mode & 0o777 == 0o600


def test_a_kit_is_not_written_over_a_file(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.page.write_text("precious")
    words = ["recovery", "kit", "--output", str(place.page)]
    assert main(words) == ExitCode.FAILED
    assert place.page.read_text() == "precious"
    assert "another file" in capsys.readouterr().err


def test_a_kit_with_mistakes_makes_the_profile_again_and_says_what_it_mended(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(place)
    typed = tmp_path / "kit.txt"
    typed.write_text(typed_with_mistakes(read_kit_file(place.page).kit, seed=5))
    capsys.readouterr()
    words = ("recover", "--kit", typed, "--network", place.network, "--json")
    assert place.recover(*words) == 0
    assert json.loads(capsys.readouterr().out)["mended_lines"]
    again, before = Profile.load(place.second), Profile.load(place.first)
    assert again.account == before.account
    assert again.unlock("first").master == before.unlock("first").master


def test_a_kit_may_come_through_standard_input(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = written(place).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(page)))
    assert place.recover("recover", "--kit", "-", "--network", place.network) == 0
    assert Profile.load(place.second).account == Profile.load(place.first).account


def test_a_kit_with_too_many_mistakes_names_the_lines_and_makes_no_profile(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(place)
    typed = tmp_path / "kit.txt"
    typed.write_text(typed_with_mistakes(read_kit_file(place.page).kit, 5, wrong=120))
    code = place.recover("recover", "--kit", typed, "--network", place.network)
    assert code == ExitCode.WRONG_PASSPHRASE
    assert "lines" in capsys.readouterr().err
    assert not place.second.exists()


def test_what_an_interrupted_recovery_left_is_moved_aside_and_not_lost(
    place: Place,
) -> None:
    written(place)
    place.second.mkdir()
    (place.second / "keys.json").write_text("half of a profile")
    words = ("recover", "--kit", place.page, "--network", place.network)
    assert place.recover(*words) == 0
    assert (place.second / "keys.json.old-1").read_text() == "half of a profile"
    assert place.recover(*words) == ExitCode.FAILED
    assert Profile.load(place.second).unlock("first")


def test_a_kit_of_another_network_is_refused(place: Place, tmp_path: Path) -> None:
    written(place)
    other = network_file(tmp_path / "other.json", "elsewhere")
    code = place.recover("recover", "--kit", place.page, "--network", other)
    assert code == ExitCode.UNREACHABLE
    assert not place.second.exists()


def test_a_ledger_that_is_gone_is_told_with_the_way_round_it(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    written(place)
    assert place.recover("recover", "--kit", place.page) == ExitCode.UNREACHABLE
    said = capsys.readouterr().err
    assert "127.0.0.1:1 does not answer" in said
    assert "--network FILE" in said
    assert not place.second.exists()


def test_a_kit_of_a_network_on_a_chain_brings_the_key_and_asks_for_the_file() -> None:
    addresses: Any = None  # a kit has no room for them
    params = development_params("nowhere", 1_000, 3600)
    url = "http://127.0.0.1:8545"
    kit = kit_of(b"k" * 32, NetworkFile(params, url, b"", (), ChainPlace(addresses)))
    assert kit.ledger.endpoint == "127.0.0.1:8545"
    with pytest.raises(KitServerError, match="on a chain"):
        asyncio.run(network_of(kit))


def test_a_kit_file_that_is_missing_is_told(place: Place, tmp_path: Path) -> None:
    words = ("recover", "--kit", tmp_path / "none", "--network", place.network)
    assert place.recover(*words) == ExitCode.FAILED


def test_the_words_are_shown_again_to_who_has_the_passphrase(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recovery", "phrase", "--json"]) == 0
    phrase = json.loads(capsys.readouterr().out)["phrase"]
    home = place.second
    again, _ = Profile.create(home, place.network, "x", phrase, strength=WEAKEST)
    assert again.account == Profile.load(place.first).account


def test_on_a_new_machine_a_kit_full_of_mistakes_brings_every_snapshot_back(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", count=12)
        async with market(tmp_path, 9) as place:
            async with client(place, tmp_path / "one") as one:
                await one.backup([source])
                (source / "later").write_text("written between two backups")
                await one.backup([source])
            network = NetworkFile(place.ledger.params, "127.0.0.1:1", PEM)
            kit = kit_of(OWNER.master, network)
            reading = read_kit_text(typed_with_mistakes(kit, seed=11))
            keys = OwnerKeys(reading.kit.master)
            async with client(place, tmp_path / "two", keys) as two:
                assert len(await two.snapshots()) == 2
                assert (await two.restore("latest", tmp_path / "t")).complete
        assert listing(tmp_path / "t" / source.relative_to("/")) == listing(source)

    asyncio.run(story())
