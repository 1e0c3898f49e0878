"""The auditor's way through a network of honest, silent and lying vaults."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from audit_evidence import EPOCH, Shown
from holdfast.client.auditor import AuditedNameError, Auditor
from holdfast.client.case_search import NoCaseError, find_case
from holdfast.client.core.auditing import Verdict
from holdfast.client.exit_codes import ExitCode
from holdfast.client.followed_ledger import FollowedLedger
from holdfast.client.main import main
from holdfast.client.network_directory import NetworkDirectory
from holdfast.client.network_errors import (
    Refusal,
    VaultMisbehavedError,
    VaultRefusedError,
    VaultUnreachableError,
)
from holdfast.client.transport import ShownAudit
from holdfast.ledger.core.case_files import extract_of
from holdfast.ledger.core.followed import LedgerState
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.cases import BeaconRow, Case, CaseFile, Fault
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.faults import MissCertificate
from holdfast.protocol.network import development_params
from holdfast.protocol.units import Digest, VaultId
from holdfast.wire.rpc import make_certificate

T = TypeVar("T")


@dataclass
class Link:
    """What one vault says when it is asked; an exception is raised."""

    vault: VaultId
    shows: ShownAudit | Exception
    misses_known: tuple[MissCertificate, ...] = ()
    file: CaseFile | None = None
    asked: Counter[str] = field(default_factory=Counter)

    async def audit(self, _vault: VaultId, _epoch: int) -> ShownAudit:
        self.asked["audit"] += 1
        if isinstance(self.shows, Exception):
            raise self.shows
        return self.shows

    async def misses(self, _vault: VaultId) -> tuple[MissCertificate, ...]:
        self.asked["misses"] += 1
        return self.misses_known

    async def case(self, _vault: VaultId) -> CaseFile:
        self.asked["case"] += 1
        if self.file is None:
            raise nothing(self.vault)
        return self.file


@dataclass
class Followed:
    """The ledger's state, as if everything had been read of it."""

    state: LedgerState

    async def follow(self, vaults: Iterable[VaultId]) -> None:
        self.state.followed(vaults)

    async def know_deals(self, deals: Iterable[object]) -> None:
        list(deals)


@dataclass
class Directory:
    links: dict[VaultId, Link]

    def link(self, vault: VaultId) -> Link:
        return self.links[vault]


def nothing(vault: VaultId) -> VaultRefusedError:
    return VaultRefusedError(vault, Refusal.UNKNOWN, "nothing is kept")


def silence(vault: VaultId) -> VaultUnreachableError:
    return VaultUnreachableError(vault, "no connection to it can be made")


class Network:
    """Vaults that say nothing is kept, until a test has them say something else."""

    def __init__(self) -> None:
        self.shown = Shown()
        self.links = {v: Link(v, nothing(v)) for v in self.shown.parties.by_id}
        followed = cast("FollowedLedger", Followed(self.shown.parties.ledger))
        directory = cast("NetworkDirectory", Directory(self.links))
        self.auditor = Auditor(followed, directory)

    def audited(self) -> Any:
        return run(self.auditor.audit(self.shown.vault, EPOCH))

    def tell(self, vault: VaultId, shows: ShownAudit | Exception) -> None:
        self.links[vault].shows = shows


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def proof(shown: Shown) -> ShownAudit:
    answer = shown.answer()
    return ShownAudit(answer, shown.certificate(answer))


def test_who_proves_it_himself_costs_one_question() -> None:
    network = Network()
    network.tell(network.shown.vault, proof(network.shown))
    assert network.audited().verdict is Verdict.PROVED
    assert sum(link.asked["audit"] for link in network.links.values()) == 1


def test_a_dead_vaults_proof_is_found_with_its_neighbours() -> None:
    network = Network()
    network.tell(network.shown.vault, silence(network.shown.vault))
    network.tell(network.shown.group[5], proof(network.shown))
    assert network.audited().verdict is Verdict.PROVED


