"""Case files judged by whoever is handed one: offline, by network, by ledger."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from audit_parties import Parties
from holdfast.client.core.auditing_case import differences_of, judge_case_file
from holdfast.client.exit_codes import ExitCode
from holdfast.client.main import main
from holdfast.ledger.core.case_files import extract_of
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.cases import CASE_FILE, BeaconRow, Case, CaseFile, Fault
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.network import development_params
from holdfast.protocol.units import Digest, NetworkId
from holdfast.wire.rpc import make_certificate


@pytest.fixture(scope="module")
def parties() -> Parties:
    made = Parties(6)
    made.reach(9)
    made.deal(1, [0, 1, 2, 3])
    return made


@pytest.fixture(scope="module")
def lying(parties: Parties) -> CaseFile:
    """Party 0 signed two different checkpoints of epoch 6."""
    one = parties.checkpoint(parties.keys[0], 6, Entries(()))
    two = parties.checkpoint(parties.keys[0], 6, shown_entries(parties))
    case = Case(
        parties.keys[0].vault_id, Fault.TWO_CHECKPOINTS.value, checkpoints=(one, two)
    )
    return CaseFile(extract_of(parties.ledger, case), case)


def shown_entries(parties: Parties) -> Entries:
    (deal,) = parties.ledger.deals()
    fake = parties.deal(1, [0, 1, 2, 3])
    assert fake.deal.id == deal.id
    return Entries((fake.entry(0),))


def test_two_checkpoints_of_one_epoch_convict(lying: CaseFile) -> None:
    found = judge_case_file(lying)
    assert found.guilty
    assert (found.finding, found.fault) == ("guilty", "two checkpoints")
    assert "two different checkpoints" in found.reason


def test_evidence_that_does_not_hold_convicts_nobody(lying: CaseFile) -> None:
    one = lying.case.checkpoints[0]
    same = replace(lying, case=replace(lying.case, checkpoints=(one, one)))
    found = judge_case_file(same)
    assert not found.guilty
    assert found.finding == "the evidence does not hold"
    nothing = replace(lying, case=replace(lying.case, fault=77))
    assert judge_case_file(nothing).fault == "nothing that is known"
    assert not judge_case_file(nothing).guilty


def test_a_case_of_another_network_convicts_nobody_here(lying: CaseFile) -> None:
    network = lying.extract.params.network_id
    assert judge_case_file(lying, network).guilty
    found = judge_case_file(lying, NetworkId(b"\1" * 32))
    assert not found.guilty
    assert found.differences == ("it is a case of another network",)


def test_its_ledger_is_compared_with_ours(lying: CaseFile, parties: Parties) -> None:
    found = judge_case_file(lying, None, parties.ledger)
    assert found.guilty
    assert found.compared
    extract = lying.extract
    first, second, *others = extract.vaults
    swapped = replace(extract, vaults=(second, first, *others))
    assert len(list(differences_of(swapped, parties.ledger))) == 2
    beacons = (BeaconRow(6, Digest(b"\7" * 32)), *extract.beacons[1:])
    forged = replace(lying, extract=replace(extract, beacons=beacons))
    against = judge_case_file(forged, None, parties.ledger)
    assert not against.guilty
    assert against.finding == "not of this ledger"
    assert any("beacon of epoch 6" in text for text in against.differences)
    stolen = replace(first, identity_key=b"\7" * 32)
    assert list(
        differences_of(replace(extract, vaults=(stolen, second)), parties.ledger)
    )
    more = replace(extract, vaults=(*extract.vaults, first))
    assert any("ever joined" in text for text in differences_of(more, parties.ledger))
    early = replace(extract, vaults=(replace(first, left_epoch=3), second, *others))
    assert any("left in another" in t for t in differences_of(early, parties.ledger))


def written(path: Path, file: CaseFile) -> str:
    path.write_bytes(CASE_FILE.encode(file))
    return str(path)


def test_the_command_needs_nothing_but_the_file(
    lying: CaseFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "case", lying)
    home = ["--home", str(tmp_path / "nothing")]
    assert main(["audit", "case", path, *home]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "GUILTY: it signed two different checkpoints" in said
    assert lying.extract.digest().hex() in said
    assert main(["audit", "case", path, "--json", *home]) == ExitCode.OK
    document = json.loads(capsys.readouterr().out)
    assert document["guilty"] is True
    assert document["extract"] == lying.extract.digest().hex()
    assert document["compared_with_ledger"] is False


def test_the_command_says_not_guilty_with_another_exit_code(
    lying: CaseFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = lying.case.checkpoints[0]
    same = replace(lying, case=replace(lying.case, checkpoints=(one, one)))
    path = written(tmp_path / "case", same)
    assert main(["audit", "case", path]) == ExitCode.UNTRUE
    assert "THE EVIDENCE DOES NOT HOLD" in capsys.readouterr().out
    other = tmp_path / "network.json"
    pem = make_certificate().certificate_pem
    NetworkFile(development_params("other", 1), "127.0.0.1:1", pem).save(other)
    path = written(tmp_path / "right", lying)
    assert main(["audit", "case", path, "--network", str(other)]) == ExitCode.UNTRUE
    assert "a case of another network" in capsys.readouterr().out


def test_any_other_bytes_are_no_case_file(
    lying: CaseFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "case"
    data = CASE_FILE.encode(lying)
    for spoiled in (b"", b"HF", data[:-1], data + b"\0", bytes(1000)):
        path.write_bytes(spoiled)
        assert main(["audit", "case", str(path)]) == ExitCode.UNTRUE
        assert "is no case file" in capsys.readouterr().err
    assert main(["audit", "case", str(tmp_path / "gone")]) == ExitCode.NOT_FOUND
    assert main(["audit", "case"]) == ExitCode.USAGE
    assert main(["audit", "case", str(path), "--output", "x"]) == ExitCode.USAGE
