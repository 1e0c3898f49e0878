"""What makes stories fast changes no value, and is gone after them."""

import dataclasses
from typing import Any

import pytest

from audit_parties import Parties, row_of
from holdfast.ledger.core import slots
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.values import Listing
from holdfast.protocol import keys
from holdfast.protocol.checkpoint import CHECKPOINT, Checkpoint, Entry
from holdfast.protocol.errors import SignatureInvalidError
from holdfast.protocol.keys import SigningPair
from holdfast.protocol.units import DealId, Digest, VaultId
from holdfast.vault.core.outbox import Outbox
from simulation.memory import Memory, by_identity
from simulation.shared import rank_once
from simulation.stand_ins import stand_ins

VALUE = (VaultId(b"\1" * 32), 7, Digest(b"\2" * 32), 3, 4)


def test_values_of_a_story_are_those_of_production() -> None:
    real = Checkpoint(*VALUE)
    with stand_ins():
        thawed = Checkpoint(*VALUE)
        assert CHECKPOINT.format.encode(thawed) == CHECKPOINT.format.encode(real)
    assert (thawed, hash(thawed), repr(thawed)) == (real, hash(real), repr(real))


def test_values_are_frozen_again_after_a_story() -> None:
    with stand_ins():
        Checkpoint(*VALUE)
    value: Any = Checkpoint(*VALUE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.epoch = 8


def test_thawed_values_still_refuse_what_makes_no_sense() -> None:
    nothing = Digest(bytes(32))
    with stand_ins(), pytest.raises(ValueError, match="ascending"):
        Entry(DealId(bytes(32)), 0, nothing, 1, nothing, 1, 9, ((5, 1), (0, 1)))


def test_a_memory_forgets_nothing_that_its_key_is_made_of() -> None:
    asked = []

    def slow(value: Outbox) -> int:
        asked.append(value)
        return len(asked)

    remembering = by_identity(slow)
    values = [Outbox((), 1.0) for _ in range(3)]
    assert [remembering(one) for one in (*values, *values)] == [1, 2, 3, 1, 2, 3]


def test_a_memory_does_not_remember_errors() -> None:
    memory, tries = Memory(), []

    def fails_once() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        return "done"

    with pytest.raises(ValueError, match="not yet"):
        memory.get("key", None, fails_once)
    assert memory.get("key", None, fails_once) == "done"
    assert memory.get("key", None, fails_once) == "done"
    assert len(tries) == 2


def test_candidates_rank_as_in_production() -> None:
    parties = Parties(12)
    parties.reach(5)
    gone = row_of(parties.keys[5], 5, listing=Listing.EJECTED, left_epoch=5)
    parties.ledger.absorb(LedgerNews(99, -1, vaults=(gone,)))
    ranked = rank_once()
    for number in (1, 2, 3):
        deal = parties.deal(number, [0, 1, 2, 3]).deal
        for vault in (*parties.by_id, VaultId(bytes(32))):
            expected = slots.rank(parties.ledger, deal, vault, 5)
            assert ranked(parties.ledger, deal, vault, 5) == expected


def test_a_signature_of_a_story_fits_only_its_key_and_message() -> None:
    with stand_ins():
        pair = SigningPair(bytes(32))
        signature = pair.sign(b"this")
        keys.verify(pair.public, b"this", signature)
        for public, message in ((pair.public, b"that"), (bytes(32), b"this")):
            with pytest.raises(SignatureInvalidError):
                keys.verify(public, message, signature)
