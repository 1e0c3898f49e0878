"""Whom a vault tells on what a majority certified: a few others, drawn by a hash.

The registry is looked through once for each of its versions, not for each draw: after
an outage there are thousands of certificates to tell on in one epoch.
"""

import hashlib
from typing import Final

from holdfast.protocol.units import VaultId
from holdfast.vault.core.myself import Myself

FAN: Final = 4


class RumourPeers:
    """Draws peers from the registry of the newest epoch."""

    def __init__(self, me: Myself) -> None:
        self._me = me
        self._registry: tuple[VaultId, ...] = ()
        self._places: dict[VaultId, int] = {}

    def drawn(self, vault: VaultId, epoch: int) -> list[VaultId]:
        """Return at most FAN vaults, without ourselves, to tell of `vault`'s epoch."""
        registry = self._me.ledger.registry(self._me.ledger.epoch)
        if registry is not self._registry:
            self._registry = registry
            self._places = {vault: place for place, vault in enumerate(registry)}
        named = {vault, self._me.id} & self._places.keys()
        left_out = sorted(self._places[one] for one in named)
        others = len(registry) - len(left_out)
        seed = self._me.id + vault + epoch.to_bytes(8, "big")
        places: dict[int, None] = {}
        for draw in range(2 * FAN if others else 0):
            text = b"holdfast rumour v1" + seed + bytes([draw])
            drawn = hashlib.sha256(text).digest()
            places.setdefault(int.from_bytes(drawn, "big") % others)
            if len(places) == FAN:
                break
        return [registry[_past(left_out, place)] for place in places]


def _past(left_out: list[int], place: int) -> int:
    """Return where the others' `place` is in the registry; `left_out` ascends."""
    for skipped in left_out:
        if place >= skipped:
            place += 1
    return place
