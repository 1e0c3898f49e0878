"""Who acts on a test chain: accounts, and vaults with their keys."""

import hashlib
from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.units import VaultId


def account(seed: int) -> LocalAccount:
    secret = hashlib.sha256(b"account %d" % seed).digest()
    made: LocalAccount = Account.from_key(secret)
    return made


def address_bytes(address: str) -> bytes:
    return bytes.fromhex(address[2:])


@dataclass
class TestVault:
    """A vault's keys and the account that stands for it."""

    __test__ = False

    keys: NodeKeys
    account: LocalAccount
    payout: str

    @property
    def id(self) -> VaultId:
        return self.keys.vault_id


def make_vault(seed: int) -> TestVault:
    keys = NodeKeys(hashlib.sha256(b"vault %d" % seed).digest())
    payout = Web3.to_checksum_address(hashlib.sha256(b"payout %d" % seed).digest()[:20])
    return TestVault(keys, account(seed), payout)
