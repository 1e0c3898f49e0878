"""Rows of a ledger's tables, made and not signed for."""

from collections.abc import Sequence

from holdfast.ledger.core.values import DealRow, Listing, RegisteredVault
from holdfast.protocol.deal import Deal, Holder
from holdfast.protocol.units import KIB, AccountId, DealId, VaultId

OWNER = AccountId(bytes(20))


def vault_row(
    number: int, changed: int, joined: int = 0, left: int | None = None
) -> RegisteredVault:
    """Return the row of a vault; it leaves in epoch `left`."""
    key = number.to_bytes(32, "big")
    return RegisteredVault(
        vault=VaultId(key),
        number=number,
        identity_key=key,
        bls_key=key + bytes(16),
        account=OWNER,
        payout=OWNER,
        stake=1,
        committed_bytes=0,
        listing=Listing.ACTIVE if left is None else Listing.UNBONDING,
        joined_epoch=joined,
        left_epoch=left,
        claimed=0,
        changed=changed,
    )


def made_deal(number: int, holders: Sequence[VaultId]) -> Deal:
    """Return a deal of a kibibyte at each of its holders."""
    return Deal(
        id=DealId(number.to_bytes(32, "big")),
        owner=OWNER,
        nonce=bytes(32),
        deal_key=bytes(32),
        k=(len(holders) + 1) // 2,
        holders=tuple(Holder(vault, 1, 0) for vault in holders),
        capacity=KIB,
        opened_epoch=0,
        end_epoch=1000,
        escrow=0,
    )


def deal_row(number: int, changed: int, holders: Sequence[VaultId]) -> DealRow:
    """Return the row of such a deal."""
    return DealRow(made_deal(number, holders), number, changed)
