"""The drill's timeline: what changed on the ledger and at the vaults, and when.

It only asks, as any stranger could: the ledger for its registry and deals, and
every vault how it stands.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.client import wording
from holdfast.client.local_health import NetworkStatus
from holdfast.client.local_network import LocalNetwork
from holdfast.ledger.port import Ledger, Listing, RegisteredVault
from holdfast.ledger.reading import whole_registry
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import DealId, VaultId


@frozen
class Moment:
    """How everything stood at one look; `status` is what the vaults say themselves."""

    epoch: int
    rows: Mapping[VaultId, RegisteredVault]
    deals: Mapping[DealId, Deal]
    status: NetworkStatus

    @property
    def holders(self) -> frozenset[VaultId]:
        """The holders of all the deals that are looked at."""
        deals = self.deals.values()
        return frozenset(h.vault for deal in deals for h in deal.holders)

    def listing(self, vault: VaultId) -> Listing:
        """Return where a vault stands in the registry."""
        return self.rows[vault].listing

    def missing(self, vault: VaultId) -> int | None:
        """Return how many shards a vault says it lacks; None while it is silent."""
        for one in self.status.vaults:
            if one.vault.vault == vault.hex():
                return one.missing_shards
        return None

    def earned(self, vault: VaultId) -> int:
        """Return what a vault that serves says it has earned."""
        for one in self.status.vaults:
            if one.vault.vault == vault.hex():
                return one.earned or 0
        return 0


@frozen
class Happening:
    """One line of the timeline."""

    seconds: float
    epoch: int
    text: str


async def look(
    network: LocalNetwork, ledger: Ledger, deals: Sequence[DealId]
) -> Moment:
    """Ask the ledger and every vault once; raises LedgerError."""
    tip = await ledger.tip()
    rows = await whole_registry(ledger)
    found = await ledger.deals(tuple(deals))
    return Moment(
        tip.epoch,
        {row.vault: row for row in rows},
        {deal.id: deal for deal in found},
        await network.status(),
    )


@dataclass(slots=True)
class Timeline:
    """Compares each look with the one before, and remembers what happened."""

    began: float = field(default_factory=time.monotonic)
    happenings: list[Happening] = field(default_factory=list)
    _before: Moment | None = None
    _standings: dict[str, str] = field(default_factory=dict)

    def note(self, epoch: int, text: str) -> Happening:
        """Add a line of our own."""
        happening = Happening(time.monotonic() - self.began, epoch, text)
        self.happenings.append(happening)
        return happening

    def take(self, moment: Moment) -> list[Happening]:
        """Return what happened since the look before."""
        before, self._before = self._before, moment
        if before is None:
            self._standings = dict(_standings(moment))
            return []
        lines = [
            *_listed(before, moment),
            *_replaced(before, moment),
            *_healing(before, moment),
            *self._stood(moment),
        ]
        return [self.note(moment.epoch, line) for line in lines]

    def _stood(self, moment: Moment) -> Iterator[str]:
        for vault, standing in _standings(moment):
            if self._standings.get(vault) != standing:
                yield f"vault {vault[:12]} now says it is {standing}"
        self._standings |= dict(_standings(moment))


def _standings(moment: Moment) -> Iterator[tuple[str, str]]:
    for one in moment.status.vaults:
        if one.standing:
            yield one.vault.vault, one.standing


def _listed(before: Moment, after: Moment) -> Iterator[str]:
    for vault, row in after.rows.items():
        was = before.rows.get(vault)
        if was and was.listing is not row.listing:
            lost = was.stake - row.stake
            cost = f"; {wording.hold(lost)} of its stake are slashed" if lost else ""
            yield f"vault {vault.hex()[:12]} is {row.listing.name.lower()}{cost}"


def _replaced(before: Moment, after: Moment) -> Iterator[str]:
    for deal in after.deals.values():
        was = before.deals.get(deal.id)
        if was is None:
            continue
        for index, (old, new) in enumerate(zip(was.holders, deal.holders, strict=True)):
            if old.vault != new.vault:
                yield (
                    f"deal {deal.id.hex()[:12]}: vault {new.vault.hex()[:12]} has "
                    f"rebuilt the shards of {old.vault.hex()[:12]} and takes its "
                    f"place {index}"
                )


def _healing(before: Moment, after: Moment) -> Iterator[str]:
    for vault in after.rows:
        was, lacks = before.missing(vault), after.missing(vault)
        if was is None or lacks is None or was == lacks:
            continue
        shards = wording.count(max(lacks, was), "shard")
        named, holds = f"vault {vault.hex()[:12]}", vault in after.holders
        if lacks > was and holds:
            yield f"{named} finds that it lacks {shards}"
        elif lacks > was:
            yield f"{named} may take over an open place, and rebuilds its {shards}"
        elif not lacks and holds:
            yield f"{named} has rebuilt all that it lacked"
        elif not lacks:
            yield f"{named} has rebuilt them, and asks for the place"


class NeverSettledError(HoldfastError):
    """The network did not come to rest in time."""
