"""The part of the audit journal about faults: misses, cases, claims to open slots."""

from collections.abc import Callable
from typing import Any, Final

from holdfast.protocol.account_certificate import ANY_CERTIFICATE
from holdfast.protocol.answer import ANSWER
from holdfast.protocol.cases import CASE
from holdfast.protocol.checkpoint import CHECKPOINT
from holdfast.protocol.faults import MISS, MISS_CERTIFICATE
from holdfast.protocol.takeover import TAKEOVER, SignedTakeover
from holdfast.protocol.units import Digest
from holdfast.vault.core.case_book import CASES_MAX
from holdfast.vault.core.miss_book import MISSES_MAX
from holdfast.vault.core.saved import (
    CaseAnswered,
    CaseKept,
    CaseUpheld,
    ClaimKept,
    MissGiven,
    MissKept,
)
from holdfast.vault.core.takeover_book import CLAIMS_MAX, name_of

FAULT_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS misses_given (
  vault BLOB NOT NULL, epoch INTEGER NOT NULL, miss BLOB NOT NULL,
  PRIMARY KEY (vault, epoch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS misses (
  vault BLOB NOT NULL, epoch INTEGER NOT NULL, certificate BLOB NOT NULL,
  checkpoint BLOB, PRIMARY KEY (vault, epoch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cases (
  digest BLOB NOT NULL UNIQUE, period INTEGER NOT NULL, accusation BLOB NOT NULL,
  settlement BLOB, answer BLOB);
CREATE TABLE IF NOT EXISTS claims (
  name BLOB NOT NULL UNIQUE, epoch INTEGER NOT NULL, takeover BLOB NOT NULL);
"""
"""Tables that a journal of an older release gets when it is opened."""

FaultSaved = MissGiven | MissKept | CaseKept | CaseUpheld | CaseAnswered | ClaimKept
Run = Callable[..., Any]
Rows = Callable[..., list[Any]]


def save_fault(run: Run, saved: FaultSaved) -> None:
    """Write one fact about a fault."""
    row: tuple[object, ...]
    match saved:
        case MissGiven(miss):
            row = (miss.value.vault, miss.value.epoch, MISS.encode(miss))
            run("REPLACE INTO misses_given VALUES (?, ?, ?)", row)
        case MissKept(certificate, checkpoint):
            encoded = MISS_CERTIFICATE.encode(certificate)
            held = CHECKPOINT.encode(checkpoint) if checkpoint else None
            row = (certificate.vault, certificate.epoch, encoded, held)
            run("REPLACE INTO misses VALUES (?, ?, ?, ?)", row)
        case CaseKept(case, period):
            row = (case.digest(), period, CASE.encode(case))
            run("INSERT OR IGNORE INTO cases VALUES (?, ?, ?, NULL, NULL)", row)
        case CaseUpheld(digest, settlement):
            row = (ANY_CERTIFICATE.encode(settlement), digest)
            run("UPDATE cases SET settlement = ? WHERE digest = ?", row)
        case CaseAnswered(digest, answer):
            row = (ANSWER.encode(answer), digest)
            run("UPDATE cases SET answer = ? WHERE digest = ?", row)
        case ClaimKept(takeover):
            row = (name_of(takeover), takeover.value.epoch, TAKEOVER.encode(takeover))
            run("INSERT OR IGNORE INTO claims VALUES (?, ?, ?)", row)


def given_misses(rows: Rows) -> tuple[MissGiven, ...]:
    """Return the misses that we signed lately."""
    found = rows("SELECT miss FROM misses_given")
    return tuple(MissGiven(MISS.decode(miss)) for (miss,) in found)


def kept_misses(rows: Rows) -> tuple[MissKept, ...]:
    """Return the certificates of missed epochs, the newest if there are too many."""
    text = "SELECT certificate, checkpoint FROM misses ORDER BY epoch DESC LIMIT ?"
    return tuple(
        MissKept(
            MISS_CERTIFICATE.decode(certificate),
            CHECKPOINT.decode(checkpoint) if checkpoint else None,
        )
        for certificate, checkpoint in rows(text, MISSES_MAX)
    )


def kept_cases(rows: Rows) -> tuple[CaseKept | CaseUpheld | CaseAnswered, ...]:
    """Return the newest cases, oldest first, each with how it ended."""
    text = "SELECT * FROM cases ORDER BY rowid DESC LIMIT ?"
    found: list[CaseKept | CaseUpheld | CaseAnswered] = []
    for digest, period, case, settlement, answer in reversed(rows(text, CASES_MAX)):
        found.append(CaseKept(CASE.decode(case), period))
        if settlement:
            named = ANY_CERTIFICATE.decode(settlement)
            found.append(CaseUpheld(Digest(digest), named))
        if answer:
            found.append(CaseAnswered(Digest(digest), ANSWER.decode(answer)))
    return tuple(found)


def kept_claims(rows: Rows) -> tuple[SignedTakeover, ...]:
    """Return the newest claims to open slots, oldest first."""
    text = "SELECT takeover FROM claims ORDER BY rowid DESC LIMIT ?"
    found = (TAKEOVER.decode(takeover) for (takeover,) in rows(text, CLAIMS_MAX))
    return tuple(reversed(list(found)))


def prune_faults(run: Run, epoch: int, window_epochs: int, oldest_period: int) -> None:
    """Drop what no case can name any more; upheld cases stay.

    A claim that waited so long for its slot is brought again by its candidate.
    """
    run("DELETE FROM misses_given WHERE epoch < ? - 2", (epoch,))
    run("DELETE FROM misses WHERE epoch < ?", (epoch - window_epochs,))
    run("DELETE FROM claims WHERE epoch < ?", (epoch - window_epochs,))
    text = "DELETE FROM cases WHERE period < ? AND settlement IS NULL"
    run(text, (oldest_period,))
