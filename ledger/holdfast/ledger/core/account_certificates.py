"""Who certified a settlement, and what an account signs to certify one.

A network's certificates are BLS signatures or, on a chain that lacks the precompiles
of EIP-2537, signatures of the members' accounts. Neither counts for the other: where
accounts certify, nobody has verified that BLS keys are their owners', and keys made
for it would sign for a whole committee.
"""

from collections.abc import Sequence
from typing import Final

from holdfast.ledger.core.account_key import AccountKey, signer_of
from holdfast.ledger.core.address import keccak
from holdfast.ledger.core.typed_data import domain_separator
from holdfast.ledger.core.values import RegisteredVault
from holdfast.protocol import bls
from holdfast.protocol.account_certificate import (
    ACCOUNT_SIGNATURE_BYTES,
    AccountCertificate,
    is_by_accounts,
)
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.settlement import Certificate, Statement
from holdfast.protocol.units import AccountId, Digest

_TYPE: Final = keccak(b"Settlement(bytes32 statement)")


def is_signed_by(
    params: NetworkParams,
    signers: Sequence[RegisteredVault],
    certificate: Certificate,
    *,
    accounts_certify: bool,
) -> bool:
    """Tell whether these vaults, in order of rank, made the network's certificate."""
    if accounts_certify:
        return accounts_signed(params, signers, certificate)
    if is_by_accounts(certificate):
        return False
    keys = [signer.bls_key for signer in signers]
    digest = certificate.statement.digest()
    return bls.aggregate_verify_same(keys, digest, certificate.signature)


def accounts_signed(
    params: NetworkParams,
    signers: Sequence[RegisteredVault],
    certificate: Certificate,
) -> bool:
    """Tell whether the account of each of the signers signed, in order of rank."""
    if not isinstance(certificate, AccountCertificate):
        return False
    signatures = certificate.account_signatures
    if not signatures or len(signers) != len(signatures):
        return False
    return all(
        settlement_signer(params, certificate.statement, signature) == signer.account
        for signer, signature in zip(signers, signatures, strict=True)
    )


def sign_settlement(
    params: NetworkParams, statement: Statement, key: AccountKey
) -> bytes:
    """Return the signature of a member's account."""
    return key.sign_digest(settlement_digest(params, statement))


def settlement_signer(
    params: NetworkParams, statement: Statement, signature: bytes
) -> AccountId | None:
    """Return the account that signed, or None when none did or s is the high one."""
    if len(signature) != ACCOUNT_SIGNATURE_BYTES:
        return None
    return signer_of(settlement_digest(params, statement), signature)


def settlement_digest(params: NetworkParams, statement: Statement) -> Digest:
    """Return the 32 bytes that a member's account signs (EIP-712)."""
    body = keccak(_TYPE + statement.digest())
    return Digest(keccak(b"\x19\x01" + domain_separator(params) + body))
