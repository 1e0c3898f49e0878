"""The bill: every line proved, kept for good, and none made up."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.bill_archive import BillArchive
from holdfast.client.bill_collecting import collect
from holdfast.client.core.billing import (
    SETTLED_PERIOD,
    BillError,
    SettledPeriod,
    charges,
    check_settled,
)
from holdfast.client.network_errors import NetworkError
from holdfast.protocol.deal import Deal
from holdfast.protocol.network import development_params
from holdfast.protocol.settlement import VAULT_LEAF, Certificate, prove_total
from holdfast.protocol.units import AccountId, DealId, NetworkId, VaultId
from settled_stage import (
    NETWORK,
    VAULT,
    Prover,
    SettledLedger,
    certificate_of,
    deal_named,
    proof_of,
    settled,
    totals_of,
)

PARAMS = development_params("bill", 0)
ONE, TWO = deal_named("one"), deal_named("two")


def test_each_line_is_what_a_deal_spent_between_two_settlements() -> None:
    periods = [
        settled(9, {ONE: 70, TWO: 5}),
        settled(3, {ONE: 10}),
        settled(4, {ONE: 30, TWO: 5}),
    ]
    lines = charges(periods, {ONE: 2, TWO: 4})
    said = [
        (line.deal, line.first, line.last, line.grains, line.total) for line in lines
    ]
    assert sorted(said, key=lambda line: (line[2], line[0] != ONE)) == [
        (ONE, 2, 3, 10, 10),
        (ONE, 4, 4, 20, 30),
        (TWO, 4, 4, 5, 5),
        (ONE, 5, 9, 40, 70),
    ]
    assert all(line.root for line in lines)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8))
def test_lines_add_up_to_what_was_spent(steps: list[int]) -> None:
    periods, total = [], 0
    for period, step in enumerate(steps):
        total += step
        periods.append(settled(period, {ONE: total, TWO: 2 * total}))
    lines = charges(periods, {})
    assert sum(line.grains for line in lines if line.deal == ONE) == total
    assert sum(line.grains for line in lines if line.deal == TWO) == 2 * total
    covered = [(line.first, line.last) for line in lines if line.deal == ONE]
    assert all(first <= last for first, last in covered)
    assert all(a[1] < b[0] for a, b in pairwise(covered))


def test_a_total_that_falls_is_evidence_and_no_bill() -> None:
    with pytest.raises(BillError, match="keep the settlements"):
        charges([settled(1, {ONE: 10}), settled(2, {ONE: 9})], {})


def forgeries() -> dict[str, SettledPeriod]:
    spent = {ONE: 10, TWO: 20}
    true = settled(1, spent)
    first, second = true.proofs
    vault = prove_total(totals_of(spent), VAULT_LEAF, VAULT)
    assert vault is not None
    return {
        "another settlement": replace(
            true, proofs=(replace(first, total=replace(first.total, grains=9)),)
        ),
        "another network": SettledPeriod(
            certificate_of(1, spent, NetworkId(bytes(32))), true.proofs
        ),
        "not that of a deal": replace(true, proofs=(vault,)),
        "twice": replace(true, proofs=(first, first)),
        "any settlement": replace(true, proofs=(replace(second, index=99),)),
    }


@pytest.mark.parametrize("why", forgeries())
def test_what_the_settlement_does_not_prove_is_refused(why: str) -> None:
    with pytest.raises(BillError, match=why):
        check_settled(forgeries()[why], NETWORK)


def test_what_is_archived_is_read_again_and_what_was_altered_is_named(
    tmp_path: Path,
) -> None:
    archive = BillArchive(tmp_path / "bills", NETWORK)
    assert (archive.newest_period(), list(archive.periods())) == (-1, [])
    kept = [settled(period, {ONE: 10 * period}) for period in (11, 2, 7)]
    for each in kept:
        archive.keep(each)
    (archive.folder / "notes.txt").write_text("not ours")
    assert archive.newest_period() == 11
    assert [each.period for each in archive.periods()] == [2, 7, 11]
    assert archive.bad == []

    archive.path(7).write_bytes(SETTLED_PERIOD.encode(settled(8, {ONE: 1})))
    archive.path(2).write_bytes(b"HF")
    assert list(archive.periods()) == [kept[0]]
    assert [path for path, _ in archive.bad] == [archive.path(2), archive.path(7)]


def test_an_archived_settlement_is_never_replaced(tmp_path: Path) -> None:
    archive = BillArchive(tmp_path, NETWORK)
    archive.keep(settled(1, {ONE: 10}))
    archive.keep(settled(1, {ONE: 99}))
    assert list(archive.periods()) == [settled(1, {ONE: 10})]


def test_a_settled_period_keeps_its_bytes() -> None:
    value = settled(5, {ONE: 10})
    data = SETTLED_PERIOD.encode(value)
    assert data[:4] == b"HF" + bytes([91, 1])
    assert SETTLED_PERIOD.decode(data) == value


# Fetching them from vaults.


@dataclass
class Directory:
    ledger: SettledLedger
    provers: Mapping[VaultId, Prover]
    params: Any = PARAMS
    network: NetworkId = NETWORK

    def active(self) -> tuple[VaultId, ...]:
        return tuple(self.provers)

    async def find(self, _vaults: object) -> None:
        pass

    def link(self, vault: VaultId) -> Prover:
        return self.provers[vault]


class Book:
    def __init__(self, certificate: Certificate | None, *provers: Prover) -> None:
        named = {VaultId(bytes([n]) * 32): p for n, p in enumerate(provers)}
        self.directory = Directory(SettledLedger(None, certificate), named)

    async def deals(self) -> tuple[Deal, ...]:
        ended = DealId(deal_named("long over"))
        return tuple(
            Deal(deal, AccountId(bytes(20)), b"", b"", 1, (), 1, 0, end, 0)
            for deal, end in ((ONE, 1000), (TWO, 1000), (ended, 8))
        )


def collected(
    archive: BillArchive, certificate: Certificate | None, *provers: Prover
) -> bool:
    book: Any = Book(certificate, *provers)
    return asyncio.run(collect(book, archive))


SPENT = {ONE: 10, deal_named("somebody else"): 3}


def test_the_newest_settlement_is_archived_once_past_vaults_that_lie_or_are_gone(
    tmp_path: Path,
) -> None:
    archive = BillArchive(tmp_path, NETWORK)
    gone, old, true = Prover(None), Prover({ONE: 4}), Prover(SPENT)
    newest = certificate_of(6, SPENT)
    assert collected(archive, newest, gone, old, true)
    (kept,) = archive.periods()
    assert kept.spent() == {ONE: 10}
    assert kept.proofs == (proof_of(SPENT, ONE),)
    assert not collected(archive, newest, gone, old, true)


def test_nothing_is_archived_while_a_total_cannot_be_proved(tmp_path: Path) -> None:
    archive = BillArchive(tmp_path, NETWORK)
    newest = certificate_of(6, SPENT)
    with pytest.raises(NetworkError, match="try again later"):
        collected(archive, newest, Prover(None), Prover({ONE: 4}))
    assert archive.newest_period() == -1
    assert not collected(archive, None, Prover(SPENT))


def test_deals_that_ended_before_the_last_bill_are_not_asked_for(
    tmp_path: Path,
) -> None:
    archive = BillArchive(tmp_path, NETWORK)
    archive.keep(settled(5, {}))
    asked: list[DealId] = []

    class Listening(Prover):
        async def prove(self, party: int, key: DealId) -> Any:
            asked.append(key)
            return await super().prove(party, key)

    assert collected(archive, certificate_of(6, SPENT), Listening(SPENT))
    assert set(asked) == {ONE, TWO}
