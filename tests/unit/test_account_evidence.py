"""What accounts certified is kept, shown and judged offline by the vaults' accounts."""

from dataclasses import replace
from pathlib import Path

import pytest

from audit_parties import Parties
from examples import BY_ACCOUNTS, EXTRACT, EXTRACT_BY_ACCOUNTS
from holdfast.client.core.auditing_case import differences_of, judge_case_file
from holdfast.client.core.bill_evidence import drawing_epoch, judge_bill
from holdfast.client.core.bill_evidence import extract_of as bill_extract
from holdfast.client.core.billing import SETTLED_PERIOD, SettledPeriod
from holdfast.client.local_layout import (
    EVM,
    SQLITE,
    LocalLayout,
    LocalNetworkError,
    LocalPlan,
    require_kind,
)
from holdfast.ledger.core.account_certificates import sign_settlement
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.case_files import check_certificate, extract_of, ledger_of
from holdfast.ledger.core.court import CaseError
from holdfast.protocol import bls
from holdfast.protocol.account_certificate import AccountCertificate
from holdfast.protocol.cases import (
    ACCOUNT_EXTRACT,
    BLS_EXTRACT,
    CASE_FILE,
    Case,
    CaseFile,
    Extract,
    Fault,
)
from holdfast.protocol.cases import EXTRACT as ANY_EXTRACT
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.settlement import Certificate, Statement, signers_bitmap
from holdfast.protocol.units import AccountId
from holdfast.vault.audit_journal import AuditJournal
from holdfast.vault.core.saved import CaseKept, CaseUpheld, TotalsSettled
from settled_stage import certificate_of, deal_named, proof_of, totals_of

PERIOD = 1
DRAWN = 8
SPENT = {deal_named("mine"): 3 * 10**9}


@pytest.fixture
def parties() -> Parties:
    made = Parties(5, accounts_certify=True)
    made.reach(DRAWN + 1)
    return made


def statement_of(parties: Parties) -> Statement:
    return certificate_of(PERIOD, SPENT, parties.params.network_id).statement


def by_accounts(parties: Parties, signers: int = 3) -> AccountCertificate:
    statement = statement_of(parties)
    members = parties.ledger.committee(PERIOD + 1)
    keys = [
        AccountKey.from_secret(parties.by_id[member].account_secret)
        for member in members[:signers]
    ]
    signed = tuple(sign_settlement(parties.params, statement, key) for key in keys)
    bitmap = signers_bitmap(range(signers), len(members))
    return AccountCertificate(statement, bitmap, account_signatures=signed)


def by_bls(parties: Parties, signers: int = 3) -> Certificate:
    statement = statement_of(parties)
    members = parties.ledger.committee(PERIOD + 1)
    single = [
        bls.sign(parties.by_id[member].bls_secret, statement.digest())
        for member in members[:signers]
    ]
    bitmap = signers_bitmap(range(signers), len(members))
    return Certificate(statement, bitmap, bls.aggregate(single))


def case_of(parties: Parties) -> Case:
    keys = parties.keys[0]
    fake = parties.deal(1, [0, 1, 2, 3])
    two = (
        parties.checkpoint(keys, 6, Entries(())),
        parties.checkpoint(keys, 6, Entries((fake.entry(0),))),
    )
    return Case(keys.vault_id, Fault.TWO_CHECKPOINTS.value, checkpoints=two)


def test_an_extract_with_accounts_is_of_its_own_kind() -> None:
    assert ANY_EXTRACT.encode(EXTRACT) == BLS_EXTRACT.encode(EXTRACT)
    encoded = ANY_EXTRACT.encode(EXTRACT_BY_ACCOUNTS)
    assert encoded == ACCOUNT_EXTRACT.encode(EXTRACT_BY_ACCOUNTS)
    assert ANY_EXTRACT.decode(encoded) == EXTRACT_BY_ACCOUNTS
    assert EXTRACT.digest() != EXTRACT_BY_ACCOUNTS.digest()


def test_an_extract_has_an_account_for_each_vault_or_none_at_all() -> None:
    with pytest.raises(ValueError, match="one account for each vault"):
        replace(EXTRACT, accounts=(AccountId(bytes(20)),))
    # The kind with accounts, and none of them.
    with pytest.raises(DecodingError):
        ANY_EXTRACT.decode(ACCOUNT_EXTRACT.encode(EXTRACT))


