"""Whom a vault watches is whose neighbours it is among: the same, the other way."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from audit_parties import Parties
from holdfast.protocol.placement import monitored, neighbours, stand_ins
from holdfast.protocol.units import Digest, VaultId


def vaults(count: int) -> list[VaultId]:
    drawn = (hashlib.sha256(bytes([number])).digest() for number in range(count))
    return [VaultId(value) for value in drawn]


@given(st.integers(1, 60), st.integers(1, 9), st.binary(min_size=32, max_size=32))
def test_watching_is_the_inverse_of_being_watched(
    count: int, size: int, beacon: bytes
) -> None:
    everybody, drawn = vaults(count), Digest(beacon)
    stranger = VaultId(b"\7" * 32)
    for vault in (everybody[0], everybody[-1], stranger):
        expected = tuple(
            other
            for other in everybody
            if vault in neighbours(everybody, other, drawn, size)
        )
        assert monitored(everybody, everybody, vault, drawn, size) == expected


def test_a_vault_watches_exactly_those_in_whose_group_it_is() -> None:
    parties = Parties(12)
    parties.reach(9)
    for vault in parties.by_id:
        watched = set(parties.ledger.watched_by(vault, 9))
        groups = {v for v in parties.by_id if vault in parties.ledger.group(v, 9)}
        assert watched == groups


@given(st.integers(1, 60), st.binary(min_size=32, max_size=32))
def test_stand_ins_are_sixteen_others_drawn_anew_for_each_vault(
    count: int, beacon: bytes
) -> None:
    members, drawn = vaults(count), Digest(beacon)
    chosen = stand_ins(members, members[0], drawn)
    assert members[0] not in chosen
    assert len(set(chosen)) == len(chosen) == min(16, count - 1)
