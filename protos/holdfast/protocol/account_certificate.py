"""Certificates by the accounts of a committee, for chains without BLS.

A chain that lacks the precompiles of EIP-2537 recovers an account from each
signature instead. A network has one kind of certificate or the other from its
deployment on; `ANY_CERTIFICATE` writes and reads either.
"""

from dataclasses import dataclass
from typing import Any, Final

from holdfast.protocol.encoding import (
    Codec,
    Either,
    Format,
    Reader,
    fixed,
    sequence,
    variable,
)
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.settlement import (
    CERTIFICATE,
    COMMITTEE_MAX,
    STATEMENT,
    Certificate,
)

ACCOUNT_SIGNATURE_BYTES: Final = 65
NO_BLS_SIGNATURE: Final = b"\xc0" + bytes(95)
"""Infinity: what stands for the BLS signature that there is none of. It is that of
no statement."""


@dataclass(frozen=True, slots=True)
class AccountCertificate(Certificate):
    """A majority of accounts behind a statement: r, s and v of each, by rank."""

    signature: bytes = NO_BLS_SIGNATURE
    account_signatures: tuple[bytes, ...] = ()


ACCOUNT_CERTIFICATE: Final = Format(
    AccountCertificate,
    kind=16,
    version=1,
    statement=STATEMENT.bare(),
    signers=variable(COMMITTEE_MAX // 8),
    account_signatures=sequence(fixed(ACCOUNT_SIGNATURE_BYTES), COMMITTEE_MAX),
)


def is_by_accounts(certificate: Certificate) -> bool:
    """Tell whether accounts signed, and not BLS keys."""
    return isinstance(certificate, AccountCertificate)


ANY_CERTIFICATE: Final = Either(CERTIFICATE, ACCOUNT_CERTIFICATE, is_by_accounts)


def optional_certificate() -> Codec:
    """Return the codec of a certificate that may be missing, bare, of either kind.

    One byte before it: 0 for none, 1 for one by BLS, 2 for one by accounts.
    """
    by_bls, by_accounts = CERTIFICATE.bare(), ACCOUNT_CERTIFICATE.bare()

    def write(value: Certificate | None) -> bytes:
        if value is None:
            return b"\0"
        if is_by_accounts(value):
            return b"\2" + by_accounts.write(value)
        return b"\1" + by_bls.write(value)

    def read(reader: Reader) -> Any:  # noqa: ANN401 # as every codec
        match reader.take(1):
            case b"\0":
                return None
            case b"\1":
                return by_bls.read(reader)
            case b"\2":
                return by_accounts.read(reader)
            case _:
                raise DecodingError("a certificate is of no known kind")

    return Codec(write, read)
