"""A rebuilt shard's new holder takes its place alike on every adapter."""

from dataclasses import replace
from typing import Any

from holdfast.ledger.core.operations import (
    Close,
    Extend,
    Refund,
    Replace,
    Unbond,
    Withdraw,
)
from holdfast.ledger.errors import (
    DealEndedError,
    ProofFault,
    ProofRefusedError,
    QuoteFault,
    QuoteRefusedError,
    ReplacementFault,
    ReplacementRefusedError,
    SlotTakenError,
    StakeLockedError,
    StakeTooLowError,
    UnknownDealError,
    UnknownVaultError,
)
from holdfast.ledger.port import Listing, RegisteredVault
from holdfast.protocol.deal import Holder, PastHolder
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    REPLACEMENT_LEAF,
    VAULT_LEAF,
    Ejection,
    Replacement,
    TotalProof,
    Totals,
    prove_total,
)
from holdfast.protocol.units import (
    GIB,
    GRAINS_PER_HOLD,
    DealId,
    Digest,
    Grains,
    VaultId,
)
from ledger_stage import (
    STRICT,
    Stage,
    account_key,
    allocation,
    cached_registration,
    conforms,
    conforms_on,
    opened,
    quote,
    refused,
    vault_ids,
    vault_key,
)

NUMBERS = list(range(1, 6))
FIRST, SECOND, THIRD, FOURTH = vault_ids([1, 2, 3, 4])
KEY, OWNER = vault_key(1), account_key(50)
PEOPLE = [allocation(vault_key(n), 500) for n in (*NUMBERS, 8, 9)]


async def deal_in_place(stage: Stage, **terms: Any) -> DealId:
    """Five vaults, one deal of account 50 with the first two; epoch 4."""
    await stage.vaults(NUMBERS)
    if stage.params.development:
        await stage.fed(50)
    wish = await stage.opening(OWNER, numbers=[1, 2], **({"end_epoch": 40} | terms))
    await stage.act(OWNER, wish)
    await stage.advance_to(4)
    return opened(OWNER, wish)


def naming(*replacements: Replacement, deal: DealId | None = None) -> Totals:
    """Return totals with these replacements; the deal spent a little, if named."""
    if deal is None:
        return Totals({}, {}, replacements)
    return Totals({FIRST: 300}, {deal: 300}, replacements)


def shown(change: Replacement, totals: Totals | None = None) -> Replace:
    proof = prove_total(totals or naming(change), REPLACEMENT_LEAF, change.leaf().id)
    assert proof is not None
    return Replace(change, proof)


def ejected(vault: VaultId) -> tuple[Ejection, ...]:
    return (Ejection(vault, 50, Digest(bytes(32))),)


async def row(stage: Stage, vault: VaultId) -> RegisteredVault:
    rows = (await stage.ledger.registry(0)).vaults
    return {row.vault: row for row in rows}[vault]


@conforms
async def test_who_rebuilt_takes_the_place_at_the_lost_holders_price(
    stage: Stage,
) -> None:
    deal = await deal_in_place(stage)
    change = Replacement(deal, 1, SECOND, THIRD)
    await stage.settle(KEY, naming(change, deal=deal), NUMBERS, ejected(SECOND))
    anybody = await stage.fed(60)
    await stage.act(anybody, shown(change, naming(change, deal=deal)))
    after = await stage.deal(deal)
    assert after.holders == (Holder(FIRST, 1000, 0), Holder(THIRD, 1000, 8))
    assert after.past == (PastHolder(1, SECOND, 1000, 0, 8),)
    assert after.holder_at(1, 7) == Holder(SECOND, 1000, 0)
    assert after.holder_at(1, 8) == Holder(THIRD, 1000, 8)
    lost, found = await row(stage, SECOND), await row(stage, THIRD)
    assert (lost.committed_bytes, lost.released_epoch, lost.slashed) == (0, 8, 50)
    assert (found.committed_bytes, found.released_epoch) == (GIB, 0)


