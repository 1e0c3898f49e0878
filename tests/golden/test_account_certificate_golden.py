"""What accounts sign and certify, to the byte: read from the file, never written."""

import hashlib
import json
from pathlib import Path

from examples import BY_ACCOUNTS, CASE, EXTRACT_BY_ACCOUNTS, PARAMS, STATEMENT
from holdfast.ledger.core.account_certificates import (
    settlement_digest,
    settlement_signer,
    sign_settlement,
)
from holdfast.ledger.core.account_key import AccountKey
from holdfast.protocol.cases import CASE_FILE, CaseFile

VECTORS: dict[str, str] = json.loads(
    Path(__file__).with_name("account_certificate.json").read_text()
)
KEY = AccountKey.from_secret(bytes.fromhex(VECTORS["secret"]))
FILE = CaseFile(EXTRACT_BY_ACCOUNTS, CASE, BY_ACCOUNTS)


def test_an_account_signs_what_is_written() -> None:
    assert settlement_digest(PARAMS, STATEMENT).hex() == VECTORS["digest"]
    signature = sign_settlement(PARAMS, STATEMENT, KEY)
    assert signature.hex() == VECTORS["signature"]
    assert settlement_signer(PARAMS, STATEMENT, signature) == KEY.id


def test_a_case_file_with_a_certificate_by_accounts_is_as_written() -> None:
    encoded = CASE_FILE.encode(FILE)
    assert hashlib.sha256(encoded).hexdigest() == VECTORS["case file, SHA-256"]
    assert CASE_FILE.decode(encoded) == FILE
