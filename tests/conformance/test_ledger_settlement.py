"""Settlements, claims and refunds go alike on every adapter."""

from dataclasses import replace
from typing import Any

from holdfast.ledger.core.operations import (
    Claim,
    Close,
    Refund,
    Settle,
    Withdraw,
)
from holdfast.ledger.errors import (
    AlreadyRefundedError,
    AlreadySettledError,
    NothingToClaimError,
    OverdrawnError,
    ProofFault,
    ProofRefusedError,
    QuoteFault,
    QuoteRefusedError,
    SettlementFault,
    SettlementRefusedError,
    UnknownVaultError,
    UnsettledError,
)
from holdfast.ledger.port import Listing
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    VAULT_LEAF,
    Certificate,
    Ejection,
    TotalProof,
    Totals,
    prove_total,
    signers_bitmap,
)
from holdfast.protocol.units import (
    GRAINS_PER_HOLD,
    DealId,
    Digest,
    NetworkId,
    VaultId,
)
from ledger_stage import (
    STAKE,
    Stage,
    account_key,
    conforms,
    node_keys,
    opened,
    refused,
    statement,
    vault_ids,
    vault_key,
)

NUMBERS = list(range(1, 6))
FIRST, SECOND = vault_ids([1, 2])
KEY = vault_key(1)
FED = 10_000 * GRAINS_PER_HOLD


async def deal_in_place(stage: Stage, numbers: list[int] = NUMBERS) -> DealId:
    """Five vaults, one deal of account 50 with the first two until epoch 6."""
    await stage.vaults(numbers)
    owner = await stage.fed(50)
    wish = await stage.opening(owner, numbers=[1, 2], end_epoch=6, price=10_000)
    await stage.act(owner, wish)
    await stage.advance_to(4)
    return opened(owner, wish)


def paid(deal: DealId, earned: int = 300, spent: int = 600) -> Totals:
    return Totals({FIRST: earned, SECOND: spent - earned}, {deal: spent})


def proof(totals: Totals, party: int, key: bytes) -> TotalProof:
    made = prove_total(totals, party, key)
    assert made is not None
    return made


@conforms
async def test_a_settlement_moves_what_was_spent_to_what_can_be_claimed(
    stage: Stage,
) -> None:
    deal = await deal_in_place(stage)
    assert await stage.ledger.settlement() is None
    certificate = await stage.settle(KEY, paid(deal), NUMBERS)
    assert await stage.ledger.settlement() == certificate
    before = await stage.balance(KEY.id)
    anybody = await stage.fed(60)
    await stage.act(anybody, Claim(proof(paid(deal), VAULT_LEAF, FIRST)))
    assert await stage.balance(KEY.id) == before + 300


@conforms
async def test_the_same_settlement_brought_again_returns_the_first_result(
    stage: Stage,
) -> None:
    deal = await deal_in_place(stage)
    made = statement(stage.params, 1, paid(deal))
    await stage.advance_to(8)
    certificate = await stage.certify(made, NUMBERS)
    others = await stage.certify(made, NUMBERS, signers=3)
    first = await stage.act(KEY, Settle(certificate))
    await stage.advance()
    assert await stage.act(vault_key(2), Settle(certificate)) == first
    assert await stage.act(vault_key(3), Settle(others)) == first
    assert (await stage.ledger.account(vault_key(2).id)).nonce == 2
    rival = await stage.certify(statement(stage.params, 1, paid(deal, 1)), NUMBERS)
    with refused(AlreadySettledError, period=1, settled=1):
        await stage.act(vault_key(2), Settle(rival))


