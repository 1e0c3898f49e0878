"""The command `holdfast-vault`: what it makes, shows and refuses."""

import asyncio
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from holdfast.client.programs import program
from holdfast.ledger.core.address import address_from
from holdfast.ledger.network_file import NetworkFile, SeedVault
from holdfast.protocol.network import development_params
from holdfast.vault.config import ConfigError, Settings, VaultDirectory
from holdfast.vault.main import vault
from holdfast.wire.rpc import make_certificate

PAYOUT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "network.json"
    params = development_params("command", 1_800_000_000)
    pem = make_certificate().certificate_pem
    NetworkFile(params, "127.0.0.1:1", pem).save(path)
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(vault, list(words))


def made(network: Path, *words: str) -> VaultDirectory:
    directory = network.parent / "vault"
    arguments = ["init", "--dir", str(directory), "--network", str(network), *words]
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return VaultDirectory(directory)


def test_init_makes_a_vault_with_the_wanted_settings(network: Path) -> None:
    place = made(
        network,
        *("--quota", "1.5GiB", "--price", "0.25", "--endpoint", "127.0.0.1:7001"),
        *("--payout", PAYOUT, "--claim-at", "2", "--advertise", "vault.example:7"),
    )
    settings = place.settings()
    assert settings == Settings(
        quota_bytes=3 << 29,
        price=250_000_000,
        endpoint="127.0.0.1:7001",
        advertise="vault.example:7",
        payout=address_from(PAYOUT),
        claim_grains=2_000_000_000,
    )
    seed = place.path / "seed"
    assert stat.S_IMODE(seed.stat().st_mode) == 0o600
    assert stat.S_IMODE((place.path / "tls.key").stat().st_mode) == 0o600
    assert len(seed.read_bytes()) == 32
    assert place.network() == NetworkFile.load(network)


def test_init_says_who_was_made_for_people_and_machines(network: Path) -> None:
    words = ["--dir", str(network.parent / "v"), "--network", str(network)]
    said = json.loads(run("init", *words, "--json").output)
    keys = VaultDirectory(network.parent / "v").keys()
    assert said["vault"] == keys.vault_id.hex()
    assert address_from(said["account"])
    other = run("init", "--dir", str(network.parent / "w"), *words[2:])
    assert "holdfast-vault run --dir" in other.output