@conforms
async def test_a_replacement_takes_effect_once(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    change = Replacement(deal, 1, SECOND, THIRD)
    await stage.settle(KEY, naming(change), NUMBERS, ejected(SECOND))
    nonce = (await stage.ledger.account(KEY.id)).nonce
    signed = KEY.sign(stage.params, nonce, shown(change))
    first = await stage.send(signed)
    assert await stage.send(signed) == first
    with refused(SlotTakenError, deal=deal, index=1, holder=THIRD):
        await stage.act(vault_key(3), shown(change))
    await stage.settle(KEY, naming(change), NUMBERS, ejected(THIRD))
    with refused(SlotTakenError, deal=deal, index=1, holder=THIRD):
        await stage.act(KEY, shown(change))


@conforms
async def test_a_place_is_taken_again_when_the_next_holder_is_lost(
    stage: Stage,
) -> None:
    deal = await deal_in_place(stage)
    changes = [
        Replacement(deal, 1, SECOND, THIRD),
        Replacement(deal, 1, THIRD, FOURTH),
    ]
    totals = naming(*changes)
    await stage.settle(KEY, totals, NUMBERS, ejected(SECOND))
    with refused(SlotTakenError, holder=SECOND):
        await stage.act(KEY, shown(changes[1], totals))
    await stage.act(KEY, shown(changes[0], totals))
    with refused(ReplacementRefusedError, fault=ReplacementFault.NOT_LOST):
        await stage.act(KEY, shown(changes[1], totals))
    await stage.settle(KEY, totals, NUMBERS, ejected(THIRD))
    await stage.act(KEY, shown(changes[1], totals))
    after = await stage.deal(deal)
    assert after.held_by(1) == (FOURTH, THIRD, SECOND)
    assert [past.until_epoch for past in after.past] == [8, 12]


@conforms
async def test_a_holder_that_leaves_hands_its_place_over_and_is_free_sooner(
    stage: Stage,
) -> None:
    deal = await deal_in_place(stage)
    change = Replacement(deal, 1, SECOND, THIRD)
    await stage.settle(KEY, naming(change), NUMBERS)
    with refused(ReplacementRefusedError, fault=ReplacementFault.NOT_LOST):
        await stage.act(KEY, shown(change))
    await stage.act(vault_key(2), Unbond(SECOND))
    with refused(StakeLockedError, until_epoch=44):
        await stage.act(vault_key(2), Withdraw(SECOND))
    await stage.advance_to(10)
    await stage.act(KEY, shown(change))
    with refused(StakeLockedError, until_epoch=14):
        await stage.act(vault_key(2), Withdraw(SECOND))
    await stage.settle(KEY, naming(), NUMBERS)
    await stage.advance_to(14)
    await stage.act(vault_key(2), Withdraw(SECOND))
    assert (await row(stage, SECOND)).listing is Listing.WITHDRAWN
    assert await stage.balance(vault_key(2).id) == 10_000 * GRAINS_PER_HOLD


@conforms
async def test_only_the_newest_settlements_own_leaf_replaces(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    change = Replacement(deal, 1, SECOND, THIRD)
    rival = Replacement(deal, 1, SECOND, FOURTH)
    totals = naming(change, deal=deal)
    good = shown(change, totals)
    await stage.settle(KEY, naming(), NUMBERS, ejected(SECOND))
    with refused(ProofRefusedError, id=change.leaf().id, fault=ProofFault.OTHER_TREE):
        await stage.act(KEY, good)
    await stage.settle(KEY, totals, NUMBERS)
    vault, own = prove_total(totals, VAULT_LEAF, FIRST), good.proof
    assert vault is not None
    wrong: list[tuple[ProofFault, Replacement, TotalProof]] = [
        (ProofFault.OTHER_LEAF, change, vault),
        (ProofFault.OTHER_LEAF, rival, own),
        (ProofFault.OTHER_TREE, rival, replace(own, total=rival.leaf())),
        (
            ProofFault.OTHER_LEAF,
            change,
            replace(own, total=replace(own.total, grains=1)),
        ),
        (ProofFault.OTHER_TREE, change, replace(own, path=own.path[:-1])),
        (ProofFault.OTHER_TREE, change, replace(own, index=0)),
        (ProofFault.OTHER_TREE, change, replace(own, count=own.count + 1)),
    ]
    for fault, named, proof in wrong:
        with refused(ProofRefusedError, id=named.leaf().id, fault=fault):
            await stage.act(KEY, Replace(named, proof))
    await stage.settle(KEY, naming(deal=deal), NUMBERS)
    with refused(ProofRefusedError, fault=ProofFault.OTHER_TREE):
        await stage.act(KEY, good)
    assert (await stage.deal(deal)).past == ()


@conforms
async def test_not_every_vault_can_follow(stage: Stage) -> None:
    deal = await deal_in_place(stage, capacity=64 * GIB)
    await stage.vaults([8], stage.params.least_stake)
    await stage.act(vault_key(4), Unbond(FOURTH))
    (small,), nobody = vault_ids([8]), VaultId(bytes(32))
    other = await stage.opening(OWNER, numbers=[8], nonce=2, capacity=64 * GIB)
    await stage.act(OWNER, other)
    price = stage.params.rebuild_price
    changes: list[tuple[VaultId, int, type[Exception], dict[str, Any]]] = [
        (FIRST, 1, ReplacementRefusedError, {"fault": ReplacementFault.SAME_VAULT}),
        (FOURTH, 1, ReplacementRefusedError, {"fault": ReplacementFault.NOT_ACTIVE}),
        (SECOND, 1, ReplacementRefusedError, {"fault": ReplacementFault.NOT_ACTIVE}),
        (THIRD, 2, ReplacementRefusedError, {"fault": ReplacementFault.INDEX}),
        (THIRD, 0, SlotTakenError, {"holder": FIRST}),
        (nobody, 1, UnknownVaultError, {"vault": nobody}),
        (small, 1, StakeTooLowError, {"needed": 128 * price, "vault": small}),
    ]
    made = [Replacement(deal, index, SECOND, vault) for vault, index, *_ in changes]
    totals = naming(*made)
    await stage.settle(KEY, totals, [*NUMBERS, 8], ejected(SECOND))
    for change, (_, _, error, data) in zip(made, changes, strict=True):
        with refused(error, **data):
            await stage.act(KEY, shown(change, totals))


@conforms_on(STRICT, *PEOPLE, allocation(OWNER, 500))
async def test_no_payout_account_is_paid_for_two_places(stage: Stage) -> None:
    """Vault 8 is paid where the other holder is; 9 where the lost one was."""
    deal = await deal_in_place(stage)
    stake = 100 * GRAINS_PER_HOLD
    for number, payout in ((8, KEY.id), (9, vault_key(2).id)):
        wish = cached_registration(number, stage.params, payout, stake)
        await stage.act(vault_key(number), wish)
    same, fair = (Replacement(deal, 1, SECOND, vault) for vault in vault_ids([8, 9]))
    totals = naming(same, fair)
    await stage.settle(KEY, totals, [*NUMBERS, 8, 9], ejected(SECOND))
    with refused(ReplacementRefusedError, fault=ReplacementFault.SAME_PAYOUT):
        await stage.act(KEY, shown(same, totals))
    await stage.act(KEY, shown(fair, totals))


@conforms
async def test_a_deal_that_is_over_gets_no_new_holder(stage: Stage) -> None:
    deal = await deal_in_place(stage, end_epoch=30)
    change = Replacement(deal, 1, SECOND, THIRD)
    unknown = Replacement(DealId(bytes(32)), 1, SECOND, THIRD)
    totals = naming(change, unknown)
    await stage.settle(KEY, totals, NUMBERS, ejected(SECOND))
    with refused(UnknownDealError, deal=unknown.deal):
        await stage.act(KEY, shown(unknown, totals))
    await stage.act(OWNER, Close(deal))
    await stage.advance_to(12)
    with refused(DealEndedError, deal=deal, last_epoch=12):
        await stage.act(KEY, shown(change, totals))


@conforms
async def test_a_closed_deal_that_still_runs_gets_one(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    change = Replacement(deal, 1, SECOND, THIRD)
    await stage.settle(KEY, naming(change), NUMBERS, ejected(SECOND))
    await stage.act(OWNER, Close(deal))
    await stage.advance_to(11)
    await stage.act(KEY, shown(change))
    assert (await stage.deal(deal)).index_of(THIRD) == 1


@conforms
async def test_the_lost_the_next_and_the_other_holder_hear_of_it(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    later = await stage.opening(OWNER, numbers=[1, 2, 3], nonce=2)
    await stage.act(OWNER, later)
    change = Replacement(deal, 1, SECOND, THIRD)
    await stage.settle(KEY, naming(change), NUMBERS, ejected(SECOND))
    before = (await stage.ledger.tip()).sequence
    await stage.act(KEY, shown(change))
    for vault in (FIRST, SECOND, THIRD):
        (heard,) = (await stage.ledger.deals_held((vault,), before)).deals
        assert heard == await stage.deal(deal)
        every = (await stage.ledger.deals_held((vault,), 0)).deals
        assert {one.id for one in every} == {deal, opened(OWNER, later)}
        (synced,) = (await stage.ledger.sync((vault,), before)).deals
        assert synced.holders[1].vault == THIRD
    assert (await stage.ledger.deals_held((FOURTH,), 0)).deals == ()
    rows = (await stage.ledger.registry(before)).vaults
    assert {row.vault for row in rows} == {SECOND, THIRD}


@conforms
async def test_a_deal_is_extended_with_the_quotes_of_who_holds_it_now(
    stage: Stage,
) -> None:
    deal = await deal_in_place(stage)
    change = Replacement(deal, 1, SECOND, THIRD)
    await stage.settle(KEY, naming(change), NUMBERS, ejected(SECOND))

    def quotes(*numbers: int) -> Extend:
        terms = {"price": 1000, "capacity": 2 * GIB, "end_epoch": 50}
        made = (quote(stage.params, number, deal, 8, **terms) for number in numbers)
        return Extend(deal, 2 * GIB, 50, tuple(made))

    with refused(QuoteRefusedError, index=1, fault=QuoteFault.NOT_ACTIVE):
        await stage.act(OWNER, quotes(1, 2))
    await stage.act(KEY, shown(change))
    with refused(QuoteRefusedError, index=1, fault=QuoteFault.HOLDER):
        await stage.act(OWNER, quotes(1, 2))
    await stage.act(OWNER, quotes(1, 3))
    assert (await row(stage, SECOND)).committed_bytes == 0
    assert (await row(stage, THIRD)).committed_bytes == 2 * GIB


@conforms
async def test_a_refund_frees_those_who_hold_the_deal_at_its_end(stage: Stage) -> None:
    await refunded(stage, 300)


@conforms
async def test_a_deal_without_a_leaf_is_absent_before_all_replacements(
    stage: Stage,
) -> None:
    await refunded(stage, 0)


async def refunded(stage: Stage, spent: Grains) -> None:
    deal = await deal_in_place(stage, end_epoch=10)
    change = Replacement(deal, 1, SECOND, THIRD)
    totals = naming(change, deal=deal if spent else None)
    await stage.settle(KEY, totals, NUMBERS, ejected(SECOND))
    await stage.act(KEY, shown(change, totals))
    await stage.settle(KEY, totals, NUMBERS)
    with refused(ProofRefusedError, fault=ProofFault.ABSENCE):
        await stage.act(OWNER, Refund(deal, ()))
    own = prove_total(totals, DEAL_LEAF, deal)
    await stage.act(OWNER, Refund(deal, (own or shown(change, totals).proof,)))
    rows = (await stage.ledger.registry(0)).vaults
    assert {row.committed_bytes for row in rows} == {0}
    assert (await stage.deal(deal)).escrow == spent
