"""Backup certificates keep their bytes: the vector is read, never written."""

import json
from pathlib import Path
from typing import Any, Final

from certificate_stage import certificate, proof, signed
from holdfast.client.core.backup_certificate import (
    BACKUP_CERTIFICATE,
    CERTIFIED_DEAL,
    HOLDER_PROOF,
    SIGNED_CERTIFICATE,
    verify_certificate,
)

VECTORS: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "backup_certificate.json").read_text()
)


def test_certificates_are_written_and_read_as_ever() -> None:
    (deal,) = certificate().deals
    values: list[tuple[str, Any, Any]] = [
        ("holder_proof", HOLDER_PROOF, proof()),
        ("certified_deal", CERTIFIED_DEAL, deal),
        ("backup_certificate", BACKUP_CERTIFICATE, certificate()),
        ("signed_certificate", SIGNED_CERTIFICATE, signed()),
    ]
    for name, form, value in values:
        data = bytes.fromhex(VECTORS[name])
        assert form.encode(value) == data, name
        assert form.decode(data) == value, name
    kept = SIGNED_CERTIFICATE.decode(bytes.fromhex(VECTORS["signed_certificate"]))
    assert verify_certificate(kept) == certificate()
