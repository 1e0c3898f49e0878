"""The demo says so when something is not true."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.client.demo import audits
from holdfast.client.demo.page import Page
from holdfast.client.demo.searching import files_with, samples_of
from holdfast.client.local_health import LedgerStatus, NetworkStatus, VaultStatus
from holdfast.client.local_layout import LocalVault
from holdfast.client.output import Output
from holdfast.protocol.units import GIB

HERE = Path("/nowhere")
PRICES = {"aa": 3, "bb": 3}


def vault(name: str, held: int, earned: int) -> VaultStatus:
    return VaultStatus(
        vault=LocalVault(1, name, "127.0.0.1:1"),
        pid=1,
        directory=HERE,
        state="serving",
        standing="active",
        shards=1,
        held_bytes=held,
        missing_shards=0,
        last_audit_epoch=7,
        certified_epochs=4,
        earned=earned,
        claimed=0,
    )


TRUE = NetworkStatus(
    directory=HERE,
    epoch_seconds=5,
    ledger=LedgerStatus(1, "127.0.0.1:2", HERE, 9, 8, 1, earned=12, spent=12),
    vaults=(vault("aa", GIB, 6), vault("bb", GIB, 6), vault("cc", 0, 0)),
)


def page() -> Page:
    return Page(Output(quiet=True, out=io.StringIO(), err=io.StringIO()))


def claims_of(status: NetworkStatus) -> Page:
    told = page()
    audits._claim(status, PRICES, told)
    return told


def test_audits_that_add_up_are_true() -> None:
    told = claims_of(TRUE)
    assert told.all_true
    assert told.figures == {"earned_grains": 12, "spent_grains": 12}


def test_pieces_too_few_to_earn_a_grain_are_no_reason_for_pay() -> None:
    few = tuple(replace(each, held_bytes=0, earned=0) for each in TRUE.vaults)
    ledger = replace(TRUE.ledger, earned=0, spent=0)
    assert claims_of(replace(TRUE, ledger=ledger, vaults=few)).all_true


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (0, {"earned": 0}),
        (0, {"certified_epochs": 0}),
        (1, {"earned": 7}),
        (2, {"earned": 1}),
        (2, {"held_bytes": 5}),
    ],
)
def test_a_vault_whose_figures_do_not_fit_makes_a_claim_untrue(
    number: int, change: dict[str, int]
) -> None:
    vaults = list(TRUE.vaults)
    vaults[number] = replace(vaults[number], **change)  # type: ignore[arg-type] # all ints
    assert not claims_of(replace(TRUE, vaults=tuple(vaults))).all_true


def test_a_charge_that_is_not_what_was_earned_makes_a_claim_untrue() -> None:
    ledger = replace(TRUE.ledger, spent=13)
    assert not claims_of(replace(TRUE, ledger=ledger)).all_true


def test_a_page_is_true_only_with_claims_and_without_an_untrue_one() -> None:
    told = [page(), page(), page()]
    for each in told[1:]:
        each.claim("one and one are two", True)
    told[2].claim("one and one are three", False)
    assert [each.all_true for each in told] == [False, True, False]
    assert told[2].document()["all_true"] is False


def test_an_untrue_claim_is_seen_on_the_page() -> None:
    out = io.StringIO()
    Page(Output(out=out)).claim("the moon is near", False)
    assert "NOT TRUE" in out.getvalue()


def test_plain_text_on_a_disk_is_found_and_sealed_text_is_not(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    text = b"".join(b"line %d of a letter\n" % number for number in range(300))
    (tmp_path / "own" / "letter").write_bytes(text)
    (tmp_path / "own" / "zeros").write_bytes(bytes(10_000))
    samples = samples_of(tmp_path / "own")
    assert len(samples) == 1
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "shard").write_bytes(bytes(each ^ 0x55 for each in text))
    assert files_with(disk, samples) == (0, len(text))
    (disk / "leak").write_bytes(b"header" + text)
    assert files_with(disk, samples) == (1, 2 * len(text) + 6)
