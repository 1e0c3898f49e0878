"""What is lost with a vault: neither what it declared last nor what it had long ago."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_parties import Parties
from holdfast.ledger.core.court import held_epochs
from holdfast.protocol.checkpoint import Checkpoint, Entries, SignedCheckpoint
from holdfast.protocol.faults import MissCertificate
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import Digest
from holdfast.vault.core.letters import Letters
from holdfast.vault.core.miss_book import MissBook
from holdfast.vault.core.most_held import fuller, fullest
from holdfast.vault.core.saved import AcknowledgementGiven, Restored
from holdfast.vault.core.watching import Watching
from simulation.world import sim_params

WINDOW = 24
VAULT = Parties(1).me.id


def said(epoch: int, present_bytes: int) -> SignedCheckpoint:
    value = Checkpoint(VAULT, epoch, Digest(bytes(32)), 1, present_bytes)
    return Signed(value, bytes(64))


CHECKPOINTS = st.builds(said, st.integers(0, 100), st.integers(0, 1 << 40))


@given(CHECKPOINTS, CHECKPOINTS)
def test_the_fuller_of_two_never_says_less_than_the_newer_nor_is_it_old(
    one: SignedCheckpoint, two: SignedCheckpoint
) -> None:
    newer = max((one, two), key=lambda signed: signed.value.epoch)
    found = fuller(one, two, WINDOW)
    assert found in (one, two)
    if one.value.epoch != two.value.epoch:
        assert found.value.present_bytes >= newer.value.present_bytes
    assert newer.value.epoch - found.value.epoch <= WINDOW
    assert fuller(None, one, WINDOW) == one


def test_who_declares_less_just_before_it_goes_is_held_to_what_it_had() -> None:
    known = None
    for epoch, present in ((10, 100), (11, 100), (12, 3), (13, 0)):
        known = fuller(known, said(epoch, present), WINDOW)
    assert known == said(11, 100) or known == said(10, 100)
    assert fuller(known, said(60, 5), WINDOW) == said(60, 5), "it lived on with less"


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ([said(9, 5), said(8, 7), None], said(8, 7)),
        ([said(2, 99), said(9, 5)], said(9, 5)),
        ([said(12, 99), said(9, 5)], said(9, 5)),
        ([said(2, 99), None], None),
    ],
)
def test_a_case_shows_the_fullest_that_a_court_takes(
    known: list[SignedCheckpoint | None], found: SignedCheckpoint | None
) -> None:
    params = sim_params(window_unreachable=8)
    misses = [MissCertificate(VAULT, epoch, ()) for epoch in (11, 13)]
    assert held_epochs(misses, params) == (3, 14)
    assert held_epochs(misses[:1], params) == (3, 12)
    assert fullest(known, 3, 11) == found


def test_a_neighbour_accuses_with_what_the_vault_had_before_it_declared_less() -> None:
    parties = Parties(12)
    parties.reach(6)
    ledger, me = parties.ledger, parties.me
    vault = ledger.watched_by(me.id, 6)[0]
    keys = parties.by_id[vault]
    others = [place for place, one in enumerate(parties.keys) if one is not keys]
    fake = parties.deal(1, [parties.keys.index(keys), *others[:3]])
    full, empty = Entries((fake.entry(0),)), Entries(())
    before, after = (
        AcknowledgementGiven(parties.checkpoint(keys, epoch, entries), entries)
        for epoch, entries in ((5, full), (6, empty))
    )
    watching = Watching(me, Restored(acknowledged=(before, after)))
    assert watching.newest_checkpoint(vault) == after.checkpoint
    assert watching.fullest_checkpoint(vault) == before.checkpoint
    book = MissBook(me, Letters(me), Restored())
    for epoch, shown in ((4, after), (5, before), (6, after)):
        certificate = MissCertificate(vault, epoch, ())
        book.take(certificate, shown.checkpoint, parties.at(6, 0.9))
    assert book.checkpoint(vault) == before.checkpoint
