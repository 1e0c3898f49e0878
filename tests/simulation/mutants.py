"""Known-bad variants of the code: small patches that a story has to catch.

Each comes with the story that lets its fault do harm. The same story without the
patch keeps every promise.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from holdfast.ledger.core import court, settlement
from holdfast.protocol import earnings, placement
from holdfast.protocol.checkpoint import Entry
from holdfast.protocol.deal import Deal
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.pricing import earned
from holdfast.protocol.units import Grains, VaultId
from holdfast.vault.core import messages as m
from holdfast.vault.core import misses
from holdfast.vault.core.effects import Effect
from holdfast.vault.core.events import AnswerChecked, Asked
from holdfast.vault.core.sittings import Court
from holdfast.vault.core.watching import Watching
from simulation.sim_disk import SimDisk
from simulation.story import CALM, Act, Happening, Story, params_of

Patch = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault, and where it must show; `sign` is part of the broken promise."""

    patch: Patch
    story: Story
    sign: str


def staged(
    vaults: int,
    epochs: int,
    masks: Sequence[tuple[int, str, float]] = (),
    happenings: Sequence[Happening] = (),
) -> Story:
    """Return a story made for one fault, with six deals and short windows."""
    uploads = [Happening(2.1 + place / 10, Act.UPLOAD, 0, 6) for place in range(5)]
    params = params_of(
        period_epochs=4,
        missed_reachable=2,
        window_reachable=8,
        missed_unreachable=3,
        window_unreachable=8,
        unbonding_epochs=4,
    )
    return Story(
        1,
        vaults,
        1,
        epochs,
        CALM,
        params,
        tuple(masks),
        (*uploads, *happenings),
        False,
    )


def votes_unchecked() -> AbstractContextManager[Any]:
    checked = Watching.checked

    def blind(self: Watching, event: AnswerChecked) -> list[Effect]:
        return checked(self, replace(event, fault=None))

    return mock.patch.object(Watching, "checked", blind)


def two_acknowledgements() -> AbstractContextManager[Any]:
    def gullible(
        self: Watching, event: Asked, offer: m.OfferCheckpoint
    ) -> list[Effect]:
        return [self._acknowledge(event.token, offer)]

    return mock.patch.object(Watching, "_offered", gullible)


@contextmanager
def storms_unguarded() -> Iterator[None]:
    """Take away both guards: neighbours that miss most blame nobody, courts neither."""
    with (
        mock.patch.object(misses, "OVERDUE_MIN", 1 << 30),
        mock.patch.object(court, "is_calm", return_value=True),
    ):
        yield


def courts_that_hear_nobody() -> AbstractContextManager[Any]:
    return mock.patch.object(Court, "convicts", return_value=True)


def replaced_holders_paid() -> AbstractContextManager[Any]:
    def generous(
        entry: Entry, deal: Deal, _vault: VaultId, epoch: int, params: NetworkParams
    ) -> Grains:
        if not deal.opened_epoch <= epoch < deal.last_epoch(params):
            return 0
        return earned(entry.present_bytes, deal.holders[entry.index].price)

    return mock.patch.object(earnings, "entry_earned", generous)


@contextmanager
def majority_less_one() -> Iterator[None]:
    whole = placement.majority
    with ExitStack() as stack:
        for name, module in sorted(sys.modules.items()):
            if name.startswith("holdfast.") and vars(module).get("majority") is whole:
                fewer = mock.patch.object(module, "majority", lambda n: max(n // 2, 1))
                stack.enter_context(fewer)
        yield


def settlements_by_anyone() -> AbstractContextManager[Any]:
    return mock.patch.object(settlement, "_check_signers", return_value=None)


def receipts_before_the_disk() -> AbstractContextManager[Any]:
    return mock.patch.object(SimDisk, "sync_directory", return_value=None)


def _crashes(epoch: float, vaults: int) -> list[Happening]:
    return [Happening(epoch, Act.CRASH, number, 0.3) for number in range(vaults)]


FORGERS = ((1, "forger", 1.0), (4, "forger", 1.0))
MUTANTS = {
    "votes without checking": Mutant(
        votes_unchecked, staged(9, 13, FORGERS), "was paid"
    ),
    "two acknowledgements of one epoch": Mutant(
        two_acknowledgements, staged(8, 4, ((2, "liar", 0.0),)), "acknowledged"
    ),
    "ejecting in a storm": Mutant(
        storms_unguarded,
        staged(12, 22, (), (Happening(7.8, Act.SPLIT, 5, 13.0),)),
        "honest and was ejected",
    ),
    "a court that hears nobody": Mutant(
        courts_that_hear_nobody,
        staged(10, 14, (), (Happening(4.2, Act.CRASH, 3, 3.6),)),
        "honest and was ejected",
    ),
    "paying replaced holders": Mutant(
        replaced_holders_paid,
        staged(9, 21, (), (Happening(5.5, Act.EXIT, 2),)),
        "without proofs",
    ),
    "a majority less one": Mutant(
        majority_less_one,
        staged(9, 17, [(number, "forger", 1.0) for number in (0, 3, 7)]),
        "was paid",
    ),
    "settlements that anyone signs": Mutant(
        settlements_by_anyone, staged(8, 9, ((3, "usurper", 0.0),)), "earned"
    ),
    "receipts before the disk": Mutant(
        receipts_before_the_disk,
        staged(8, 5, (), _crashes(3.2, 8)),
        "although nothing damaged it",
    ),
}
