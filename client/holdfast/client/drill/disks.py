"""The drill's own look at disks: the shards are byte for byte what they were before.

A shard has one form, so its file is the same again wherever it was rebuilt, and on
whichever vault.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from holdfast.client import wording
from holdfast.client.drill.damage import shards_of
from holdfast.protocol.deal import Deal
from holdfast.protocol.units import DealId, VaultId

Digests = Mapping[str, str]
Deals = Mapping[DealId, Deal]


def digests(vault: Path) -> Digests:
    """Return the SHA-256 of each shard's file, by its path below the shards' folder."""
    folder = vault / "shards"
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in shards_of(vault)
    }


class Disks:
    """Remembers what some vaults held, and compares it with what is there later."""

    def __init__(self, directory: Callable[[VaultId], Path]) -> None:
        self._directory = directory
        self._held: dict[VaultId, Digests] = {}

    def remember(self, vaults: Iterable[VaultId]) -> None:
        """Take down what these vaults hold now."""
        for vault in vaults:
            self._held[vault] = digests(self._directory(vault))

    def claims(
        self, damaged: Iterable[VaultId], before: Deals, after: Deals
    ) -> Iterator[tuple[str, bool]]:
        """Yield what should be true of the disks now, and whether it is.

        Damaged vaults that still hold have everything again, and each new holder has
        what the one before it had. `before` and `after` are the same deals.
        """
        holders = {h.vault for deal in after.values() for h in deal.holders}
        for vault in damaged:
            if vault in holders:
                found = digests(self._directory(vault))
                text = f"every shard of vault {vault.hex()[:12]} is as it was"
                yield text, _all_in(self._held[vault], found)
        for deal in before.values():
            now = after[deal.id].holders
            for old, new in zip(deal.holders, now, strict=True):
                if old.vault != new.vault:
                    yield self._moved(deal.id, old.vault, new.vault)

    def _moved(self, deal: DealId, old: VaultId, new: VaultId) -> tuple[str, bool]:
        held = self._held.get(old, {})
        had = {p: digest for p, digest in held.items() if p.startswith(deal.hex())}
        shards = wording.count(len(had), "shard")
        text = (
            f"vault {new.hex()[:12]} has the {shards} that {old.hex()[:12]} had, "
            "byte for byte"
        )
        return text, _all_in(had, digests(self._directory(new)))


def _all_in(had: Digests, found: Digests) -> bool:
    return bool(had) and had.items() <= found.items()
