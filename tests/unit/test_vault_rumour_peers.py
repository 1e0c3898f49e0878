"""Who is told of a missed epoch: drawn by a hash, and cheaply."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Self, SupportsIndex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_parties import Parties
from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.units import VaultId
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.rumour_peers import FAN, RumourPeers

PARTIES = Parties(12)
PARTIES.reach(6)


class CountedRegistry(tuple[VaultId, ...]):  # noqa: SLOT001 # it has a counter
    """A registry that counts how often it is looked through."""

    looks: int

    def __new__(cls, vaults: tuple[VaultId, ...]) -> Self:
        made = super().__new__(cls, vaults)
        made.looks = 0
        return made

    def __iter__(self) -> Iterator[VaultId]:
        self.looks += 1
        return super().__iter__()

    def __contains__(self, key: object) -> bool:
        self.looks += 1
        return super().__contains__(key)

    def index(
        self,
        value: object,
        start: SupportsIndex = 0,
        stop: SupportsIndex = 2**62,
    ) -> int:
        self.looks += 1
        return super().index(value, start, stop)


class CountedLedger(LedgerState):
    """A ledger that gives one registry until it is given another."""

    def __init__(self, vaults: tuple[VaultId, ...]) -> None:
        super().__init__(PARTIES.params)
        self.given = CountedRegistry(vaults)

    def registry(self, epoch: int) -> tuple[VaultId, ...]:
        return self.given


def drawn_plainly(
    me: VaultId, registry: tuple[VaultId, ...], vault: VaultId, epoch: int
) -> list[VaultId]:
    """Return what docs/spec.md §6 says, word for word."""
    others = [other for other in registry if other not in {vault, me}]
    found: list[VaultId] = []
    for draw in range(2 * FAN if others else 0):
        seed = me + vault + epoch.to_bytes(8, "big") + bytes([draw])
        text = hashlib.sha256(b"holdfast rumour v1" + seed).digest()
        one = others[int.from_bytes(text, "big") % len(others)]
        if one not in found:
            found.append(one)
    return found[:FAN]


def at(vaults: tuple[VaultId, ...]) -> tuple[Myself, CountedLedger]:
    ledger = CountedLedger(vaults)
    return replace(PARTIES.me, ledger=ledger), ledger


@given(
    st.permutations([keys.vault_id for keys in PARTIES.keys]),
    st.integers(0, 12),
    st.integers(0, 11),
    st.integers(0, 2**40),
)
def test_the_draw_is_as_the_specification_says(
    order: list[VaultId], listed: int, accused: int, epoch: int
) -> None:
    vaults = tuple(order[:listed])
    me, _ = at(vaults)
    vault = PARTIES.keys[accused].vault_id
    expected = drawn_plainly(me.id, vaults, vault, epoch)
    assert RumourPeers(me).drawn(vault, epoch) == expected


@pytest.mark.parametrize("certificates", [1, 500])
def test_the_registry_is_looked_through_once_however_much_there_is_to_tell(
    certificates: int,
) -> None:
    vaults = tuple(keys.vault_id for keys in PARTIES.keys)
    me, ledger = at(vaults)
    peers = RumourPeers(me)
    for epoch in range(certificates):
        peers.drawn(vaults[epoch % len(vaults)], epoch)
    assert ledger.given.looks == 1


def test_a_registry_that_changed_is_drawn_from_anew() -> None:
    vaults = tuple(keys.vault_id for keys in PARTIES.keys)
    me, ledger = at(vaults[:6])
    peers = RumourPeers(me)
    peers.drawn(vaults[1], 5)
    ledger.given = CountedRegistry(vaults[::-1])
    expected = drawn_plainly(me.id, vaults[::-1], vaults[1], 5)
    assert peers.drawn(vaults[1], 5) == expected
