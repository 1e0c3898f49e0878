"""Settlement sums, their proofs, and the store of what they count."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_parties import Parties
from holdfast.protocol.checkpoint import Entries, Entry
from holdfast.protocol.deal import Deal, Holder
from holdfast.protocol.earnings import Proved, summed
from holdfast.protocol.manifest import NO_HEAD
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    TOTAL,
    VAULT_LEAF,
    Certificate,
    Statement,
    Totals,
)
from holdfast.protocol.settlement_tree import root_from_path
from holdfast.protocol.units import GIB, AccountId, DealId, Digest, VaultId
from holdfast.vault.core.messages import Certify
from holdfast.vault.core.proof_store import ProofStore, name_of, push_of
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.saved import CertificateCollected, Restored
from holdfast.vault.core.totals_book import KEPT_MAX, ProvenTotals, TotalsBook
from simulation.world import sim_params

PARAMS = sim_params()
VAULTS = [VaultId(bytes([number]) * 32) for number in range(1, 5)]
NOTHING = Totals({}, {})


def deal_of(number: int, **changes: object) -> Deal:
    values: dict[str, object] = {
        "id": DealId(bytes([100 + number]) * 32),
        "owner": AccountId(bytes(20)),
        "nonce": bytes(32),
        "deal_key": bytes(32),
        "k": 2,
        "holders": tuple(
            Holder(vault, (number + 1) * GIB // 100 + place, 0)
            for place, vault in enumerate(VAULTS)
        ),
        "capacity": 1000,
        "opened_epoch": 2,
        "end_epoch": 9,
        "escrow": 1 << 50,
    }
    return Deal(**(values | changes))  # type: ignore[arg-type]


def entry_of(deal: Deal, index: int, held: int) -> Entry:
    return Entry(deal.id, index, NO_HEAD, 1, Digest(bytes(32)), 1, held)


def entries_of(*entries: Entry) -> Entries:
    return Entries(tuple(sorted(entries, key=lambda entry: entry.deal)))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 11),
            st.integers(0, 3),
            st.dictionaries(st.integers(0, 3), st.integers(0, 1200), max_size=4),
        ),
        max_size=30,
    )
)
def test_sums_are_bytes_times_price_for_each_epoch_that_counts(
    items: list[tuple[int, int, dict[int, int]]],
) -> None:
    deals = {deal.id: deal for deal in map(deal_of, range(4))}
    numbers = {number: deal_of(number).id for number in range(4)}
    proved = [
        Proved(
            epoch,
            VAULTS[place],
            entries_of(
                *(entry_of(deals[numbers[n]], place, held) for n, held in what.items())
            ),
        )
        for epoch, place, what in items
    ]
    totals = summed(NOTHING, proved, deals.get, PARAMS)

    earned: Counter[VaultId] = Counter()
    spent: Counter[DealId] = Counter()
    first: dict[tuple[int, VaultId], Proved] = {}
    for item in proved:
        first.setdefault((item.epoch, item.vault), item)
    for item in first.values():
        for entry in item.entries.items:
            deal = deals[entry.deal]
            if not 2 <= item.epoch < 9 or entry.held_bytes > 1000:
                continue
            price = deal.holders[VAULTS.index(item.vault)].price
            earned[item.vault] += entry.held_bytes * price // GIB
            spent[deal.id] += entry.held_bytes * price // GIB
    assert totals == Totals(dict(+earned), dict(+spent))
    assert summed(NOTHING, reversed(list(first.values())), deals.get, PARAMS) == totals


@pytest.mark.parametrize(
    "change",
    [
        {"refunded": True},
        {"opened_epoch": 6},
        {"end_epoch": 5},
        {"closed_epoch": 3},
        {"capacity": 999},
        {"holders": tuple(Holder(vault, GIB, 6) for vault in VAULTS)},
        {"holders": tuple(Holder(vault, GIB, 0) for vault in VAULTS[::-1])},
        {"holders": (Holder(VAULTS[1], GIB, 0),)},
    ],
)
def test_an_entry_that_the_ledger_does_not_bear_out_earns_nothing(
    change: dict[str, object],
) -> None:
    deal = deal_of(0, **change)
    proved = Proved(5, VAULTS[0], entries_of(entry_of(deal, 0, 1000)))
    assert summed(NOTHING, [proved], {deal.id: deal}.get, PARAMS) == NOTHING
    good = deal_of(0)
    assert summed(NOTHING, [proved], {good.id: good}.get, PARAMS) != NOTHING
    assert summed(NOTHING, [proved], lambda _deal: None, PARAMS) == NOTHING


def test_a_deal_never_spends_more_than_its_escrow() -> None:
    deal = deal_of(3, escrow=10)
    proved = [
        Proved(epoch, vault, entries_of(entry_of(deal, place, 1000)))
        for epoch in (3, 4)
        for place, vault in enumerate(VAULTS)
    ]
    base = Totals({VAULTS[0]: 5}, {deal.id: 5})
    totals = summed(base, proved, {deal.id: deal}.get, PARAMS)
    assert totals.spent == {deal.id: 10}
    assert sum(totals.earned.values()) == 10


def totals_with(count: int) -> Totals:
    earned = {VaultId(bytes([2 * n + 1]) * 32): n + 1 for n in range(count)}
    spent = {DealId(bytes([2 * n + 1]) * 32): n + 1 for n in range(count)}
    return Totals(earned, spent)


@pytest.mark.parametrize("count", range(5))
@pytest.mark.parametrize("party", [VAULT_LEAF, DEAL_LEAF])
@pytest.mark.parametrize("key", range(12))
def test_totals_prove_what_is_there_and_what_is_not(
    count: int, party: int, key: int
) -> None:
    totals = totals_with(count)
    proven = ProvenTotals(3, totals)
    wanted = (party, bytes([key]) * 32)
    proofs = proven.prove(*wanted)
    for proof in proofs:
        leaf = TOTAL.encode(proof.total)
        assert proof.count == 2 * count
        assert root_from_path(leaf, proof.index, proof.count, proof.path) == proven.root
    keys = [(proof.total.party, proof.total.id) for proof in proofs]
    if key % 2 and key < 2 * count:
        assert keys == [wanted]
        return
    places = [proof.index for proof in proofs]
    if not count:
        assert proofs == ()
    elif wanted < (VAULT_LEAF, bytes([1]) * 32):
        assert places == [0]
    elif len(proofs) == 1:
        assert places == [2 * count - 1]
        assert keys[0] < wanted
    else:
        assert places[1] == places[0] + 1
        assert keys[0] < wanted < keys[1]


def test_totals_are_adopted_only_with_the_root_that_the_ledger_has() -> None:
    book = TotalsBook(Restored())
    for period in range(4):
        totals = totals_with(period)
        root = Digest(totals.tree().root)
        statement = Statement(PARAMS.network_id, period, root, 2 * period, 0, 0)
        certificate = Certificate(statement, b"", bytes(96))
        assert book.adopt(certificate, totals_with(period + 1)) is None
        assert (
            book.adopt(
                replace(certificate, statement=replace(statement, count=99)), totals
            )
            is None
        )
        assert book.adopt(certificate, totals)
    assert [period for period in range(4) if book.get(period)] == [2, 3]
    assert KEPT_MAX == 2


def collected(parties: Parties, number: int, epoch: int) -> Certify:
    fake = parties.deal(number, [number, 5, 6, 7])
    entries = Entries((fake.entry(0),))
    certificate = parties.certificate(parties.keys[number], epoch, entries)
    return Certify((certificate,), (entries,))


def test_the_store_takes_what_holds_once_and_gives_it_back() -> None:
    parties = Parties(10)
    parties.reach(8)
    store = ProofStore(parties.ledger, Restored())
    pushes = [collected(parties, number, 3) for number in (1, 2)]
    for push in pushes:
        (new,) = store.collect(push, 50.0, 0, 8)
        assert isinstance(new, CertificateCollected)
        assert store.collect(push, 60.0, 0, 8) == []
    proofs = store.between(0, 8)
    assert {proof.name for proof in proofs} == {
        name_of(push.certificates[0]) for push in pushes
    }
    assert {proof.since_seconds for proof in proofs} == {50.0}
    again = ProofStore(parties.ledger, Restored())
    assert len(again.collect(push_of(proofs), 1.0, 0, 8)) == 2
    assert again.between(0, 3) == again.between(4, 8) == []
    again.drop_before(4)
    assert again.between(0, 8) == []


def test_the_store_refuses_what_does_not_hold() -> None:
    parties = Parties(10)
    parties.reach(8)
    store = ProofStore(parties.ledger, Restored())
    push = collected(parties, 1, 3)
    (certificate,) = push.certificates
    thin = replace(certificate, votes=certificate.votes[:4])
    moved = replace(certificate, epoch=4)
    for wrong in (thin, moved):
        with pytest.raises(RefusedError) as refused:
            store.collect(replace(push, certificates=(wrong,)), 0.0, 0, 8)
        assert refused.value.kind is Refusal.DENIED
    with pytest.raises(RefusedError) as refused:
        store.collect(replace(push, entries=()), 0.0, 0, 8)
    assert refused.value.kind is Refusal.INVALID
    assert store.collect(push, 0.0, 4, 8) == []
    assert store.between(0, 8) == []
