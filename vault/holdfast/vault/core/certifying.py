"""How a member of the committee signs a statement, and how signatures make one whole.

A network's certificates are by BLS keys or by the accounts of the vaults; which of
the two the ledger says. Nothing here decides whether a statement deserves to be signed.
"""

from collections.abc import Mapping, Sequence

from holdfast.ledger.core.account_certificates import (
    is_signed_by,
    settlement_signer,
    sign_settlement,
)
from holdfast.ledger.core.account_key import AccountKey
from holdfast.protocol import bls
from holdfast.protocol.account_certificate import AccountCertificate
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.settlement import Certificate, Statement, signers_bitmap
from holdfast.protocol.units import VaultId
from holdfast.vault.core.myself import Myself


def sign(me: Myself, statement: Statement) -> bytes:
    """Return our signature of a statement: 96 bytes by BLS, 65 by our account."""
    if me.ledger.accounts_certify:
        key = AccountKey.from_secret(me.keys.account_secret)
        return sign_settlement(me.params, statement, key)
    return bls.sign(me.keys.bls_secret, statement.digest())


def has_signed(
    me: Myself, vault: VaultId, statement: Statement, signature: bytes
) -> bool:
    """Tell whether this is the vault's signature of the kind that the network has."""
    row = me.ledger.row(vault)
    if row is None:
        return False
    if me.ledger.accounts_certify:
        return settlement_signer(me.params, statement, signature) == row.account
    return bls.verify(row.bls_key, statement.digest(), signature)


def certificate_of(
    me: Myself,
    statement: Statement,
    members: Sequence[VaultId],
    signatures: Mapping[VaultId, bytes],
) -> Certificate | None:
    """Return what these signatures certify, or None if not every one of them fits.

    `members` are the committee by rank; each of the signers is one of them.
    """
    ranks = sorted(members.index(signer) for signer in signatures)
    bitmap = signers_bitmap(ranks, len(members))
    ordered = [signatures[members[rank]] for rank in ranks]
    made: Certificate
    if me.ledger.accounts_certify:
        made = AccountCertificate(statement, bitmap, account_signatures=tuple(ordered))
    else:
        try:
            made = Certificate(statement, bitmap, bls.aggregate(ordered))
        except ProtocolError:
            return None
    rows = [row for rank in ranks if (row := me.ledger.row(members[rank]))]
    by_accounts = me.ledger.accounts_certify
    fits = is_signed_by(me.params, rows, made, accounts_certify=by_accounts)
    return made if fits else None


def without_wrong(
    me: Myself, statement: Statement, signatures: Mapping[VaultId, bytes]
) -> dict[VaultId, bytes]:
    """Return only those of the signatures that are their signers'."""
    return {
        signer: signature
        for signer, signature in signatures.items()
        if has_signed(me, signer, statement, signature)
    }
