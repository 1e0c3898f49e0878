"""Settlements that the committee's accounts signed too, for chains without BLS.

A chain that lacks the precompiles of EIP-2537 checks accounts' signatures instead,
one for each signer. Like the second signature of a quote they travel beside the
certificate and are no part of its bytes: every other ledger needs the BLS signature.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.ledger.core.account_key import AccountKey, signer_of
from holdfast.ledger.core.address import keccak
from holdfast.ledger.core.typed_data import domain_separator
from holdfast.ledger.core.values import RegisteredVault
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.settlement import Certificate, Statement
from holdfast.protocol.units import Digest

SIGNATURE_BYTES: Final = 65
NO_BLS_SIGNATURE: Final = b"\xc0" + bytes(95)
"""Infinity: what stands where a chain tells accounts' signatures only. No statement
has it for a signature."""
_TYPE: Final = keccak(b"Settlement(bytes32 statement)")


@dataclass(frozen=True, slots=True)
class CountersignedCertificate(Certificate):
    """A certificate with r, s and v of each signer's account, in order of rank."""

    account_signatures: tuple[bytes, ...]


def sign_settlement(
    params: NetworkParams, statement: Statement, key: AccountKey
) -> bytes:
    """Return the signature of a member's account."""
    return key.sign_digest(settlement_digest(params, statement))


def countersign_settlement(
    certificate: Certificate, signatures: Sequence[bytes]
) -> CountersignedCertificate:
    """Return a certificate with its signers' account signatures, in order of rank."""
    return CountersignedCertificate(
        certificate.statement,
        certificate.signers,
        certificate.signature,
        tuple(signatures),
    )


def accounts_signed(
    params: NetworkParams,
    members: Sequence[RegisteredVault],
    certificate: Certificate,
) -> bool:
    """Tell whether the account of every signer signed; `members` are by rank."""
    if not isinstance(certificate, CountersignedCertificate):
        return False
    ranks, signatures = certificate.ranks(), certificate.account_signatures
    if len(ranks) != len(signatures) or any(rank >= len(members) for rank in ranks):
        return False
    digest = settlement_digest(params, certificate.statement)
    return all(
        len(signature) == SIGNATURE_BYTES
        and signer_of(digest, signature) == members[rank].account
        for rank, signature in zip(ranks, signatures, strict=True)
    )


def settlement_digest(params: NetworkParams, statement: Statement) -> Digest:
    """Return the 32 bytes that a member's account signs (EIP-712)."""
    body = keccak(_TYPE + statement.digest())
    return Digest(keccak(b"\x19\x01" + domain_separator(params) + body))
