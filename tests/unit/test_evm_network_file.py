"""A network file says where a network's contracts are."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.evm.chain import ChainAddresses
from holdfast.ledger.network_file import ChainPlace, NetworkFile
from holdfast.protocol.units import AccountId
from ledger_stage import DEVELOPMENT

ADDRESSES = ChainAddresses(
    network=AccountId(b"\x01" * 20),
    token=AccountId(b"\x02" * 20),
    registry=AccountId(b"\x03" * 20),
    deals=AccountId(b"\x04" * 20),
    settlement=AccountId(b"\x05" * 20),
    faucet=None,
    first_block=7,
)
FAUCET = AccountId(b"\x06" * 20)


@pytest.mark.parametrize("faucet", [None, FAUCET])
@pytest.mark.parametrize("depth", [None, 0, 12])
@pytest.mark.parametrize("accounts", [False, True])
def test_the_contracts_are_read_back(
    faucet: AccountId | None, depth: int | None, accounts: bool, tmp_path: Path
) -> None:
    addresses = replace(ADDRESSES, faucet=faucet, accounts_certify=accounts)
    place = ChainPlace(addresses, depth)
    file = NetworkFile(DEVELOPMENT, "http://127.0.0.1:8545", b"", chain=place)
    file.save(tmp_path / "network.json")
    assert NetworkFile.load(tmp_path / "network.json") == file


def test_a_file_from_before_there_was_a_choice_means_bls(tmp_path: Path) -> None:
    place = ChainPlace(ADDRESSES)
    path = tmp_path / "network.json"
    file = NetworkFile(DEVELOPMENT, "http://127.0.0.1:8545", b"", chain=place)
    file.save(path)
    content = json.loads(path.read_text())
    del content["chain"]["certificates"]
    path.write_text(json.dumps(content))
    assert NetworkFile.load(path) == file


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("contracts", {}),
        ("contracts", 5),
        ("contracts", None),
        ("first_block", "x"),
        ("finality_blocks", []),
        ("certificates", "rsa"),
    ],
)
def test_a_file_with_a_wrong_place_is_refused(
    field: str, value: Any, tmp_path: Path
) -> None:
    place = ChainPlace(ADDRESSES)
    path = tmp_path / "network.json"
    NetworkFile(DEVELOPMENT, "http://127.0.0.1:8545", b"", chain=place).save(path)
    content = json.loads(path.read_text())
    content["chain"][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(LedgerFileError, match="missing or wrong"):
        NetworkFile.load(path)
