"""A bill's proofs verified later, by anybody, with nothing but the files."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.bill_archive import BillArchive, ledger_beside
from holdfast.client.bill_collecting import keep_evidence
from holdfast.client.core.bill_evidence import drawing_epoch, extract_of, judge_bill
from holdfast.client.core.billing import SETTLED_PERIOD, BillError, SettledPeriod
from holdfast.client.exit_codes import ExitCode
from holdfast.client.main import holdfast
from holdfast.ledger.core.case_files import ledger_of
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.core.values import Beacon, Listing, RegisteredVault
from holdfast.protocol import bls
from holdfast.protocol.cases import EXTRACT, Extract
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.network import development_params
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    Certificate,
    Totals,
    prove_total,
    signers_bitmap,
)
from holdfast.protocol.units import AccountId, Digest
from ledger_stage import HOURLY, Stage, memory_stage, node_keys, opened
from settled_stage import certificate_of, deal_named, proof_of

PARAMS = development_params("bills", 0)
KEYS = [NodeKeys(bytes([number]) * 32) for number in range(1, 6)]
PERIOD = 7
DRAWN_AT = drawing_epoch(PARAMS, PERIOD)
BEACON = Digest(b"\x5b" * 32)
SPENT = {deal_named("mine"): 3 * 10**9, deal_named("other"): 5}
NOBODY = AccountId(bytes(20))


def row(number: int, keys: NodeKeys) -> RegisteredVault:
    return RegisteredVault(
        keys.vault_id,
        number,
        keys.identity.public,
        keys.bls_public,
        NOBODY,
        NOBODY,
        0,
        0,
        Listing.ACTIVE,
        0,
        None,
        0,
        0,
    )


ROWS = [row(number, keys) for number, keys in enumerate(KEYS)]
EXTRACT_THEN = extract_of(PARAMS, DRAWN_AT + 1, ROWS, {DRAWN_AT: BEACON})


def settled(signers: int, extract: Extract = EXTRACT_THEN) -> SettledPeriod:
    """A settlement that the first so many members of the committee signed."""
    keys = {key.vault_id: key for key in KEYS}
    members = ledger_of(extract).committee(PERIOD + 1)
    statement = certificate_of(PERIOD, SPENT, PARAMS.network_id).statement
    signed = [
        bls.sign(keys[member].bls_secret, statement.digest())
        for member in members[:signers]
    ]
    bitmap = signers_bitmap(range(signers), len(members))
    certificate = Certificate(statement, bitmap, bls.aggregate(signed))
    return SettledPeriod(certificate, tuple(proof_of(SPENT, deal) for deal in SPENT))


@pytest.fixture
def archive(tmp_path: Path) -> BillArchive:
    made = BillArchive(tmp_path / "bills", PARAMS.network_id)
    made.keep(settled(3))
    made.keep_extract(EXTRACT_THEN)
    return made


def verify(
    capsys: pytest.CaptureFixture[str], *words: str | Path
) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = holdfast.main(
        ["bill", "--json", *(str(word) for word in words)],
        prog_name="holdfast",
        standalone_mode=False,
    )
    return int(code or 0), json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_bill_that_the_committee_signed_holds(
    archive: BillArchive, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = verify(capsys, "--verify", archive.path(PERIOD))
    assert code == ExitCode.OK
    (document,) = said["files"]
    assert (document["holds"], document["committee"]) == (True, 5)
    assert len(document["signers"]) == 3
    assert document["spent_grains"] == {d.hex(): g for d, g in SPENT.items()}
    assert document["extract"] == EXTRACT_THEN.digest().hex()


def test_the_files_may_be_moved_elsewhere(
    archive: BillArchive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bill = archive.path(PERIOD).rename(tmp_path / "a bill")
    extract = ledger_beside(archive.path(PERIOD)).rename(tmp_path / "an extract")
    code, said = verify(capsys, "--verify", bill, "--ledger-extract", extract)
    assert (code, said["files"][0]["holds"]) == (ExitCode.OK, True)
    code, said = verify(capsys, "--verify", bill)
    assert code == ExitCode.UNTRUE
    assert "cannot be read" in said["files"][0]["faults"][0]


def test_what_no_majority_signed_does_not_hold() -> None:
    verdict = judge_bill(settled(2), EXTRACT_THEN)
    assert verdict.faults == ("2 of 5 members signed, which is no majority",)


def test_a_signature_of_others_does_not_hold() -> None:
    good = settled(3)
    statement = replace(good.certificate.statement, spent_total=1)
    forged = replace(good, certificate=replace(good.certificate, statement=statement))
    assert "not that of the members" in judge_bill(forged, EXTRACT_THEN).faults[0]
    other = extract_of(PARAMS, DRAWN_AT + 1, ROWS, {DRAWN_AT: Digest(b"\1" * 32)})
    drawn = ledger_of(other).committee(PERIOD + 1)
    if drawn[:3] != ledger_of(EXTRACT_THEN).committee(PERIOD + 1)[:3]:
        assert not judge_bill(good, other).holds


def test_without_the_beacon_nobody_was_drawn() -> None:
    extract = extract_of(PARAMS, DRAWN_AT + 1, ROWS, {})
    assert "nobody was drawn" in judge_bill(settled(3), extract).faults[0]


def test_a_bill_of_another_network_is_refused() -> None:
    other = replace(EXTRACT_THEN, params=development_params("other", 0))
    with pytest.raises(BillError, match="another network"):
        judge_bill(settled(3), other)


@pytest.mark.parametrize("data", [b"", b"HF", b"HF\x5b\1" + bytes(100)])
def test_a_file_of_anything_is_named_and_is_no_bill(
    archive: BillArchive, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive.path(PERIOD)
    path.write_bytes(data)
    code, said = verify(capsys, "--verify", path)
    assert code == ExitCode.UNTRUE
    assert said["files"][0]["file"] == str(path)
    path.write_bytes(SETTLED_PERIOD.encode(settled(3)))
    ledger_beside(path).write_bytes(data)
    assert verify(capsys, "--verify", path)[0] == ExitCode.UNTRUE


# Keeping the evidence.


@dataclass
class BeaconLedger:
    known: dict[int, Digest]
    asked: list[int] = field(default_factory=list)
    accounts_certify: bool = False

    async def beacons(self, first: int) -> tuple[Beacon, ...]:
        self.asked.append(first)
        return tuple(Beacon(e, v) for e, v in sorted(self.known.items()) if e >= first)


@dataclass
class RowsDirectory:
    ledger: BeaconLedger
    params: Any = PARAMS
    rows: tuple[RegisteredVault, ...] = tuple(ROWS)

    async def refresh(self) -> None:
        pass

    def epoch(self) -> int:
        return DRAWN_AT + 5


@dataclass
class RowsBook:
    directory: RowsDirectory


def test_the_evidence_is_kept_once_and_is_enough(archive: BillArchive) -> None:
    ledger_beside(archive.path(PERIOD)).unlink()
    ledger = BeaconLedger({DRAWN_AT: BEACON, DRAWN_AT + 1: Digest(b"\2" * 32)})
    book: Any = RowsBook(RowsDirectory(ledger))
    asyncio.run(keep_evidence(book, archive))
    asyncio.run(keep_evidence(book, archive))
    assert ledger.asked == [DRAWN_AT]
    kept = archive.extract()
    assert kept is not None
    assert judge_bill(settled(3), kept).holds
    assert EXTRACT.decode(EXTRACT.encode(kept)) == kept


# A ledger's own settlement.


def test_what_a_ledger_accepted_is_verified_from_what_was_kept_of_it(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        owner = await stage.fed(1)
        numbers = [11, 12, 13, 14]
        await stage.vaults(numbers)
        await stage.advance(3)
        opening = await stage.opening(owner, numbers=numbers[:2])
        await stage.act(owner, opening)
        deal = opened(owner, opening)
        totals = Totals({node_keys(11).vault_id: 7}, {deal: 7})
        certificate = await stage.settle(owner, totals, numbers)
        proof = prove_total(totals, DEAL_LEAF, deal)
        assert proof is not None
        first = drawing_epoch(stage.params, certificate.statement.period)
        beacons = {b.epoch: b.value for b in await stage.ledger.beacons(first)}
        rows = (await stage.ledger.registry(0)).vaults
        epoch = (await stage.ledger.tip()).epoch
        extract = extract_of(stage.params, epoch, rows, beacons)
        read_back = EXTRACT.decode(EXTRACT.encode(extract))
        verdict = judge_bill(SettledPeriod(certificate, (proof,)), read_back)
        assert verdict.faults == ()
        assert verdict.signers == await stage.ledger.committee(
            certificate.statement.period + 1
        )

    async def play() -> None:
        async with memory_stage(Genesis(HOURLY), tmp_path) as stage:
            await story(stage)

    asyncio.run(play())