def test_a_case_file_says_who_certified_and_is_judged_by_the_accounts(
    parties: Parties,
) -> None:
    case = case_of(parties)
    file = CaseFile(extract_of(parties.ledger, case), case, by_accounts(parties))
    read = CASE_FILE.decode(CASE_FILE.encode(file))
    assert read == file
    ledger = ledger_of(read.extract)
    assert read.certificate is not None
    check_certificate(read.certificate, ledger)
    found = judge_case_file(replace(file, certificate=None), None, parties.ledger)
    assert found.guilty
    assert found.differences == ()
    for wrong in (
        by_bls(parties),
        by_accounts(parties, 2),
        replace(by_accounts(parties), account_signatures=(b"\7" * 65,) * 3),
    ):
        with pytest.raises(CaseError):
            check_certificate(wrong, ledger)


def test_accounts_that_are_not_the_ledgers_are_named(parties: Parties) -> None:
    extract = extract_of(parties.ledger, case_of(parties))
    assert list(differences_of(extract, parties.ledger)) == []
    first, *others = extract.accounts
    swapped = replace(extract, accounts=(AccountId(b"\7" * 20), *others))
    assert list(differences_of(swapped, parties.ledger)) == [
        "its vault number 0 has another account"
    ]
    assert first != swapped.accounts[0]
    without = replace(extract, accounts=())
    assert list(differences_of(without, parties.ledger)) == [
        "it has the network's certificates signed by other keys"
    ]


def bill_and_extract(parties: Parties) -> tuple[SettledPeriod, Extract]:
    proofs = tuple(proof_of(SPENT, deal) for deal in SPENT)
    rows = [row for v in parties.ledger.vaults() if (row := parties.ledger.row(v))]
    epoch = drawing_epoch(parties.params, PERIOD)
    beacon = parties.ledger.beacon(epoch)
    assert beacon is not None
    extract = bill_extract(
        parties.params, epoch + 1, rows, {epoch: beacon}, accounts_certify=True
    )
    return SettledPeriod(by_accounts(parties), proofs), extract


def test_a_bill_that_accounts_certified_is_verified_offline(parties: Parties) -> None:
    settled, extract = bill_and_extract(parties)
    read = SETTLED_PERIOD.decode(SETTLED_PERIOD.encode(settled))
    assert read == settled
    assert judge_bill(read, extract).holds
    # Where accounts certify BLS keys are unproved: what they sign counts for nothing.
    assert judge_bill(replace(read, certificate=by_bls(parties)), extract).faults
    # And accounts sign nothing where BLS keys certify.
    assert judge_bill(read, replace(extract, accounts=())).faults


def test_the_journal_gives_back_what_accounts_certified(
    parties: Parties, tmp_path: Path
) -> None:
    case, certificate = case_of(parties), by_accounts(parties)
    totals = TotalsSettled(certificate, totals_of(SPENT))
    me = parties.keys[0].vault_id
    journal = AuditJournal(tmp_path / "audits.db", me, parties.params)
    upheld = CaseUpheld(case.digest(), certificate)
    journal.save([totals, CaseKept(case, PERIOD + 1), upheld])
    journal.close()
    again = AuditJournal(tmp_path / "audits.db", me, parties.params)
    restored = again.restore()
    again.close()
    assert restored.settled == (totals,)
    assert upheld in restored.cases


def test_who_certifies_stays_as_it_was_made(tmp_path: Path) -> None:
    layout = LocalLayout(tmp_path)
    with pytest.raises(LocalNetworkError, match="on a chain only"):
        require_kind(layout, SQLITE, True)
    for ledger, wanted in ((EVM, True), (EVM, None), (SQLITE, False), (SQLITE, None)):
        require_kind(layout, ledger, wanted)
    layout.save_plan(LocalPlan(5, 1, ledger=EVM, accounts_certify=True))
    assert layout.load_plan().accounts_certify
    for wanted in (True, None):
        require_kind(layout, EVM, wanted)
    with pytest.raises(LocalNetworkError, match="accounts for good"):
        require_kind(layout, EVM, False)


def test_signatures_of_the_examples_are_of_nobody() -> None:
    assert not ledger_of(EXTRACT_BY_ACCOUNTS).is_certified(BY_ACCOUNTS)
