"""Drill receipts keep their bytes: the vector is read, never written."""

import json
from pathlib import Path
from typing import Final

from holdfast.client.core.drill_receipt import (
    DrillReceipt,
    read_receipt,
    sign_receipt,
)
from holdfast.ledger.core.account_key import AccountKey
from holdfast.protocol.units import Digest, NetworkId

KEY: Final = AccountKey.from_secret(bytes(31) + b"\7")
RECEIPT: Final = DrillReceipt(
    network=NetworkId(b"\1" * 32),
    network_name="golden",
    account=KEY.id,
    snapshot=Digest(b"\2" * 32),
    snapshot_time_ns=1_700_000_000_000_000_001,
    files_total=1_000,
    bytes_total=1 << 40,
    seconds=1_700_000_100,
    milliseconds=1_234,
    files=20,
    bytes=1 << 30,
    right=19,
    live=18,
    live_differing=1,
)
VECTOR: Final = json.loads((Path(__file__).parent / "drill.json").read_text())


def test_drill_receipts_are_written_and_read_as_ever() -> None:
    signed = bytes.fromhex(VECTOR["signed_drill_receipt"])
    assert read_receipt(signed) == RECEIPT
    assert sign_receipt(RECEIPT, KEY) == signed
