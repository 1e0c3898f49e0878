"""The only place that knows both the ledger's messages and its values.

Whatever comes from the wire is checked here: a field of the wrong length or an
unknown choice raises DecodingError.
"""

from typing import Final

from holdfast.ledger.core.values import Account, Beacon, Listing, RegisteredVault
from holdfast.ledger.port import (
    DealChanges,
    RegistryChanges,
    SyncChanges,
    Tip,
)
from holdfast.protocol.deal import DEAL, Deal
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.keys import vault_id
from holdfast.protocol.settlement import CERTIFICATE, Certificate
from holdfast.protocol.units import AccountId, DealId, Digest, VaultId
from holdfast.wire.v1 import ledger_pb2 as pb

_LISTINGS: Final = {
    Listing.ACTIVE: pb.LISTING_ACTIVE,
    Listing.UNBONDING: pb.LISTING_UNBONDING,
    Listing.WITHDRAWN: pb.LISTING_WITHDRAWN,
    Listing.EJECTED: pb.LISTING_EJECTED,
}
_LISTING_VALUES: Final = {value: listing for listing, value in _LISTINGS.items()}


def sized(value: bytes, size: int) -> bytes:
    """Return `value` if it is `size` bytes long, or raise DecodingError."""
    if len(value) != size:
        raise DecodingError(f"{len(value)} bytes where {size} belong")
    return value


def account_id(value: bytes) -> AccountId:
    """Return an account's id from its field."""
    return AccountId(sized(value, 20))


def deal_ids(values: list[bytes]) -> tuple[DealId, ...]:
    """Return deals' ids from their field."""
    return tuple(DealId(sized(value, 32)) for value in values)


def vault_ids(values: list[bytes]) -> tuple[VaultId, ...]:
    """Return vaults' ids from their field."""
    return tuple(VaultId(sized(value, 32)) for value in values)


def tip_message(tip: Tip) -> pb.TipReply:
    """Return a tip's message."""
    return pb.TipReply(sequence=tip.sequence, epoch=tip.epoch, seconds=tip.seconds)


def tip_value(message: pb.TipReply) -> Tip:
    """Return a tip from its message."""
    return Tip(message.sequence, message.epoch, message.seconds)


def beacon_message(beacon: Beacon) -> pb.Beacon:
    """Return a beacon's message."""
    return pb.Beacon(epoch=beacon.epoch, value=beacon.value)


def beacon_value(message: pb.Beacon) -> Beacon:
    """Return a beacon from its message."""
    return Beacon(message.epoch, Digest(sized(message.value, 32)))


def vault_message(row: RegisteredVault) -> pb.RegisteredVault:
    """Return a registry row's message."""
    return pb.RegisteredVault(
        number=row.number,
        identity_key=row.identity_key,
        bls_key=row.bls_key,
        account=row.account,
        payout=row.payout,
        stake=row.stake,
        committed_bytes=row.committed_bytes,
        listing=_LISTINGS[row.listing],
        joined_epoch=row.joined_epoch,
        left_epoch=row.left_epoch,
        claimed=row.claimed,
        changed=row.changed,
        slashed=row.slashed,
        released_epoch=row.released_epoch,
    )


def vault_value(message: pb.RegisteredVault) -> RegisteredVault:
    """Return a registry row from its message."""
    if message.listing not in _LISTING_VALUES:
        raise DecodingError(f"no listing is {message.listing}")
    left = message.left_epoch if message.HasField("left_epoch") else None
    return RegisteredVault(
        vault=vault_id(sized(message.identity_key, 32)),
        number=message.number,
        identity_key=message.identity_key,
        bls_key=sized(message.bls_key, 48),
        account=account_id(message.account),
        payout=account_id(message.payout),
        stake=message.stake,
        committed_bytes=message.committed_bytes,
        listing=_LISTING_VALUES[message.listing],
        joined_epoch=message.joined_epoch,
        left_epoch=left,
        claimed=message.claimed,
        changed=message.changed,
        slashed=message.slashed,
        released_epoch=message.released_epoch,
    )


def account_message(account: Account) -> pb.AccountReply:
    """Return an account's message."""
    return pb.AccountReply(
        balance=account.balance, nonce=account.nonce, fed=account.fed
    )


def account_value(account: AccountId, message: pb.AccountReply) -> Account:
    """Return an account from its message."""
    return Account(account, message.balance, message.nonce, message.fed)


def deal_values(encoded: list[bytes]) -> tuple[Deal, ...]:
    """Return deals from their field."""
    return tuple(DEAL.decode(deal) for deal in encoded)


def registry_message(changes: RegistryChanges) -> pb.RegistryReply:
    """Return the message of registry changes."""
    return pb.RegistryReply(
        upto=changes.upto, vaults=[vault_message(row) for row in changes.vaults]
    )


def registry_value(message: pb.RegistryReply) -> RegistryChanges:
    """Return registry changes from their message."""
    rows = tuple(vault_value(row) for row in message.vaults)
    return RegistryChanges(message.upto, rows)


def deals_message(changes: DealChanges) -> pb.DealsHeldReply:
    """Return the message of changes to deals."""
    return pb.DealsHeldReply(
        upto=changes.upto, deals=[DEAL.encode(deal) for deal in changes.deals]
    )


def deals_value(message: pb.DealsHeldReply) -> DealChanges:
    """Return changes to deals from their message."""
    return DealChanges(message.upto, deal_values(list(message.deals)))


def settlement_bytes(certificate: Certificate | None) -> bytes | None:
    """Return the field of a settlement."""
    return None if certificate is None else CERTIFICATE.encode(certificate)


def sync_message(changes: SyncChanges) -> pb.SyncReply:
    """Return the message of what a follower missed."""
    return pb.SyncReply(
        tip=tip_message(changes.tip),
        upto=changes.upto,
        more=changes.more,
        beacons=[beacon_message(beacon) for beacon in changes.beacons],
        vaults=[vault_message(row) for row in changes.vaults],
        deals=[DEAL.encode(deal) for deal in changes.deals],
        settlement=settlement_bytes(changes.settlement),
    )


def sync_value(message: pb.SyncReply) -> SyncChanges:
    """Return what a follower missed from its message."""
    settled = message.HasField("settlement")
    return SyncChanges(
        tip=tip_value(message.tip),
        upto=message.upto,
        more=message.more,
        beacons=tuple(beacon_value(beacon) for beacon in message.beacons),
        vaults=tuple(vault_value(row) for row in message.vaults),
        deals=deal_values(list(message.deals)),
        settlement=CERTIFICATE.decode(message.settlement) if settled else None,
    )
