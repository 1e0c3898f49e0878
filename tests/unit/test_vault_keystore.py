"""A vault whose account is in an encrypted keystore."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from eth_account import Account

from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.address import address_text
from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.network import development_params
from holdfast.vault.config import ConfigError, VaultDirectory
from holdfast.vault.main import vault
from holdfast.wire.rpc import make_certificate

SECRET = b"\x07" * 32
ADDRESS = address_text(AccountKey.from_secret(SECRET).id)


@pytest.fixture
def keystore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A keystore that opens quickly, and no passphrase at hand."""
    monkeypatch.delenv("HOLDFAST_PASSPHRASE", raising=False)
    monkeypatch.delenv("HOLDFAST_PASSPHRASE_FILE", raising=False)
    content = Account.encrypt(SECRET, "sesame", kdf="pbkdf2", iterations=2)
    (tmp_path / "wallet.json").write_text(json.dumps(content))
    return tmp_path / "wallet.json"


def init(keystore: Path, variables: dict[str, str]) -> tuple[int, str]:
    network = keystore.parent / "network.json"
    params = development_params("keystore", 1_800_000_000)
    NetworkFile(params, "127.0.0.1:1", make_certificate().certificate_pem).save(network)
    words = ["init", "--dir", str(keystore.parent / "vault"), "--json"]
    words += ["--network", str(network), "--keystore", str(keystore)]
    done = CliRunner().invoke(vault, words, env=variables)
    return done.exit_code, done.output


def test_the_account_in_a_keystore_is_the_vaults(
    keystore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = init(keystore, {"HOLDFAST_PASSPHRASE": "sesame"})
    assert code == 0, said
    assert json.loads(said)["account"] == ADDRESS
    place = VaultDirectory(keystore.parent / "vault")
    assert (place.path / "account.json").stat().st_mode & 0o777 == 0o600
    secrets = (keystore.parent / "passphrase",)
    secrets[0].write_text("sesame\n")
    monkeypatch.setenv("HOLDFAST_PASSPHRASE_FILE", str(secrets[0]))
    keys = place.keys_with_account()
    assert keys.account_secret == SECRET
    assert keys.vault_id == place.keys().vault_id
    assert place.keys().account_secret != SECRET


def test_without_the_passphrase_a_sentence_says_where_to_put_it(
    keystore: Path,
) -> None:
    code, said = init(keystore, {})
    assert code == 1
    assert "HOLDFAST_PASSPHRASE_FILE" in said
    assert not (keystore.parent / "vault").exists()


def test_with_another_passphrase_nothing_is_made_and_nothing_starts(
    keystore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = init(keystore, {"HOLDFAST_PASSPHRASE": "wrong"})
    assert code == 1
    assert "the passphrase is another" in said
    assert not (keystore.parent / "vault").exists()
    init(keystore, {"HOLDFAST_PASSPHRASE": "sesame"})
    place = VaultDirectory(keystore.parent / "vault")
    with pytest.raises(ConfigError):
        place.keys_with_account()
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "wrong")
    with pytest.raises(LedgerFileError):
        place.keys_with_account()


def test_a_vault_without_a_keystore_has_the_account_of_its_seed(
    keystore: Path,
) -> None:
    network = keystore.parent / "network.json"
    init(keystore, {})  # writes the network file
    words = ["init", "--dir", str(keystore.parent / "plain"), "--network", str(network)]
    assert CliRunner().invoke(vault, words).exit_code == 0
    place = VaultDirectory(keystore.parent / "plain")
    assert place.keys_with_account() == place.keys()