def test_a_liar_between_honest_neighbours_changes_nothing() -> None:
    network = Network()
    shown = network.shown
    right = proof(shown)
    assert right.answer
    assert right.certificate
    spoiled = replace(shown.answer(swap=True), signature=right.answer.signature)
    few = replace(right.certificate, votes=right.certificate.votes[:2])
    network.tell(shown.vault, ShownAudit(spoiled, few))
    network.tell(shown.group[0], VaultMisbehavedError(shown.group[0], "answers junk"))
    network.tell(shown.group[1], right)
    assert network.audited().verdict is Verdict.PROVED


def test_a_vault_that_does_not_answer_is_asked_once_only() -> None:
    network = Network()
    gone = network.shown.vault
    network.tell(gone, silence(gone))

    async def twice() -> None:
        await network.auditor.audit(gone, EPOCH)
        await network.auditor.audit(gone, EPOCH - 1)

    run(twice())
    assert network.links[gone].asked["audit"] == 1


def test_what_neighbours_signed_explains_a_missed_epoch() -> None:
    network = Network()
    shown = network.shown
    newest = shown.parties.ledger.group(shown.vault, shown.parties.ledger.epoch)
    network.links[newest[1]].misses_known = (shown.miss(1),)
    found = network.audited()
    assert found.verdict is Verdict.MISSED
    assert "5 of 8 neighbours signed so" in found.reason


def test_what_nobody_of_those_who_answer_keeps_was_missed() -> None:
    found = Network().audited()
    assert found.verdict is Verdict.MISSED
    assert found.reason == "neither it nor its neighbours have a right answer"


def test_a_network_of_silence_is_no_proof_of_a_fault() -> None:
    network = Network()
    for vault in network.links:
        network.tell(vault, silence(vault))
    assert network.audited().verdict is Verdict.UNKNOWN


def test_ids_may_be_shortened_as_long_as_one_fits() -> None:
    network = Network()
    vault = network.shown.vault
    assert network.auditor.find_vault(vault.hex()[:16].upper()) == vault
    for prefix in ("", "zz", "f" * 64):
        with pytest.raises(AuditedNameError):
            network.auditor.find_vault(prefix)
    deal = network.shown.fake.deal
    assert run(network.auditor.find_deal(deal.id.hex()[:10])) == deal
    with pytest.raises(AuditedNameError):
        run(network.auditor.find_deal("x" * 64))


def lying_case(shown: Shown) -> CaseFile:
    one = shown.parties.checkpoint(shown.keys, EPOCH, Entries(()))
    two = shown.parties.checkpoint(shown.keys, EPOCH, shown.held.entries())
    case = Case(shown.vault, Fault.TWO_CHECKPOINTS.value, checkpoints=(one, two))
    return CaseFile(extract_of(shown.parties.ledger, case), case)


def test_a_case_is_found_with_whoever_has_it() -> None:
    network = Network()
    file = lying_case(network.shown)
    network.links[network.shown.group[3]].file = file
    found = run(find_case(network.auditor, network.shown.vault))
    assert found.guilty
    assert found.file == file


def test_a_case_read_with_another_ledger_is_passed_over() -> None:
    network = Network()
    file = lying_case(network.shown)
    forged = (BeaconRow(EPOCH, Digest(b"\7" * 32)),)
    network.links[network.shown.vault].file = replace(
        file, extract=replace(file.extract, beacons=forged)
    )
    with pytest.raises(NoCaseError):
        run(find_case(network.auditor, network.shown.vault))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["epoch", "yesterday"], ExitCode.USAGE),
        (["epoch", "-1"], ExitCode.USAGE),
        (["vault", "ab", "--epochs", "0"], ExitCode.USAGE),
        (["watch", "--epochs", "x"], ExitCode.USAGE),
        (["drill", "--files", "1", "--bytes", "1k"], ExitCode.USAGE),
        (["vault", "ab"], ExitCode.NOT_FOUND),
    ],
)
def test_commands_say_what_is_wrong_with_the_words(
    words: list[str], code: ExitCode, tmp_path: Path
) -> None:
    assert main(["--home", str(tmp_path), "audit", *words]) == code


def test_commands_say_when_the_ledger_does_not_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "network.json"
    pem = make_certificate().certificate_pem
    NetworkFile(development_params("away", 1), "127.0.0.1:1", pem).save(path)
    code = main(["audit", "epoch", "latest", "--network", str(path)])
    assert code == ExitCode.UNREACHABLE
    assert "127.0.0.1:1" in capsys.readouterr().err
