"""Claims and refunds go alike on every adapter."""

from dataclasses import replace

from holdfast.ledger.core.operations import (
    Claim,
    Close,
    Refund,
    Settle,
)
from holdfast.ledger.errors import (
    AlreadyRefundedError,
    NothingToClaimError,
    OverdrawnError,
    ProofFault,
    ProofRefusedError,
    UnknownVaultError,
    UnsettledError,
)
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    VAULT_LEAF,
    TotalProof,
    Totals,
)
from holdfast.protocol.units import (
    DealId,
    Digest,
)
from ledger_stage import (
    Stage,
    account_key,
    conforms,
    opened,
    refused,
    statement,
)
from paid_deal import FED, FIRST, KEY, NUMBERS, SECOND, deal_in_place, paid, proof


@conforms
async def test_earnings_are_claimed_once_and_then_what_was_added(
    stage: Stage,
) -> None:
    deal = await deal_in_place(stage)
    totals = paid(deal)
    claim = Claim(proof(totals, VAULT_LEAF, FIRST))
    with refused(ProofRefusedError, id=FIRST, fault=ProofFault.OTHER_TREE):
        await stage.act(KEY, claim)
    await stage.settle(KEY, totals, NUMBERS)
    await stage.act(KEY, claim)
    with refused(NothingToClaimError, vault=FIRST, claimed=300):
        await stage.act(KEY, claim)
    more = paid(deal, 450, 900)
    await stage.settle(KEY, more, NUMBERS)
    before = await stage.balance(KEY.id)
    await stage.act(KEY, Claim(proof(more, VAULT_LEAF, FIRST)))
    assert await stage.balance(KEY.id) == before + 150
    with refused(ProofRefusedError, id=FIRST, fault=ProofFault.OTHER_TREE):
        await stage.act(KEY, claim)