@conforms
async def test_a_period_is_settled_in_the_next_one_or_never(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    await stage.advance_to(7)
    early = statement(stage.params, 1, paid(deal))
    wrong = Certificate(early, b"", bytes(96))
    with refused(SettlementRefusedError, period=1, fault=SettlementFault.PERIOD):
        await stage.act(KEY, Settle(wrong))
    await stage.advance_to(8)
    certificate = await stage.certify(early, NUMBERS)
    await stage.advance_to(12)
    with refused(SettlementRefusedError, period=1, fault=SettlementFault.PERIOD):
        await stage.act(KEY, Settle(certificate))
    later = await stage.certify(statement(stage.params, 2, paid(deal)), NUMBERS)
    await stage.act(KEY, Settle(later))
    with refused(AlreadySettledError, period=1, settled=2):
        await stage.act(KEY, Settle(certificate))


@conforms
async def test_only_a_majority_of_the_committee_settles(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    await stage.advance_to(8)
    made = statement(stage.params, 1, paid(deal))
    good = await stage.certify(made, NUMBERS, signers=3)
    altered = replace(made, earned_total=made.earned_total - 1)
    wrong: list[tuple[SettlementFault, dict[str, Any]]] = [
        (SettlementFault.MAJORITY, {"signers": signers_bitmap([0, 1], 5)}),
        (SettlementFault.SIGNATURE, {"signers": signers_bitmap([0, 1, 3], 5)}),
        (SettlementFault.SIGNATURE, {"signature": bytes(96)}),
        (SettlementFault.SIGNATURE, {"statement": altered}),
        (SettlementFault.SIGNERS, {"signers": signers_bitmap([0, 1, 2, 5], 6)}),
        (SettlementFault.SIGNERS, {"signers": good.signers + b"\0"}),
        (SettlementFault.SIGNERS, {"signers": b""}),
        (
            SettlementFault.NETWORK,
            {"statement": replace(made, network=NetworkId(bytes(32)))},
        ),
    ]
    for fault, change in wrong:
        with refused(SettlementRefusedError, period=1, fault=fault):
            await stage.act(KEY, Settle(replace(good, **change)))
    await stage.act(KEY, Settle(good))


@conforms
async def test_a_newcomer_is_no_member_of_a_committee_drawn_before(
    stage: Stage,
) -> None:
    deal = await deal_in_place(stage, NUMBERS[:3])
    await stage.advance_to(7)
    await stage.vaults([8, 9])
    await stage.advance_to(8)
    committee = await stage.ledger.committee(2)
    assert sorted(committee) == sorted(vault_ids([1, 2, 3]))
    assert await stage.ledger.committee(3) == ()
    made = statement(stage.params, 1, paid(deal))
    await stage.act(KEY, Settle(await stage.certify(made, [1, 2, 3], signers=2)))


@conforms
async def test_a_void_epoch_draws_no_committee(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    stage.jump_to(9)
    assert await stage.ledger.committee(2) == ()
    made = statement(stage.params, 1, paid(deal))
    certificate = Certificate(made, b"\x07", bytes(96))
    with refused(SettlementRefusedError, fault=SettlementFault.COMMITTEE):
        await stage.act(KEY, Settle(certificate))
    assert [beacon.epoch for beacon in await stage.ledger.beacons(3)] == [3, 4, 9]


@conforms
async def test_no_settlement_takes_back_or_overpays(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    await stage.settle(KEY, paid(deal), NUMBERS)
    await stage.advance_to(12)
    escrow = (await stage.deal(deal)).escrow
    assert escrow == 120_000
    wrong = {
        SettlementFault.TOTALS_SHRINK: [
            paid(deal, spent=599),
            Totals({FIRST: 599}, {deal: 600}),
        ],
        SettlementFault.OVERPAID: [Totals({FIRST: 701}, {deal: 700})],
        SettlementFault.ESCROW: [Totals({FIRST: 700}, {deal: escrow + 1})],
    }
    for fault, totals in wrong.items():
        for total in totals:
            made = statement(stage.params, 2, total)
            certificate = await stage.certify(made, NUMBERS)
            with refused(SettlementRefusedError, period=2, fault=fault):
                await stage.act(KEY, Settle(certificate))
    everything = Totals({FIRST: 601, SECOND: 600}, {deal: escrow})
    made = statement(stage.params, 2, everything)
    await stage.act(KEY, Settle(await stage.certify(made, NUMBERS)))


@conforms
async def test_an_ejected_vault_loses_its_place_and_what_it_is_slashed(
    stage: Stage,
) -> None:
    deal = await deal_in_place(stage)
    ejection = Ejection(SECOND, 50, Digest(bytes(32)))
    overpaid = Totals({FIRST: 651}, {deal: 600})
    slashed = Totals({FIRST: 650}, {deal: 600})
    await stage.advance_to(8)
    for totals, fault in ((overpaid, SettlementFault.OVERPAID),):
        made = statement(stage.params, 1, totals, (ejection,))
        certificate = await stage.certify(made, NUMBERS)
        with refused(SettlementRefusedError, fault=fault):
            await stage.act(KEY, Settle(certificate))
    made = statement(stage.params, 1, slashed, (ejection,))
    await stage.act(KEY, Settle(await stage.certify(made, NUMBERS)))
    rows = {row.vault: row for row in (await stage.ledger.registry(0)).vaults}
    row = rows[SECOND]
    assert (row.listing, row.left_epoch, row.stake) == (Listing.EJECTED, 8, STAKE - 50)
    owner = await stage.fed(51)
    with refused(QuoteRefusedError, fault=QuoteFault.NOT_ACTIVE):
        await stage.act(owner, await stage.opening(owner, numbers=[2]))
    await stage.act(KEY, Claim(proof(slashed, VAULT_LEAF, FIRST)))
    await stage.advance_to(15)
    await stage.settle(KEY, slashed, NUMBERS)
    await stage.act(vault_key(2), Withdraw(SECOND))
    rows = {row.vault: row for row in (await stage.ledger.registry(0)).vaults}
    assert (rows[SECOND].listing, rows[SECOND].stake) == (Listing.EJECTED, 0)


@conforms
async def test_a_slash_takes_no_more_than_the_stake(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    ejection = Ejection(SECOND, STAKE + 1, Digest(bytes(32)))
    await stage.advance_to(8)
    made = statement(
        stage.params, 1, Totals({FIRST: 601 + STAKE}, {deal: 600}), (ejection,)
    )
    with refused(SettlementRefusedError, fault=SettlementFault.OVERPAID):
        await stage.act(KEY, Settle(await stage.certify(made, NUMBERS)))


@conforms
async def test_a_vault_is_ejected_once(stage: Stage) -> None:
    deal = await deal_in_place(stage)
    gone = Ejection(SECOND, 50, Digest(bytes(32)))
    unknown = Ejection(VaultId(bytes(32)), 1, Digest(bytes(32)))
    await stage.advance_to(8)
    for ejections in ((gone, gone), (unknown,)):
        made = statement(stage.params, 1, paid(deal), ejections)
        with refused(SettlementRefusedError, fault=SettlementFault.EJECTIONS):
            await stage.act(KEY, Settle(await stage.certify(made, NUMBERS)))
    made = statement(stage.params, 1, paid(deal), (gone,))
    await stage.act(KEY, Settle(await stage.certify(made, NUMBERS)))
    await stage.advance_to(12)
    made = statement(stage.params, 2, paid(deal), (gone,))
    with refused(SettlementRefusedError, fault=SettlementFault.EJECTIONS):
        await stage.act(KEY, Settle(await stage.certify(made, NUMBERS)))


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


@conforms
async def test_the_committee_is_everybody_while_they_are_few(stage: Stage) -> None:
    await stage.vaults(NUMBERS)
    await stage.advance_to(4)
    assert await stage.ledger.committee(0) == ()
    assert sorted(await stage.ledger.committee(1)) == sorted(vault_ids(NUMBERS))
    assert node_keys(1).vault_id in await stage.ledger.committee(1)
    assert await stage.ledger.committee(2) == ()
