"""An auditor's own sums: paid exactly, less, too much, or not to be known."""

from dataclasses import replace

import pytest

from audit_evidence import Shown
from holdfast.client.core.auditing import AuditFinding, VaultAudit, Verdict
from holdfast.client.core.auditing_recount import Recount, RecountFinding
from holdfast.client.core.auditing_settlement import Leaves, SettlementFinding
from holdfast.protocol.checkpoint import checkpoint_of
from holdfast.protocol.earnings import entry_earned
from holdfast.protocol.settlement import (
    REPLACEMENT_LEAF,
    VAULT_LEAF,
    Certificate,
    Statement,
    Total,
)
from holdfast.protocol.units import Digest, Grains

PERIOD = 2
EPOCHS = range(8, 12)


@pytest.fixture(scope="module")
def shown() -> Shown:
    made = Shown()
    made.parties.reach(13)
    return made


def settled(shown: Shown, period: int, leaves: Leaves | None) -> SettlementFinding:
    network = shown.parties.params.network_id
    statement = Statement(network, period, Digest(bytes(32)), 0, 0, 0)
    certificate = Certificate(statement, b"", bytes(96))
    return SettlementFinding(certificate, 0, (), 0, leaves, ())


def paid(shown: Shown, grains: Grains) -> Leaves:
    return (Total(VAULT_LEAF, shown.vault, grains),)


def audits(shown: Shown, verdict: Verdict = Verdict.PROVED) -> list[AuditFinding]:
    """Return the vault's epochs, all certified; the others have nothing to prove."""
    ledger, entries = shown.parties.ledger, shown.held.entries()
    checkpoint = checkpoint_of(shown.vault, 8, entries)
    found = []
    for epoch in EPOCHS:
        certified = VaultAudit(ledger, shown.vault, epoch).finding()
        found.append(
            replace(
                certified,
                verdict=verdict,
                checkpoint=checkpoint,
                entries=entries.items,
            )
        )
        found += [
            replace(certified, vault=other, verdict=Verdict.IDLE)
            for other in ledger.vaults()
            if other != shown.vault
        ]
    return found


def worth(shown: Shown) -> Grains:
    (entry,) = shown.held.entries().items
    params = shown.parties.params
    return sum(
        entry_earned(entry, shown.fake.deal, shown.vault, epoch, params)
        for epoch in EPOCHS
    )


def compared(
    shown: Shown, seen: list[AuditFinding], grains: Grains, *more: Total
) -> RecountFinding:
    recount = Recount(shown.parties.ledger)
    assert recount.settled(settled(shown, PERIOD - 1, paid(shown, 100))) is None
    recount.take(seen)
    found = recount.settled(settled(shown, PERIOD, (*paid(shown, 100 + grains), *more)))
    assert found
    return found


def test_what_the_certificates_are_worth_is_paid_exactly(shown: Shown) -> None:
    assert worth(shown) > 0
    found = compared(shown, audits(shown), worth(shown))
    assert found == RecountFinding(PERIOD, 10, 0, 0, ())


def test_one_grain_too_much_is_a_fault(shown: Shown) -> None:
    (fault,) = compared(shown, audits(shown), worth(shown) + 1).faults
    assert "is paid 1 grains more" in fault


def test_a_certificate_that_is_not_counted_is_no_fault(shown: Shown) -> None:
    found = compared(shown, audits(shown), worth(shown) - 1)
    assert (found.less, found.faults) == (1, ())


def test_an_epoch_that_was_not_seen_makes_a_vault_unknowable(shown: Shown) -> None:
    seen = [a for a in audits(shown) if (a.vault, a.epoch) != (shown.vault, 9)]
    found = compared(shown, seen, worth(shown) + 1)
    assert (found.unknown, found.faults) == (1, ())


def test_a_missed_epoch_whose_certificate_may_exist_is_not_counted(
    shown: Shown,
) -> None:
    found = compared(shown, audits(shown, Verdict.MISSED), worth(shown))
    assert (found.unknown, found.faults) == (1, ())


def test_entries_that_no_answer_shows_make_a_vault_unknowable(shown: Shown) -> None:
    seen = [replace(audit, entries=()) for audit in audits(shown)]
    assert compared(shown, seen, worth(shown)).unknown == 1


def test_entries_shown_in_one_epoch_serve_for_all_with_the_same_root(
    shown: Shown,
) -> None:
    seen = [
        audit if audit.epoch == 8 else replace(audit, entries=())
        for audit in audits(shown)
    ]
    assert compared(shown, seen, worth(shown)).exact == 10


def test_a_bonus_for_rebuilding_is_no_fault(shown: Shown) -> None:
    replaced = Total(REPLACEMENT_LEAF, b"\1" * 32, 0)
    found = compared(shown, audits(shown), worth(shown) + 5, replaced)
    assert (found.unknown, found.faults) == (1, ())


def test_settlements_whose_totals_nobody_shows_are_not_compared(shown: Shown) -> None:
    recount = Recount(shown.parties.ledger)
    assert recount.settled(settled(shown, PERIOD - 1, None)) is None
    assert recount.settled(settled(shown, PERIOD, paid(shown, 1))) is None
