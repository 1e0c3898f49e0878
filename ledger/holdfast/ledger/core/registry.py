"""The registry: how vaults enter it and leave it, and when their stake is free.

A vault enters once. Whoever has unbonded, withdrawn or been ejected comes back only
as another vault, so a row's epochs say for good which registries it belongs to.
"""

from dataclasses import replace

from holdfast.ledger.core.errors import NotOwnerError
from holdfast.ledger.core.events import Staked, Unbonded, Withdrawn
from holdfast.ledger.core.operations import Register, Unbond, Withdraw
from holdfast.ledger.core.periods import require_settled
from holdfast.ledger.core.registry_errors import (
    LeastStakeError,
    NothingToWithdrawError,
    RegistrationFault,
    RegistrationRefusedError,
    StakeLockedError,
    StillActiveError,
    VaultLeftError,
)
from holdfast.ledger.core.state import Draft, require_amount
from holdfast.ledger.core.values import Listing, RegisteredVault
from holdfast.protocol import bls
from holdfast.protocol.encoding import BYTES20, BYTES32, U64, Format, fixed
from holdfast.protocol.errors import SignatureInvalidError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import NodeKeys, vault_id
from holdfast.protocol.signing import Signed, SignedFormat
from holdfast.protocol.units import AccountId, Grains, NetworkId, VaultId


@frozen
class Consent:
    """What a vault's identity key signs so that an account may register it."""

    account: AccountId
    identity_key: bytes
    bls_key: bytes
    possession: bytes
    payout: AccountId
    stake: Grains


CONSENT = SignedFormat(
    Format(
        Consent,
        kind=66,
        version=1,
        account=BYTES20,
        identity_key=BYTES32,
        bls_key=fixed(48),
        possession=fixed(96),
        payout=BYTES20,
        stake=U64,
    )
)


def registration(
    keys: NodeKeys,
    network: NetworkId,
    account: AccountId,
    payout: AccountId,
    stake: Grains,
) -> Register:
    """Return the operation with which `account` stakes grains on the keys' vault."""
    possession = bls.prove_possession(keys.bls_secret)
    identity = keys.identity.public
    consent = Consent(account, identity, keys.bls_public, possession, payout, stake)
    signature = CONSENT.sign(consent, network, keys.identity).signature
    return Register(identity, keys.bls_public, possession, payout, stake, signature)


def register(draft: Draft, account: AccountId, operation: Register) -> None:
    """List a vault with its first stake, or add to the stake of a listed one."""
    vault = vault_id(operation.identity_key)
    require_amount(operation.stake)
    _check_consent(draft, vault, account, operation)
    row = draft.find_vault(vault)
    if row is None:
        row = _new_row(draft, vault, account, operation)
    else:
        _check_same(row, account, operation)
    draft.debit(account, operation.stake)
    draft.put_vault(replace(row, stake=row.stake + operation.stake))
    draft.say(Staked(vault, operation.stake))


def unbond(draft: Draft, account: AccountId, operation: Unbond) -> None:
    """Take a vault out of the registry from the current epoch on."""
    row = draft.vault(operation.vault)
    _check_owner(row, account)
    if row.listing is not Listing.ACTIVE:
        raise VaultLeftError(row.vault)
    draft.put_vault(replace(row, listing=Listing.UNBONDING, left_epoch=draft.epoch))
    draft.say(Unbonded(row.vault))


def withdraw(draft: Draft, account: AccountId, operation: Withdraw) -> None:
    """Return what is left of the stake of a vault that unbonded or was ejected."""
    row = draft.vault(operation.vault)
    _check_owner(row, account)
    if not row.stake:
        raise NothingToWithdrawError(row.vault)
    _check_free(draft, row)
    ejected = row.listing is Listing.EJECTED
    listing = Listing.EJECTED if ejected else Listing.WITHDRAWN
    draft.put_vault(replace(row, stake=0, listing=listing))
    draft.credit(account, row.stake)
    draft.say(Withdrawn(row.vault, row.stake))


def _check_consent(
    draft: Draft, vault: VaultId, account: AccountId, operation: Register
) -> None:
    consent = Consent(
        account,
        operation.identity_key,
        operation.bls_key,
        operation.possession,
        operation.payout,
        operation.stake,
    )
    signed = Signed(consent, operation.consent)
    try:
        CONSENT.verify(signed, draft.params.network_id, operation.identity_key)
    except SignatureInvalidError as error:
        fault = RegistrationFault.CONSENT
        raise RegistrationRefusedError(vault, fault) from error


def _new_row(
    draft: Draft, vault: VaultId, account: AccountId, operation: Register
) -> RegisteredVault:
    if operation.stake < draft.params.least_stake:
        raise LeastStakeError(vault, draft.params.least_stake, operation.stake)
    if draft.state.vault_of_bls_key(operation.bls_key) is not None:
        raise RegistrationRefusedError(vault, RegistrationFault.BLS_KEY_TAKEN)
    if not bls.verify_possession(operation.bls_key, operation.possession):
        raise RegistrationRefusedError(vault, RegistrationFault.POSSESSION)
    number = draft.books.vaults
    draft.books = replace(draft.books, vaults=number + 1)
    return RegisteredVault(
        vault=vault,
        number=number,
        identity_key=operation.identity_key,
        bls_key=operation.bls_key,
        account=account,
        payout=operation.payout,
        stake=0,
        committed_bytes=0,
        listing=Listing.ACTIVE,
        joined_epoch=draft.epoch,
        left_epoch=None,
        claimed=0,
        changed=draft.entry.sequence,
    )


def _check_same(row: RegisteredVault, account: AccountId, operation: Register) -> None:
    _check_owner(row, account)
    if row.listing is not Listing.ACTIVE:
        raise RegistrationRefusedError(row.vault, RegistrationFault.LEFT)
    if (row.bls_key, row.payout) != (operation.bls_key, operation.payout):
        raise RegistrationRefusedError(row.vault, RegistrationFault.KEYS_DIFFER)


def _check_owner(row: RegisteredVault, account: AccountId) -> None:
    if row.account != account:
        raise NotOwnerError(row.vault, row.account, account)


def _check_free(draft: Draft, row: RegisteredVault) -> None:
    """Raise unless the vault is gone, its deals are over, paid, and time has passed.

    A deal that another vault took over is over for it with the epoch of that.
    """
    if row.left_epoch is None:
        raise StillActiveError(row.vault)
    held = draft.state.deals_held(row.vault)
    ends = (deal.last_epoch(draft.params) for deal in held)
    free = max(row.left_epoch, row.released_epoch, *ends)
    until = free + draft.params.unbonding_epochs
    if draft.epoch < until:
        raise StakeLockedError(row.vault, until)
    require_settled(draft.state, free)
