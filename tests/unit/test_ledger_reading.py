"""Followers read all there is, in pieces, and follow as many as a question may name."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest import mock

from holdfast.ledger import following, reading
from holdfast.ledger.core.followed import LedgerState
from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.values import Books, Changes, Head
from holdfast.protocol.units import Digest, VaultId
from ledger_rows import deal_row
from ledger_stage import DEVELOPMENT, GENESIS_SECONDS

VAULTS = [VaultId(bytes([number]) * 32) for number in range(9)]
DEALS = 40


def ledger_of(*, together: int) -> Any:
    """Return a ledger in which vault n % 9 holds deal n; some change together."""
    rows = [
        deal_row(number, number // together + 1, [VAULTS[number % 9]])
        for number in range(DEALS)
    ]
    state = MemoryState(DEVELOPMENT)
    head = Head(DEALS, GENESIS_SECONDS, 0, Digest(bytes(32)))
    state.take(Changes(head, Books(), deals=tuple(rows)))

    async def deals_held(vaults: tuple[VaultId, ...], after: int) -> Any:
        return following.deals_after(state, vaults, after)

    return SimpleNamespace(deals_held=deals_held)


def test_pieces_that_are_not_full_are_not_the_end() -> None:
    """Three deals of an entry belong together, so a piece of 7 has 6."""
    state = LedgerState(DEVELOPMENT)
    with mock.patch.object(following, "DEALS_PAGE", 7):
        follows = reading.Following(state)
        asyncio.run(follows.extend(ledger_of(together=3), VAULTS))
    assert len(state.deals()) == DEALS
    assert all(map(state.follows, VAULTS))


def test_when_too_many_are_wanted_those_of_before_are_let_go() -> None:
    state = LedgerState(DEVELOPMENT)
    ledger = ledger_of(together=1)
    follows = reading.Following(state, (VAULTS[0],))
    with mock.patch.object(reading, "VAULTS_ASKED_MAX", 4):
        for wanted in (VAULTS[1:4], VAULTS[3:6], VAULTS[:9]):
            asyncio.run(follows.extend(ledger, wanted))
            assert len(follows.vaults) <= 4
            assert VAULTS[0] in follows.vaults
            followed = [vault for vault in VAULTS if state.follows(vault)]
            assert followed == list(follows.vaults)
            if len(wanted) < 4:
                assert set(wanted) <= set(followed)
