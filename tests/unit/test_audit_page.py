"""Audit reports: the same finding as a table, a document, and one page."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from audit_evidence import EPOCH, Shown
from holdfast.client.audit_page import page_of
from holdfast.client.audit_report import (
    Report,
    counts,
    deal_report,
    epoch_report,
    vault_report,
)
from holdfast.client.audit_watch import WatchedEpoch
from holdfast.client.audit_watch_report import epoch_line, watch_report
from holdfast.client.auditor import EpochFinding
from holdfast.client.core.auditing import AuditFinding, Verdict
from holdfast.client.core.auditing_deal import judge_deal
from holdfast.client.core.auditing_recount import RecountFinding
from holdfast.client.output import plain
from holdfast.ledger.core.values import Listing


@pytest.fixture(scope="module")
def shown() -> Shown:
    return Shown()


@pytest.fixture(scope="module")
def proved(shown: Shown) -> AuditFinding:
    answer = shown.answer()
    return shown.found(answer, shown.certificate(answer))


def missed_after(found: AuditFinding, reason: str = "gone") -> AuditFinding:
    return replace(
        found, epoch=found.epoch + 1, verdict=Verdict.MISSED, reason=reason, voters=()
    )


class Tags(HTMLParser):
    """Counts tags, and notes what a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "action"} or name.startswith("on"):
                self.loads.append(f"{tag} {name}={value}")


def read(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    return tags


def report(shown: Shown, *audits: AuditFinding) -> Report:
    row = shown.parties.ledger.row(shown.vault)
    assert row
    return vault_report(shown.parties.params, row, audits)


def test_a_page_says_whether_everything_holds_and_draws_every_epoch(
    shown: Shown, proved: AuditFinding
) -> None:
    good = page_of(report(shown, proved), "now")
    assert "Everything holds: 1 proved" in good
    bad = page_of(report(shown, missed_after(proved), proved), "now")
    assert "Not everything holds: 1 missed, 1 proved" in bad
    squares = re.findall(r"<title>epoch (\d+): (\w+)", bad)
    assert squares == [(str(EPOCH), "proved"), (str(EPOCH + 1), "missed")]


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        (Listing.ACTIVE, "active, since epoch "),
        (Listing.UNBONDING, "leaving, since epoch 7"),
        (Listing.WITHDRAWN, "left, in epoch 7"),
        (Listing.EJECTED, "ejected, in epoch 7; `holdfast audit case --vault "),
    ],
)
def test_a_vaults_report_says_how_the_ledger_lists_it(
    shown: Shown, proved: AuditFinding, listing: Listing, said: str
) -> None:
    row = shown.parties.ledger.row(shown.vault)
    assert row
    left = replace(row, listing=listing, left_epoch=7)
    made = vault_report(shown.parties.params, left, [proved])
    assert dict(made.facts)["Listed"].startswith(said)
    assert made.document["listing"] == listing.name.lower()


def test_a_page_loads_nothing_and_runs_nothing(
    shown: Shown, proved: AuditFinding
) -> None:
    tags = read(page_of(report(shown, proved), "now"))
    assert tags.seen.count("svg") == 3
    assert "script" not in tags.seen
    assert tags.loads == []


def test_what_a_hostile_vault_says_stays_text(
    shown: Shown, proved: AuditFinding
) -> None:
    hostile = missed_after(proved, "<script>alert(1)</script><img src=x onerror=y>")
    page = page_of(report(shown, hostile, proved), "now")
    tags = read(page)
    assert not {"script", "img"} & set(tags.seen)
    assert "&lt;script&gt;" in page


def test_the_drawings_are_well_formed(shown: Shown, proved: AuditFinding) -> None:
    page = page_of(report(shown, missed_after(proved), proved), "now")
    drawings = re.findall(r"<svg.*?</svg>", page)
    assert drawings
    for drawing in drawings:
        ET.fromstring(drawing)


def test_documents_are_json_with_ids_in_hexadecimal(
    shown: Shown, proved: AuditFinding
) -> None:
    params = shown.parties.params
    made = epoch_report(params, EPOCH, [proved], None).document
    said = json.loads(json.dumps(made, default=plain))
    assert said["holds"] is True
    (vault,) = said["vaults"]
    assert vault["vault"] == shown.vault.hex()
    assert vault["verdict"] == "proved"
    assert vault["leaves_verified"] == params.leaves_per_audit
    assert vault["voters"] == [voter.hex() for voter in shown.group]


def test_a_deals_report_has_each_holder_with_what_it_proved(
    shown: Shown, proved: AuditFinding
) -> None:
    params, ledger = shown.parties.params, shown.parties.ledger
    found = judge_deal(ledger, shown.fake.deal, {shown.vault: [proved]}, 0)
    made = deal_report(params, found)
    first = made.tables[0].rows[0]
    assert first[:4] == ("0", shown.vault.hex()[:12], "0 to now", "1 of 1")
    said = json.loads(json.dumps(made.document, default=plain))
    assert said["holders"][0]["certified_epochs"] == 1
    assert said["holders"][0]["due_grains"] > 0
    assert page_of(made, "now").count("<svg") == 2


def test_a_watched_epoch_is_one_line_unless_something_fails(
    proved: AuditFinding,
) -> None:
    good = WatchedEpoch(EpochFinding(EPOCH, (proved,)))
    line, document = epoch_line(good)
    assert line.startswith(f"✓ epoch {EPOCH}: 1 proved; ")
    assert "\n" not in line
    assert document["holds"] is True
    missed = missed_after(proved)
    overpaid = RecountFinding(1, 0, 0, 0, ("vault x is paid 1 grains more",))
    bad = WatchedEpoch(EpochFinding(EPOCH + 1, (missed,)), None, overpaid)
    line, document = epoch_line(bad)
    assert line.startswith("✗")
    assert line.splitlines()[1:] == [
        f"    vault {proved.vault.hex()[:12]} missed: gone",
        "    vault x is paid 1 grains more",
    ]
    assert json.dumps(document, default=plain)


def test_a_watchs_page_shows_every_vault_in_every_epoch(
    shown: Shown, proved: AuditFinding
) -> None:
    seen = [
        WatchedEpoch(EpochFinding(EPOCH, (proved,))),
        WatchedEpoch(EpochFinding(EPOCH + 1, (missed_after(proved),))),
    ]
    made = watch_report(shown.parties.params, seen)
    assert not made.holds
    page = page_of(made, "now")
    assert f"Epochs {EPOCH} to {EPOCH + 1}" in page
    assert page.count("<title>epoch") == 2


def test_counts_begin_with_the_most_frequent(proved: AuditFinding) -> None:
    assert counts([missed_after(proved), proved, proved]) == "2 proved, 1 missed"
    assert counts([]) == "nothing to look at"
