"""Settlements go alike on every adapter."""

from dataclasses import replace
from typing import Any

from holdfast.ledger.core.operations import (
    Claim,
    Settle,
    Withdraw,
)
from holdfast.ledger.errors import (
    AlreadySettledError,
    QuoteFault,
    QuoteRefusedError,
    SettlementFault,
    SettlementRefusedError,
)
from holdfast.ledger.port import Listing
from holdfast.protocol.settlement import (
    VAULT_LEAF,
    Certificate,
    Ejection,
    Totals,
    signers_bitmap,
)
from holdfast.protocol.units import (
    Digest,
    NetworkId,
    VaultId,
)
from ledger_stage import (
    STAKE,
    Stage,
    conforms,
    node_keys,
    refused,
    statement,
    vault_ids,
    vault_key,
)
from paid_deal import FIRST, KEY, NUMBERS, SECOND, deal_in_place, paid, proof


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
async def test_the_committee_is_everybody_while_they_are_few(stage: Stage) -> None:
    await stage.vaults(NUMBERS)
    await stage.advance_to(4)
    assert await stage.ledger.committee(0) == ()
    assert sorted(await stage.ledger.committee(1)) == sorted(vault_ids(NUMBERS))
    assert node_keys(1).vault_id in await stage.ledger.committee(1)
    assert await stage.ledger.committee(2) == ()
