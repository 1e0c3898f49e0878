"""Accounts in keystore files: the encrypted JSON that every Ethereum wallet reads."""

import json
from pathlib import Path
from typing import Final

from eth_account import Account

from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.network_file import write_whole

SECRET_BYTES: Final = 32


def read_keystore(path: Path, passphrase: str) -> AccountKey:
    """Return a keystore's key, or raise LedgerFileError."""
    try:
        content = json.loads(path.read_bytes())
        secret = bytes(Account.decrypt(content, passphrase))
    except OSError as error:
        raise LedgerFileError(str(path), str(error.strerror)) from error
    except (KeyError, TypeError, ValueError, NotImplementedError) as error:
        reason = "it is no keystore, or the passphrase is another"
        raise LedgerFileError(str(path), reason) from error
    if len(secret) != SECRET_BYTES:
        raise LedgerFileError(str(path), "its key has another length")
    return AccountKey.from_secret(secret)


def write_keystore(path: Path, secret: bytes, passphrase: str) -> None:
    """Write a key for its owner only; a file that is there is not overwritten."""
    if path.exists():
        raise LedgerFileError(str(path), "it exists; name another file")
    content = Account.encrypt(secret, passphrase)
    write_whole(path, (json.dumps(content) + "\n").encode(), 0o600)
