"""Accounts go alike on every adapter: who may write, how often, and with what."""

from dataclasses import replace

from holdfast.ledger.core.operations import Faucet, SignedOperation, Transfer
from holdfast.ledger.errors import (
    AmountRefusedError,
    BalanceTooLowError,
    FaucetClosedError,
    FaucetUsedError,
    NonceError,
    NotStartedError,
    OperationSignatureError,
)
from holdfast.protocol.units import GRAINS_PER_HOLD, SUPPLY_MAX, AccountId
from ledger_stage import (
    GENESIS_SECONDS,
    HOURLY,
    STRICT,
    Stage,
    account_key,
    allocation,
    conforms,
    conforms_on,
    refused,
)

HOLD = GRAINS_PER_HOLD
ALICE, BOB = account_key(1), account_key(2)
EARLY = replace(HOURLY, genesis_seconds=GENESIS_SECONDS + 10)


@conforms
async def test_the_faucet_gives_to_an_account_once(stage: Stage) -> None:
    await stage.act(ALICE, Faucet())
    assert await stage.balance(ALICE.id) == 10_000 * HOLD
    with refused(FaucetUsedError, account=ALICE.id):
        await stage.act(ALICE, Faucet())
    assert (await stage.ledger.account(ALICE.id)).nonce == 1


@conforms_on(STRICT, allocation(ALICE, 5))
async def test_a_real_network_begins_with_its_allocations_and_has_no_faucet(
    stage: Stage,
) -> None:
    assert await stage.balance(ALICE.id) == 5 * HOLD
    with refused(FaucetClosedError):
        await stage.act(ALICE, Faucet())


@conforms
async def test_a_transfer_moves_grains(stage: Stage) -> None:
    await stage.fed(1)
    await stage.act(ALICE, Transfer(BOB.id, 3 * HOLD))
    await stage.act(ALICE, Transfer(ALICE.id, 3 * HOLD))
    assert await stage.balance(ALICE.id) == 9_997 * HOLD
    assert await stage.balance(BOB.id) == 3 * HOLD


@conforms
async def test_nobody_spends_what_he_has_not(stage: Stage) -> None:
    await stage.fed(1)
    wanted = 10_000 * HOLD + 1
    data = {"account": ALICE.id, "needed": wanted, "has": wanted - 1}
    with refused(BalanceTooLowError, **data):
        await stage.act(ALICE, Transfer(BOB.id, wanted))
    with refused(BalanceTooLowError, account=BOB.id, has=0):
        await stage.act(BOB, Transfer(ALICE.id, 1))


@conforms
async def test_nothing_and_the_impossible_are_not_moved(stage: Stage) -> None:
    await stage.fed(1)
    for amount in (0, SUPPLY_MAX + 1):
        with refused(AmountRefusedError, amount=amount):
            await stage.act(ALICE, Transfer(BOB.id, amount))


@conforms
async def test_a_repeated_operation_is_applied_once_with_the_same_result(
    stage: Stage,
) -> None:
    await stage.fed(1)
    signed = ALICE.sign(stage.params, 1, Transfer(BOB.id, HOLD))
    first = await stage.send(signed)
    await stage.advance()
    await stage.act(ALICE, Transfer(AccountId(b"c" * 20), HOLD))
    assert await stage.send(signed) == first
    assert await stage.balance(BOB.id) == HOLD


@conforms
async def test_a_nonce_serves_one_operation(stage: Stage) -> None:
    await stage.fed(1)
    await stage.act(ALICE, Transfer(BOB.id, HOLD))
    for nonce in (0, 1, 3):
        signed = ALICE.sign(stage.params, nonce, Transfer(BOB.id, 7))
        data = {"account": ALICE.id, "expected": 2, "given": nonce}
        with refused(NonceError, **data):
            await stage.send(signed)


@conforms
async def test_a_refused_operation_leaves_its_nonce_unused(stage: Stage) -> None:
    await stage.fed(1)
    with refused(BalanceTooLowError):
        await stage.act(ALICE, Transfer(BOB.id, SUPPLY_MAX))
    await stage.act(ALICE, Transfer(BOB.id, 1))
    assert (await stage.ledger.account(ALICE.id)).nonce == 2


@conforms
async def test_two_writers_of_one_account_both_get_through(stage: Stage) -> None:
    await stage.fed(1)
    other = stage.open_account(ALICE)
    for _ in range(3):
        await stage.act(ALICE, Transfer(BOB.id, HOLD))
        await other.submit(Transfer(BOB.id, HOLD))
    assert await stage.balance(BOB.id) == 6 * HOLD


@conforms
async def test_nobody_writes_in_anothers_name(stage: Stage) -> None:
    await stage.fed(1)
    wish = Transfer(BOB.id, HOLD)
    forged = SignedOperation(
        ALICE.id, 1, wish, BOB.sign(stage.params, 1, wish).signature
    )
    elsewhere = ALICE.sign(replace(stage.params, name="other"), 1, wish)
    good = ALICE.sign(stage.params, 1, wish)
    flipped = replace(good, signature=bytes(64) + good.signature[64:])
    for signed in (forged, elsewhere, flipped, replace(good, nonce=2)):
        with refused(OperationSignatureError, account=ALICE.id):
            await stage.send(signed)


@conforms
async def test_the_other_form_of_a_signature_is_refused(stage: Stage) -> None:
    """The mirrored s recovers the same signer; only the low one is taken."""
    await stage.fed(1)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    good = ALICE.sign(stage.params, 1, Transfer(BOB.id, HOLD))
    low = int.from_bytes(good.signature[32:64], "big")
    high = (order - low).to_bytes(32, "big")
    mirrored = good.signature[:32] + high + bytes([55 - good.signature[64]])
    with refused(OperationSignatureError, account=ALICE.id):
        await stage.send(replace(good, signature=mirrored))


@conforms_on(EARLY)
async def test_nothing_happens_before_the_first_epoch(stage: Stage) -> None:
    data = {"genesis_seconds": GENESIS_SECONDS + 10}
    with refused(NotStartedError, **data):
        await stage.act(ALICE, Faucet())
    stage.jump_to(0)
    await stage.act(ALICE, Faucet())
