"""Vaults enter and leave the registry alike on every adapter."""

from dataclasses import replace

from holdfast.ledger.core.membership import registry_at
from holdfast.ledger.core.operations import (
    Close,
    Faucet,
    Register,
    Transfer,
    Unbond,
    Withdraw,
)
from holdfast.ledger.core.registry import CONSENT, Consent
from holdfast.ledger.errors import (
    AmountRefusedError,
    BalanceTooLowError,
    LeastStakeError,
    NothingToWithdrawError,
    NotOwnerError,
    RegistrationFault,
    RegistrationRefusedError,
    StakeLockedError,
    StillActiveError,
    UnknownVaultError,
    UnsettledError,
    VaultLeftError,
)
from holdfast.ledger.port import Listing
from holdfast.protocol import bls
from holdfast.protocol.settlement import Totals
from holdfast.protocol.units import GRAINS_PER_HOLD, NetworkId, VaultId
from ledger_stage import (
    HOURLY,
    STAKE,
    Stage,
    account_key,
    cached_registration,
    conforms,
    node_keys,
    opened,
    refused,
    vault_key,
)

KEY = vault_key(1)
VAULT = node_keys(1).vault_id
NOTHING = Totals({}, {})


def signed(number: int, network: NetworkId, wish: Register) -> Register:
    """Return the registration with the vault's consent to exactly it."""
    consent = Consent(
        vault_key(number).id,
        wish.identity_key,
        wish.bls_key,
        wish.possession,
        wish.payout,
        wish.stake,
    )
    pair = node_keys(number).identity
    return replace(wish, consent=CONSENT.sign(consent, network, pair).signature)


@conforms
async def test_a_vault_is_listed_with_its_stake(stage: Stage) -> None:
    await stage.advance(3)
    await stage.vaults([1])
    (row,) = (await stage.ledger.registry(0)).vaults
    assert (row.vault, row.stake, row.listing) == (VAULT, STAKE, Listing.ACTIVE)
    assert (row.joined_epoch, row.left_epoch, row.number) == (3, None, 0)
    assert await stage.balance(KEY.id) == 10_000 * GRAINS_PER_HOLD - STAKE


@conforms
async def test_a_vault_belongs_to_the_registry_two_epochs_later(stage: Stage) -> None:
    await stage.advance(3)
    await stage.vaults([1])
    rows = (await stage.ledger.registry(0)).vaults
    assert registry_at(rows, 4) == ()
    assert registry_at(rows, 5) == rows


@conforms
async def test_registering_again_adds_to_the_stake(stage: Stage) -> None:
    await stage.vaults([1])
    await stage.act(KEY, cached_registration(1, HOURLY, KEY.id, 7))
    (row,) = (await stage.ledger.registry(0)).vaults
    assert (row.stake, row.number) == (STAKE + 7, 0)


@conforms
async def test_nobody_lists_anothers_vault(stage: Stage) -> None:
    thief = await stage.fed(9)
    wish = cached_registration(1, HOURLY, KEY.id, STAKE)
    fault = RegistrationFault.CONSENT
    with refused(RegistrationRefusedError, vault=VAULT, fault=fault):
        await stage.act(thief, wish)
    await stage.fed(1)
    await stage.act(KEY, Faucet())
    for changed in (replace(wish, stake=1), replace(wish, payout=thief.id)):
        with refused(RegistrationRefusedError, fault=fault):
            await stage.act(KEY, changed)


@conforms
async def test_a_bls_key_is_proved_and_belongs_to_one_vault(stage: Stage) -> None:
    await stage.vaults([2])
    await stage.act(KEY, Faucet())
    network = HOURLY.network_id
    other = node_keys(2)
    wish = cached_registration(1, HOURLY, KEY.id, STAKE)
    rogue = replace(wish, possession=bls.prove_possession(other.bls_secret))
    with refused(RegistrationRefusedError, fault=RegistrationFault.POSSESSION):
        await stage.act(KEY, signed(1, network, rogue))
    taken = replace(rogue, bls_key=other.bls_public)
    with refused(RegistrationRefusedError, fault=RegistrationFault.BLS_KEY_TAKEN):
        await stage.act(KEY, signed(1, network, taken))
    garbage = replace(wish, bls_key=bytes(48))
    with refused(RegistrationRefusedError, fault=RegistrationFault.POSSESSION):
        await stage.act(KEY, signed(1, network, garbage))


@conforms
async def test_a_listed_vault_keeps_its_keys_account_and_payout(stage: Stage) -> None:
    await stage.vaults([1])
    elsewhere = cached_registration(1, HOURLY, account_key(5).id, 1)
    with refused(RegistrationRefusedError, fault=RegistrationFault.KEYS_DIFFER):
        await stage.act(KEY, elsewhere)


