"""BLS keys and signatures never change: bls.json is read, never written.

It was made by py_ecc alone, and holds a known answer of ethereum/bls12-381-tests.
"""

import json
from pathlib import Path
from typing import Any

from holdfast.protocol import bls

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("bls.json").read_text())


def test_keys_are_as_written() -> None:
    for vector in VECTORS["keys"]:
        secret = bls.secret_key(bytes.fromhex(vector["seed"]))
        assert f"{secret:064x}" == vector["secret"]
        assert bls.public_key(secret).hex() == vector["public"]
        assert bls.prove_possession(secret).hex() == vector["possession"]


def test_signatures_are_as_written() -> None:
    for vector in VECTORS["signatures"]:
        message = bytes.fromhex(vector["message"])
        signature = bls.sign(int(vector["secret"], 16), message)
        assert signature.hex() == vector["signature"]


def test_an_aggregate_is_as_written() -> None:
    vector = VECTORS["aggregate"]
    signatures = [bytes.fromhex(signature) for signature in vector["signatures"]]
    total = bls.aggregate(signatures)
    assert total.hex() == vector["signature"]
    publics = [bytes.fromhex(public) for public in vector["publics"]]
    assert bls.aggregate_verify_same(publics, bytes.fromhex(vector["message"]), total)
