"""A vault's own record: how it stands and why, read from its journal."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from holdfast.ledger.core.values import Listing
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.cases import Case, CaseFile, Extract, Fault
from holdfast.protocol.faults import MissCertificate, Witness
from holdfast.protocol.network import NetworkParams, development_params
from holdfast.protocol.placement import majority
from holdfast.protocol.settlement import (
    Certificate,
    Ejection,
    Statement,
    Totals,
)
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.audit_journal import AuditJournal
from holdfast.vault.config import Settings, VaultDirectory
from holdfast.vault.core.own_record import (
    Accusation,
    Earned,
    OwnRecord,
    accusations_of,
    convicted,
    earned_of,
)
from holdfast.vault.core.saved import (
    AuditEnded,
    CaseKept,
    CaseUpheld,
    MissKept,
    Outcome,
    TotalsSettled,
)
from holdfast.vault.main import vault
from holdfast.vault.record import as_json, as_text, record_of
from holdfast.wire.rpc import make_certificate

GENESIS = 1_700_000_000
PARAMS = development_params("record", GENESIS)
NOW = 40
OWN = VaultId(b"\1" * 32)


def miss(epoch: int, reachable: int = 1, vault_id: VaultId = OWN) -> MissCertificate:
    needed = majority(PARAMS.group_size)
    witnesses = tuple(
        Witness(VaultId(bytes([n]) * 32), reachable, bytes(64))
        for n in range(2, 2 + needed)
    )
    return MissCertificate(vault_id, epoch, witnesses)


def record(
    *misses: MissCertificate,
    audits: tuple[AuditEnded, ...] = (AuditEnded(NOW, Outcome.CERTIFIED),),
    accusations: tuple[Accusation, ...] = (),
    params: NetworkParams = PARAMS,
) -> OwnRecord:
    return OwnRecord(OWN, params, NOW, audits, misses, accusations, ())


def upheld(case: Case, slashed: int = 7, period: int = 9) -> Certificate:
    ejection = Ejection(case.vault, slashed, case.digest())
    network = PARAMS.network_id
    statement = Statement(network, period, Digest(bytes(32)), 0, 0, 0, (ejection,))
    return Certificate(statement, b"", bytes(96))


def test_a_vault_that_proves_everything_is_active() -> None:
    audits = tuple(AuditEnded(e, Outcome.CERTIFIED) for e in range(NOW, NOW - 5, -1))
    standing = record(audits=audits).standing()
    assert standing.word == "active"
    assert standing.reason == "it proved 5 of its last 5 audits"


def test_too_many_missed_epochs_while_reachable_make_it_suspect() -> None:
    assert PARAMS.missed_reachable == 2
    assert record(miss(NOW - 5)).standing().word == "active"
    standing = record(miss(NOW - 5), miss(NOW - 6)).standing()
    assert standing.word == "suspect"
    assert standing.reason == "2 of the last 8 epochs were missed (reachable)"


def test_misses_before_the_window_are_forgiven() -> None:
    old = PARAMS.window_reachable
    assert record(miss(NOW - old), miss(NOW - old - 1)).standing().word == "active"


def test_unreachable_epochs_need_more_but_the_newest_ones_tell_at_once() -> None:
    away = [miss(NOW - 3 - n, reachable=0) for n in range(PARAMS.missed_unreachable)]
    assert record(*away[1:]).standing().word == "active"
    assert "(known)" in record(*away).standing().reason
    standing = record(miss(NOW - 1, reachable=0)).standing()
    assert standing.reason == f"its neighbours could not reach it in epoch {NOW - 1}"


def test_misses_by_its_own_account_make_it_suspect() -> None:
    audits = tuple(AuditEnded(NOW - n, Outcome.MISSED, "gone") for n in range(2))
    assert "as it says" in record(audits=audits).standing().reason


def test_a_journal_without_recent_audits_tells_nothing() -> None:
    void = tuple(AuditEnded(NOW - n, Outcome.VOID, "no beacon") for n in range(5))
    standing = record(audits=void).standing()
    assert (standing.word, standing.reason) == (
        "unknown",
        f"its journal ends in epoch {NOW}",
    )
    assert record(audits=()).standing().reason == "its journal is empty"


def test_an_upheld_case_means_ejected() -> None:
    case = Case(OWN, Fault.MISSED.value, (miss(30), miss(31)))
    accused = Accusation(case, 10, upheld(case))
    standing = record(accusations=(accused,)).standing()
    assert (standing.word, accused.slashed()) == ("ejected", 7)
    assert "period 10" in standing.reason
    open_case = replace(accused, upheld=None)
    assert record(accusations=(open_case,)).standing().word == "active"


def test_a_case_that_others_keep_tells_what_the_journal_does_not_know() -> None:
    case = Case(OWN, Fault.AWAY.value, (miss(30, 0), miss(31, 0)))
    file = CaseFile(Extract(PARAMS, NOW, (), ()), case, upheld(case))
    known = convicted(record(miss(31, 0), miss(33, 0)), file)
    assert known.standing().word == "ejected"
    assert [found.epoch for found in known.misses] == [33, 31, 30]
    assert "away" in as_text(known)
    assert "upheld: ejected, and 0.000000007 HOLD of the stake lost" in as_text(known)
    # One that nobody upheld yet says nothing.
    open_file = replace(file, certificate=None)
    assert convicted(record(), open_file) == record()


def test_only_cases_against_itself_are_its_accusations() -> None:
    ours = Case(OWN, Fault.MISSED.value, (miss(30), miss(31)))
    theirs = Case(VaultId(b"\2" * 32), Fault.AWAY.value, ())
    settled = upheld(ours)
    kept = (
        CaseKept(ours, 10),
        CaseKept(theirs, 10),
        CaseUpheld(ours.digest(), settled),
    )
    assert accusations_of(OWN, kept) == (Accusation(ours, 10, settled),)


def test_earnings_are_what_a_settlement_added() -> None:
    assert earned_of([(3, 50), (1, 20), (2, 20)]) == (
        Earned(3, 50, 30),
        Earned(2, 20, 0),
        Earned(1, 20, 20),
    )


@pytest.fixture
def directory(tmp_path: Path) -> VaultDirectory:
    network = tmp_path / "network.json"
    pem = make_certificate().certificate_pem
    NetworkFile(PARAMS, "127.0.0.1:1", pem).save(network)
    place = VaultDirectory(tmp_path / "vault")
    place.create(Settings(1 << 30, 1, "127.0.0.1:0"), network)
    return place


def journalled(directory: VaultDirectory) -> VaultId:
    """Write a journal as a vault would, and leave it open as a running one does."""
    own = directory.keys().vault_id
    case = Case(own, Fault.MISSED.value, (miss(30, vault_id=own),))
    journal = AuditJournal(directory.path / "audits.db", own, PARAMS)
    totals = Totals({own: 70}, {})
    certificate = upheld(case)
    journal.save(
        [
            AuditEnded(30, Outcome.MISSED, "3 of 32 challenged leaves are gone"),
            AuditEnded(31, Outcome.CERTIFIED),
            MissKept(miss(30, vault_id=own)),
            MissKept(miss(30, vault_id=VaultId(b"\7" * 32))),
            CaseKept(case, 8),
            TotalsSettled(replace(certificate), totals),
        ]
    )
    return own


def test_the_record_is_read_while_the_vault_has_its_journal_open(
    directory: VaultDirectory,
) -> None:
    own = journalled(directory)
    found = record_of(directory.path, GENESIS + 5 * NOW)
    assert (found.vault, found.epoch) == (own, NOW)
    assert [a.epoch for a in found.audits] == [31, 30]
    assert found.misses == (miss(30, vault_id=own),)
    assert [a.period for a in found.accusations] == [8]
    assert found.earned == (Earned(9, 70, 70),)
    text = as_text(found)
    assert "3 of 32 challenged leaves are gone" in text
    assert "020202020202" in text  # who signed the miss
    assert as_json(found)["demerits"][0]["witnesses"][0]["reachable"] is True


def test_a_vault_that_never_ran_has_an_empty_record(directory: VaultDirectory) -> None:
    found = record_of(directory.path, GENESIS + 5 * NOW)
    assert not any((found.audits, found.misses, found.earned))
    assert "none" in as_text(found)


def test_the_commands_show_it_offline(directory: VaultDirectory) -> None:
    own = journalled(directory)
    words = ["--dir", str(directory.path), "--json"]
    shown = CliRunner().invoke(vault, ["record", "--offline", *words])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.output)["vault"] == own.hex()
    alone = CliRunner().invoke(vault, ["record", "--dir", str(directory.path)])
    assert alone.exit_code == 0
    assert "the ledger cannot be reached" in alone.output
    status = json.loads(CliRunner().invoke(vault, ["status", *words]).output)
    assert (status["serving"], status["demerits"], status["cases"]) == (False, 1, 1)


def test_a_damaged_journal_is_an_error_in_one_sentence(
    directory: VaultDirectory,
) -> None:
    (directory.path / "audits.db").write_bytes(b"no database" * 999)
    shown = CliRunner().invoke(vault, ["record", "--dir", str(directory.path)])
    assert shown.exit_code == 1
    assert shown.output.strip().count("\n") == 0
    assert "cannot use its database" in shown.output


def test_what_the_ledger_says_goes_before_ones_own_account() -> None:
    gone = replace(record(), listing=Listing.EJECTED)
    assert gone.standing().word == "ejected"
    assert replace(record(), listing=Listing.ACTIVE).standing().word == "active"


def test_exporting_a_case_needs_the_ledger(directory: VaultDirectory) -> None:
    journalled(directory)
    output = directory.path / "case"
    words = ["record", "--dir", str(directory.path), "--case", str(output)]
    shown = CliRunner().invoke(vault, words)
    assert shown.exit_code == 1
    assert "ledger" in shown.output
    assert not output.exists()