@conforms
async def test_a_stake_is_above_zero_and_paid_for(stage: Stage) -> None:
    with refused(AmountRefusedError, amount=0):
        await stage.act(KEY, cached_registration(1, HOURLY, KEY.id, 0))
    with refused(BalanceTooLowError, needed=STAKE, has=0):
        await stage.act(KEY, cached_registration(1, HOURLY, KEY.id, STAKE))


@conforms
async def test_a_seat_costs_the_least_stake_and_more_may_be_added_in_any_amount(
    stage: Stage,
) -> None:
    least = stage.params.least_stake
    await stage.act(KEY, Faucet())
    with refused(LeastStakeError, vault=VAULT, least=least, offered=least - 1):
        await stage.act(KEY, cached_registration(1, HOURLY, KEY.id, least - 1))
    await stage.act(KEY, cached_registration(1, HOURLY, KEY.id, least))
    await stage.act(KEY, cached_registration(1, HOURLY, KEY.id, 1))
    (row,) = (await stage.ledger.registry(0)).vaults
    assert row.stake == least + 1


@conforms
async def test_an_unbonded_vault_leaves_the_registry_for_good(stage: Stage) -> None:
    await stage.vaults([1, 2])
    await stage.advance(4)
    await stage.act(KEY, Unbond(VAULT))
    rows = (await stage.ledger.registry(0)).vaults
    ids = {epoch: [row.number for row in registry_at(rows, epoch)] for epoch in (5, 6)}
    assert ids == {5: [0, 1], 6: [1]}
    with refused(VaultLeftError, vault=VAULT):
        await stage.act(KEY, Unbond(VAULT))
    with refused(RegistrationRefusedError, fault=RegistrationFault.LEFT):
        await stage.act(KEY, cached_registration(1, HOURLY, KEY.id, STAKE))


@conforms
async def test_only_its_account_moves_a_vault(stage: Stage) -> None:
    await stage.vaults([1])
    thief = await stage.fed(9)
    data = {"thing": VAULT, "owner": KEY.id, "account": thief.id}
    for operation in (Unbond(VAULT), Withdraw(VAULT)):
        with refused(NotOwnerError, **data):
            await stage.act(thief, operation)
    nobody = VaultId(bytes(32))
    with refused(UnknownVaultError, vault=nobody):
        await stage.act(thief, Unbond(nobody))


@conforms
async def test_a_stake_returns_after_unbonding_and_settlement(stage: Stage) -> None:
    await stage.vaults([1, 2])
    await stage.advance(3)
    with refused(StillActiveError, vault=VAULT):
        await stage.act(KEY, Withdraw(VAULT))
    await stage.act(KEY, Unbond(VAULT))
    await stage.advance_to(6)
    with refused(StakeLockedError, vault=VAULT, until_epoch=7):
        await stage.act(KEY, Withdraw(VAULT))
    await stage.advance_to(7)
    with refused(UnsettledError, period=0):
        await stage.act(KEY, Withdraw(VAULT))
    await stage.settle(KEY, NOTHING, [1, 2])
    await stage.act(KEY, Withdraw(VAULT))
    assert await stage.balance(KEY.id) == 10_000 * GRAINS_PER_HOLD
    assert (await stage.ledger.registry(0)).vaults[-1].listing is Listing.WITHDRAWN
    with refused(NothingToWithdrawError, vault=VAULT):
        await stage.act(KEY, Withdraw(VAULT))


@conforms
async def test_a_stake_stays_while_a_deal_names_the_vault(stage: Stage) -> None:
    await stage.vaults([1, 2])
    owner = await stage.fed(50)
    opening = await stage.opening(owner, numbers=[1], end_epoch=30)
    await stage.act(owner, opening)
    await stage.act(KEY, Unbond(VAULT))
    await stage.advance_to(10)
    with refused(StakeLockedError, until_epoch=34):
        await stage.act(KEY, Withdraw(VAULT))
    await stage.act(owner, Close(opened(owner, opening)))
    with refused(StakeLockedError, until_epoch=16):
        await stage.act(KEY, Withdraw(VAULT))
    await stage.advance_to(16)
    with refused(UnsettledError, period=3):
        await stage.act(KEY, Withdraw(VAULT))


@conforms
async def test_when_everybody_has_left_no_stake_stays_locked(stage: Stage) -> None:
    """Nobody could settle any more, so nobody has to."""
    await stage.vaults([1])
    await stage.advance(2)
    await stage.act(KEY, Transfer(account_key(3).id, 5))
    await stage.act(KEY, Unbond(VAULT))
    await stage.advance_to(6)
    with refused(UnsettledError, period=0):
        await stage.act(KEY, Withdraw(VAULT))
    await stage.advance_to(8)
    await stage.act(KEY, Withdraw(VAULT))