def test_seed_peers_are_kept_with_their_certificates(network: Path) -> None:
    pem = network.parent / "peer.pem"
    pem.write_bytes(make_certificate().certificate_pem)
    place = made(network, "--seed-peer", f"127.0.0.1:7002={pem}")
    assert place.settings().seeds == (SeedVault("127.0.0.1:7002", pem.read_bytes()),)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--quota", "much"), "not a size like 100GiB"),
        (("--price", "cheap"), "not a number of HOLD"),
        (("--price", "0.0000000001"), "at most nine decimals"),
        (("--price", "-1"), "at most nine decimals"),
        (("--endpoint", "nowhere"), "is not HOST:PORT"),
        (("--endpoint", "127.0.0.1:99999"), "is not HOST:PORT"),
        (("--seed-peer", "127.0.0.1:1"), "cannot read"),
        (("--seed-peer", "127.0.0.1:1=/no/such.pem"), "cannot read"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(
    network: Path, words: tuple[str, ...], said: str
) -> None:
    place = str(network.parent / "v")
    result = run("init", "--dir", place, "--network", str(network), *words)
    assert result.exit_code == 2
    assert said in result.output
    assert not (network.parent / "v" / "seed").exists()


def test_expected_errors_are_one_sentence_and_never_a_traceback(network: Path) -> None:
    place = made(network).path
    nowhere = str(network.parent / "nowhere")
    cases = [
        (("init", "--dir", str(place), "--network", str(network)), "already"),
        (("init", "--dir", nowhere, "--network", nowhere), "name a network"),
        (("init", "--dir", nowhere, "--network", str(network), "--payout", "x"), "x"),
        (("run", "--dir", nowhere), "holdfast-vault init"),
        (("status", "--dir", nowhere), "holdfast-vault init"),
        (("exit", "--dir", nowhere), "holdfast-vault init"),
    ]
    for words, said in cases:
        result = run(*words)
        assert result.exit_code == 1, words
        (line,) = result.stderr.strip().splitlines()[-1:]
        assert line.startswith("holdfast-vault: ")
        assert said in line


@pytest.mark.parametrize(
    "settings",
    [
        "",
        "quota_bytes = 1\nprice = 1",
        'quota_bytes = "much"\nprice = 1\nendpoint = "127.0.0.1:1"',
        'quota_bytes = 1\nprice = -1\nendpoint = "127.0.0.1:1"',
        'quota_bytes = 1\nprice = 1\nendpoint = "1"',
        'quota_bytes = 1\nprice = 1\nendpoint = "127.0.0.1:1"\npayout = "0x12"',
        "quota_bytes = [",
    ],
)
def test_settings_that_were_edited_wrongly_are_named(
    network: Path, settings: str
) -> None:
    place = made(network)
    (place.path / "vault.toml").write_text(settings)
    with pytest.raises(ConfigError, match=r"vault\.toml has a missing or wrong"):
        place.settings()


def test_a_vault_that_does_not_run_says_so(network: Path) -> None:
    place = made(network).path
    result = run("status", "--dir", str(place), "--json")
    assert result.exit_code == 3
    assert json.loads(result.output)["serving"] is False
    # A mark that a killed process left does not make it run.
    mark = {"pid": 1, "endpoint": "127.0.0.1:1", "vault": "x"}
    (place / "run.json").write_text(json.dumps(mark))
    assert run("status", "--dir", str(place)).exit_code == 3


def test_a_vault_that_does_not_run_can_be_scrubbed(network: Path) -> None:
    directory = made(network)
    result = run("scrub", "--dir", str(directory.path), "--json")
    assert result.exit_code == 0
    assert json.loads(result.output) == {
        "verified": 0,
        "damaged": 0,
        "missing": 0,
        "running": False,
    }
    told = run("scrub", "--dir", str(directory.path))
    assert "looked at 0 shards: all are there and right" in told.output


def test_a_vault_that_starts_just_now_is_not_scrubbed_under_its_feet(
    network: Path,
) -> None:
    directory = made(network)
    with directory.lock():
        result = run("scrub", "--dir", str(directory.path))
    assert result.exit_code == 1
    assert "runs already" in result.output


def test_two_processes_never_run_one_vault(network: Path) -> None:
    place = made(network)
    with place.lock():
        words = [program("holdfast-vault"), "run", "--dir", str(place.path)]
        said = subprocess.run(
            words, check=False, capture_output=True, text=True, timeout=60
        )
    assert said.returncode == 1
    assert "runs already" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_vault_runs_without_its_ledger_and_stops_when_told(network: Path) -> None:
    place = made(network)

    async def story() -> None:
        process = await asyncio.create_subprocess_exec(
            program("holdfast-vault"),
            *("run", "--dir", str(place.path)),
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stderr
            async with asyncio.timeout(60):
                line = json.loads(await process.stderr.readline())
            assert line["message"] == "serving"
            mark = place.running()
            assert mark
            assert mark["pid"] == process.pid
            assert mark["endpoint"] == line["endpoint"] == place.kept_endpoint()
            status = await asyncio.to_thread(run, "status", "--dir", str(place.path))
            assert status.exit_code == 0
            assert "unregistered" in status.output
            assert "out of reach" in status.output
            process.terminate()
            async with asyncio.timeout(30):
                _, rest = await process.communicate()
            assert process.returncode == 0
            assert b"Traceback" not in rest
            assert place.running() is None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    asyncio.run(story())


def test_a_taken_port_is_a_sentence(network: Path) -> None:
    first = made(network)
    with subprocess.Popen(
        [program("holdfast-vault"), "run", "--dir", str(first.path)],
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stderr
            endpoint = json.loads(process.stderr.readline())["endpoint"]
            other = str(network.parent / "other")
            words = ("--network", str(network), "--endpoint", endpoint)
            assert run("init", "--dir", other, *words).exit_code == 0
            said = subprocess.run(
                [program("holdfast-vault"), "run", "--dir", other],
                check=False,
                capture_output=True,
                text=True,
                timeout=60,
            )
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert said.returncode == 1
    assert endpoint in said.stderr
    assert "Traceback" not in said.stderr
