"""What a check of a deal means: sound, weak or broken."""

from dataclasses import replace

import pytest

from holdfast.client.core.soundness import (
    DealCheck,
    HolderCheck,
    Kind,
    Terms,
    Verdict,
    findings_of,
    terms_of,
)
from holdfast.protocol.deal import Deal, Holder
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import AccountId, DealId, VaultId

VAULTS = [VaultId(bytes([n]) * 32) for n in range(6)]
DEAL = Deal(
    DealId(b"\xaa" * 32),
    AccountId(bytes(20)),
    bytes(32),
    bytes(32),
    3,
    tuple(Holder(vault, 1, 10) for vault in VAULTS),
    1 << 30,
    10,
    1000,
    5,
)
TERMS = Terms(epoch=100, proof_age_max=24, ending=168)


def deal_check(**changes: object) -> DealCheck:
    holders = tuple(
        HolderCheck(
            index, vault, answers=True, informed=True, proved_epoch=99, covers=True
        )
        for index, vault in enumerate(VAULTS)
    )
    fields = {
        "deal": DEAL,
        "last_epoch": 1000,
        "sequence": 7,
        "held_bytes": 1 << 20,
        "chunks": 4,
        "listed": True,
        "needed": 4,
        "holders": holders,
    } | changes
    return DealCheck(**fields)  # type: ignore[arg-type] # fields by name


def silent(count: int) -> tuple[HolderCheck, ...]:
    holders = deal_check().holders
    gone = (replace(h, answers=False, proved_epoch=None) for h in holders[:count])
    return (*gone, *holders[count:])


def kinds(check: DealCheck) -> list[Kind]:
    return [finding.kind for finding in findings_of(check, TERMS)]


def test_a_deal_whose_holders_all_answer_and_proved_lately_is_sound() -> None:
    check = deal_check()
    assert kinds(check) == []
    assert (check.live, check.losses_survived, check.oldest_proof) == (6, 3, 99)


def test_each_silent_holder_weakens_a_deal_and_the_fourth_breaks_it() -> None:
    assert kinds(deal_check(holders=silent(3))) == [Kind.HOLDER_SILENT] * 3
    assert deal_check(holders=silent(3)).losses_survived == 0
    found = kinds(deal_check(holders=silent(4)))
    assert found == [Kind.DEAL_UNREADABLE] + [Kind.HOLDER_SILENT] * 4
    assert Kind.DEAL_UNREADABLE.verdict is Verdict.BROKEN
    assert Kind.HOLDER_SILENT.verdict is Verdict.WEAK


def test_a_list_of_chunks_that_nobody_brings_breaks_a_deal() -> None:
    assert kinds(deal_check(listed=False)) == [Kind.MANIFEST_MISSING]


@pytest.mark.parametrize(
    ("proved", "since", "found"),
    [
        (76, 10, []),
        (75, 10, [Kind.PROOF_OLD]),
        (None, 10, [Kind.PROOF_OLD]),
        (None, 90, []),  # it took over lately
    ],
)
def test_a_proof_older_than_the_window_weakens_a_deal(
    proved: int | None, since: int, found: list[Kind]
) -> None:
    first, *others = deal_check().holders
    holders = (replace(first, proved_epoch=proved), *others)
    place = replace(DEAL.holders[0], since_epoch=since)
    deal = replace(DEAL, holders=(place, *DEAL.holders[1:]))
    assert kinds(deal_check(deal=deal, holders=holders)) == found


def test_one_holder_without_any_proof_leaves_no_oldest_proof() -> None:
    first, *others = deal_check().holders
    holders = (replace(first, proved_epoch=None), *others)
    assert deal_check(holders=holders).oldest_proof is None


@pytest.mark.parametrize(
    ("last", "opened", "found"),
    [
        (269, 10, []),
        (150, 10, []),  # a short deal has not reached its last quarter
        (130, 10, [Kind.DEAL_ENDING]),  # it has 140 epochs, of which 30 are left
        (100, 10, [Kind.DEAL_ENDED]),
    ],
)
def test_a_deal_that_ends_soon_or_has_ended_is_told(
    last: int, opened: int, found: list[Kind]
) -> None:
    deal = replace(DEAL, opened_epoch=opened)
    if last == 130:
        deal = replace(DEAL, opened_epoch=-10)
    assert kinds(deal_check(deal=deal, last_epoch=last)) == found


def test_the_end_of_a_deal_that_nothing_needs_is_no_matter() -> None:
    assert kinds(deal_check(last_epoch=101, needed=0)) == []
    assert kinds(deal_check(needed=0, chunks=0, holders=silent(6))) == []


def test_the_terms_of_the_real_network_are_a_week_and_a_day() -> None:
    params = NetworkParams("n", 1, 0)
    assert terms_of(params, 5) == Terms(5, 24, 168)
