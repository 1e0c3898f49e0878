"""The ledger's bytes never change: ledger.json is read, never written.

Digests in it were made by eth-account, not by Holdfast.
"""

import hashlib
import json
from pathlib import Path

import pytest

from holdfast.ledger.core.chain import (
    GENESIS,
    TICK,
    Allocation,
    EntryKind,
    Genesis,
    Tick,
    entry_hash,
)
from holdfast.ledger.core.encodings import SIGNED_OPERATION
from holdfast.ledger.core.operations import Register
from holdfast.ledger.core.registry import CONSENT, Consent, registration
from holdfast.ledger.core.typed_data import operation_digest, typed_data
from holdfast.ledger.network_file import NetworkFile, SeedVault
from holdfast.protocol.network import NETWORK_PARAMS
from holdfast.protocol.units import AccountId, Digest
from ledger_operations import examples
from ledger_stage import DEVELOPMENT, account_key, node_keys, vault_key

VECTORS = json.loads((Path(__file__).parent / "ledger.json").read_text())
KEY = account_key(7)


def test_the_network_is_the_one_of_the_vectors() -> None:
    assert NETWORK_PARAMS.encode(DEVELOPMENT).hex() == VECTORS["params"]
    assert KEY.id.hex() == VECTORS["account"]


@pytest.mark.parametrize("name", examples())
def test_operations_are_signed_and_written_as_they_were(name: str) -> None:
    operation, vector = examples()[name], VECTORS["operations"][name]
    digest = operation_digest(DEVELOPMENT, KEY.id, 3, operation)
    assert digest.hex() == vector["digest"]
    signed = KEY.sign(DEVELOPMENT, 3, operation)
    assert signed.signature.hex() == vector["signature"]
    encoded = SIGNED_OPERATION.encode(signed)
    assert encoded.hex() == vector["encoded"]
    assert SIGNED_OPERATION.decode(bytes.fromhex(vector["encoded"])) == signed
    shown = typed_data(DEVELOPMENT, KEY.id, 3, operation)
    canonical = json.dumps(shown, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == vector["typed_data_sha256"]


def test_every_operation_has_a_vector() -> None:
    assert set(examples()) == set(VECTORS["operations"])


def test_entries_are_written_and_chained_as_they_were() -> None:
    genesis = Genesis(DEVELOPMENT, (Allocation(KEY.id, 5),))
    tick = Tick(9, b"\x21" * 32)
    assert GENESIS.encode(genesis).hex() == VECTORS["genesis"]
    assert TICK.encode(tick).hex() == VECTORS["tick"]
    assert GENESIS.decode(bytes.fromhex(VECTORS["genesis"])) == genesis
    assert TICK.decode(bytes.fromhex(VECTORS["tick"])) == tick
    previous = Digest(b"\x22" * 32)
    digest = entry_hash(previous, 5, 1_800_000_001, EntryKind.TICK, TICK.encode(tick))
    assert digest.hex() == VECTORS["entry_hash"]


def test_a_registration_is_consented_to_as_it_was() -> None:
    network = DEVELOPMENT.network_id
    account = vault_key(1).id
    wish = registration(node_keys(1), network, account, AccountId(b"\x23" * 20), 77)
    vector = VECTORS["registration"]
    for field in Register.__match_args__:
        value = getattr(wish, field)
        shown = value.hex() if isinstance(value, bytes) else value
        assert shown == vector[field], field
    consent = Consent(
        account,
        wish.identity_key,
        wish.bls_key,
        wish.possession,
        wish.payout,
        wish.stake,
    )
    assert CONSENT.message(consent, network).hex() == vector["message"]


def test_a_network_file_of_today_is_read_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    path.write_text(json.dumps(VECTORS["network_file"]))
    file = NetworkFile.load(path)
    seed = SeedVault("127.0.0.1:4712", b"OTHER\n")
    assert file == NetworkFile(DEVELOPMENT, "127.0.0.1:4711", b"PEM\n", (seed,))
    file.save(path)
    assert json.loads(path.read_text()) == VECTORS["network_file"]


def test_a_network_file_need_not_name_seeds(tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    path.write_text(json.dumps(VECTORS["network_file"] | {"seeds": []}))
    assert NetworkFile.load(path).seeds == ()
    without = {k: v for k, v in VECTORS["network_file"].items() if k != "seeds"}
    path.write_text(json.dumps(without))
    assert NetworkFile.load(path).seeds == ()