@conforms
async def test_a_claim_needs_the_vaults_own_leaf(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    totals = paid(deal, earned=200)
    await stage.settle(KEY, totals, NUMBERS)
    own = proof(totals, VAULT_LEAF, FIRST)
    theirs = proof(totals, VAULT_LEAF, SECOND)
    wrong = [
        replace(own, total=replace(own.total, grains=301)),
        replace(own, total=replace(theirs.total, id=FIRST)),
        replace(own, index=own.index + 1),
        replace(own, count=own.count + 1),
        replace(own, path=own.path[:-1]),
        replace(own, path=(*own.path, bytes(32))),
    ]
    for bad in wrong:
        with refused(ProofRefusedError, fault=ProofFault.OTHER_TREE):
            await stage.act(KEY, Claim(bad))
    with refused(ProofRefusedError, id=deal, fault=ProofFault.OTHER_LEAF):
        await stage.act(KEY, Claim(proof(totals, DEAL_LEAF, deal)))
    nobody = replace(own, total=replace(own.total, id=bytes(32)))
    with refused(UnknownVaultError):
        await stage.act(KEY, Claim(nobody))


@conforms
async def test_claims_never_exceed_the_certified_total(stage: Stage) -> None:
    """A majority could sign leaves that add up to more than its totals."""
    deal = await deal_in_place(stage)
    totals = paid(deal)
    greedy = Totals({FIRST: 500, SECOND: 500}, {deal: 600})
    await stage.advance_to(8)
    honest = statement(stage.params, 1, totals)
    tree = greedy.tree()
    made = replace(honest, root=Digest(tree.root), count=len(tree))
    await stage.act(KEY, Settle(await stage.certify(made, NUMBERS)))
    await stage.act(KEY, Claim(proof(greedy, VAULT_LEAF, FIRST)))
    with refused(OverdrawnError, wanted=500, available=100):
        await stage.act(KEY, Claim(proof(greedy, VAULT_LEAF, SECOND)))


@conforms
async def test_an_ended_deal_returns_what_it_did_not_spend(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    totals = paid(deal)
    refund = Refund(deal, (proof(totals, DEAL_LEAF, deal),))
    with refused(UnsettledError, period=1):
        await stage.act(KEY, refund)
    await stage.settle(KEY, totals, NUMBERS)
    owner = account_key(50)
    await stage.act(KEY, refund)
    assert await stage.balance(owner.id) == FED - 600
    after = await stage.deal(deal)
    assert (after.refunded, after.escrow) == (True, 600)
    rows = (await stage.ledger.registry(0)).vaults
    assert {row.committed_bytes for row in rows} == {0}
    with refused(AlreadyRefundedError, deal=deal):
        await stage.act(KEY, refund)


@conforms
async def test_a_deal_is_not_refunded_before_its_end_is_settled(stage: Stage) -> None:
    await stage.vaults(NUMBERS)
    owner = await stage.fed(50)
    wish = await stage.opening(owner, numbers=[1], end_epoch=40)
    await stage.act(owner, wish)
    deal = opened(owner, wish)
    await stage.advance_to(5)
    totals = Totals({FIRST: 1}, {deal: 1})
    refund = Refund(deal, (proof(totals, DEAL_LEAF, deal),))
    await stage.settle(owner, totals, NUMBERS)
    with refused(UnsettledError, period=10):
        await stage.act(owner, refund)
    await stage.act(owner, Close(deal))
    with refused(UnsettledError, period=3):
        await stage.act(owner, refund)
    await stage.settle(owner, totals, NUMBERS)
    await stage.settle(owner, totals, NUMBERS)
    await stage.act(owner, refund)
    assert await stage.balance(owner.id) == FED - 1


@conforms
async def test_a_deal_without_a_leaf_is_refunded_whole_against_its_absence(
    stage: Stage,
) -> None:
    """Beside it, before it, after it, or with no leaf at all."""
    await stage.vaults(NUMBERS)
    owner = await stage.fed(50)
    wishes = [await stage.opening(owner, numbers=[1], nonce=n) for n in range(1, 6)]
    for wish in wishes:
        await stage.act(owner, wish)
    first, second, third, fourth, fifth = sorted(opened(owner, wish) for wish in wishes)
    await stage.advance_to(8)
    totals = Totals({FIRST: 10}, {second: 5, fourth: 5})
    await stage.settle(owner, totals, NUMBERS)

    def leaf(deal: DealId) -> TotalProof:
        return proof(totals, DEAL_LEAF, deal)

    vault = proof(totals, VAULT_LEAF, FIRST)
    wrong = [
        (second, ()),
        (second, (vault, leaf(fourth))),
        (second, (vault, leaf(second))),
        (third, (leaf(second),)),
        (third, (leaf(fourth),)),
        (third, (leaf(fourth), leaf(second))),
        (fifth, (leaf(second),)),
        (first, (vault,)),
    ]
    for deal, proofs in wrong:
        with refused(ProofRefusedError, id=deal, fault=ProofFault.ABSENCE):
            await stage.act(owner, Refund(deal, proofs))
    await stage.act(owner, Refund(first, (vault, leaf(second))))
    await stage.act(owner, Refund(third, (leaf(second), leaf(fourth))))
    await stage.act(owner, Refund(fifth, (leaf(fourth),)))
    await stage.act(owner, Refund(second, (leaf(second),)))
    assert [(await stage.deal(deal)).escrow for deal in (first, second, third)] == [
        *(0, 5, 0)
    ]


@conforms
async def test_absence_is_shown_before_all_leaves_and_in_an_empty_tree(
    stage: Stage,
) -> None:
    await stage.vaults(NUMBERS)
    owner = await stage.fed(50)
    wishes = [await stage.opening(owner, numbers=[1], nonce=n) for n in (1, 2)]
    for wish in wishes:
        await stage.act(owner, wish)
    low, high = sorted(opened(owner, wish) for wish in wishes)
    await stage.advance_to(8)
    await stage.settle(owner, Totals({}, {}), NUMBERS)
    await stage.act(owner, Refund(high, ()))
    totals = Totals({}, {high: 0})
    await stage.settle(owner, totals, NUMBERS)
    with refused(ProofRefusedError, id=low, fault=ProofFault.ABSENCE):
        await stage.act(owner, Refund(low, ()))
    await stage.act(owner, Refund(low, (proof(totals, DEAL_LEAF, high),)))
    assert await stage.balance(owner.id) == FED


@conforms
async def test_refunds_never_exceed_what_is_in_escrow(stage: Stage) -> None:
    """A majority could sign totals that its leaves do not add up to."""
    deal = await deal_in_place(stage)
    totals = paid(deal)
    forgetful = Totals(totals.earned, {deal: 0})
    await stage.advance_to(8)
    tree = forgetful.tree()
    made = replace(
        statement(stage.params, 1, totals), root=Digest(tree.root), count=len(tree)
    )
    await stage.act(KEY, Settle(await stage.certify(made, NUMBERS)))
    refund = Refund(deal, (proof(forgetful, DEAL_LEAF, deal),))
    with refused(OverdrawnError, wanted=120_000, available=119_400):
        await stage.act(KEY, refund)
