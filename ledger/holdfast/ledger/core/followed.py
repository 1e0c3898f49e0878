"""What a follower knows of the ledger: look-ups over the rows it was brought.

Everything here is a function of the ledger's own order, so two vaults that have
followed it equally far give equal answers.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from holdfast.ledger.core.account_certificates import is_signed_by
from holdfast.ledger.core.membership import registry_at
from holdfast.ledger.core.values import Beacon, Listing, RegisteredVault
from holdfast.protocol import placement
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.settlement import Certificate
from holdfast.protocol.units import AccountId, DealId, Digest, NetworkId, VaultId

BEACONS_MAX: Final = 4096
GROUPS_MAX: Final = 8192
WISHES_MAX: Final = 4096
_NOWHERE: Final = -1


@frozen
class LedgerNews:
    """Rows that changed on the ledger up to `sequence`, when it was in `epoch`."""

    sequence: int
    epoch: int
    beacons: tuple[Beacon, ...] = ()
    vaults: tuple[RegisteredVault, ...] = ()
    deals: tuple[Deal, ...] = ()
    settlement: Certificate | None = None


class LedgerState:
    """The registry, the beacons, the deals of followed vaults, the settlement.

    `settled_period` is the newest settled period, −1 before the first.

    Where `accounts_certify`, certificates are signatures of accounts, not of BLS.
    """

    def __init__(
        self, params: NetworkParams, *, accounts_certify: bool = False
    ) -> None:
        self.params = params
        self.accounts_certify = accounts_certify
        self.sequence = _NOWHERE
        self.epoch = _NOWHERE
        self.settlement: Certificate | None = None
        self.settled_period = _NOWHERE
        self._beacons: dict[int, Digest] = {}
        self._rows: dict[VaultId, RegisteredVault] = {}
        self._identities: dict[VaultId, bytes] = {}
        self._deals: dict[DealId, Deal] = {}
        self._deal_keys: dict[DealId, bytes] = {}
        self._held: dict[VaultId, list[DealId]] = {}
        self._holding: dict[VaultId, tuple[Deal, ...]] = {}
        self._followed: set[VaultId] = set()
        self.wished: set[VaultId] = set()
        self._registries: dict[int, tuple[VaultId, ...]] = {}
        self._committees: dict[int, tuple[VaultId, ...]] = {}
        self._groups: dict[tuple[VaultId, int], tuple[VaultId, ...]] = {}
        self._drawn: dict[tuple[VaultId, int, bool], tuple[VaultId, ...]] = {}

    @property
    def network_id(self) -> NetworkId:
        """The network's id."""
        return self.params.network_id

    def absorb(self, news: LedgerNews) -> None:
        """Take in changed rows; repeats do no harm."""
        self.sequence = max(self.sequence, news.sequence)
        self.epoch = max(self.epoch, news.epoch)
        for beacon in news.beacons:
            self._beacons[beacon.epoch] = beacon.value
        while len(self._beacons) > BEACONS_MAX:
            del self._beacons[min(self._beacons)]
        for row in news.vaults:
            self._take_vault(row)
        for deal in news.deals:
            self._take_deal(deal)
        if news.settlement and news.settlement.statement.period > self.settled_period:
            self.settlement = news.settlement
            self.settled_period = news.settlement.statement.period

    def beacons(self, first: int) -> dict[int, Digest]:
        """Return the beacons known from epoch `first` on."""
        return {e: self._beacons[e] for e in sorted(self._beacons) if e >= first}

    def beacon(self, epoch: int) -> Digest | None:
        """Return an epoch's beacon, if it has one and it is known."""
        return self._beacons.get(epoch)

    def newest_beacon(self) -> int:
        """Return the newest epoch whose beacon is known, or −1."""
        return max(self._beacons, default=_NOWHERE)

    def row(self, vault: VaultId) -> RegisteredVault | None:
        """Return a vault's row of the registry."""
        return self._rows.get(vault)

    def is_active(self, vault: VaultId) -> bool:
        """Return whether a vault is listed and neither leaving nor thrown out."""
        row = self._rows.get(vault)
        return row is not None and row.listing is Listing.ACTIVE

    def vaults(self) -> tuple[VaultId, ...]:
        """Return every vault ever registered."""
        return tuple(self._rows)

    def numbered(self) -> tuple[VaultId, ...]:
        """Return every vault ever registered, in order of registration."""
        rows = sorted(self._rows.values(), key=lambda row: row.number)
        return tuple(row.vault for row in rows)

    def certifying_accounts(self) -> tuple[AccountId, ...]:
        """Return the vaults' accounts, as numbered; none where BLS keys certify."""
        vaults = self.numbered() if self.accounts_certify else ()
        return tuple(self._rows[vault].account for vault in vaults)

    def is_certified(self, certificate: Certificate) -> bool:
        """Tell whether the members that a settlement names as signers signed it."""
        members = self.committee(certificate.statement.period + 1)
        ranks = certificate.ranks()
        if any(rank >= len(members) for rank in ranks):
            return False
        return is_signed_by(
            self.params,
            [self._rows[members[rank]] for rank in ranks],
            certificate,
            accounts_certify=self.accounts_certify,
        )

    def identities(self) -> Mapping[VaultId, bytes]:
        """Return the Ed25519 key of every vault ever registered."""
        return self._identities

    def registry(self, epoch: int) -> tuple[VaultId, ...]:
        """Return Registry(epoch) in order of registration."""
        known = self._registries.get(epoch)
        if known is None:
            rows = registry_at(self._rows.values(), epoch)
            known = tuple(row.vault for row in rows)
            if len(self._registries) > 256:
                self._registries.clear()
            self._registries[epoch] = known
        return known

    def period_beacon(self, period: int, before: int) -> Digest | None:
        """Return the beacon that draws for a period, seen from epoch `before`.

        It is that of the period's first epoch before `before` that is not void.
        """
        first = self.params.first_epoch(period)
        end = min(before, first + self.params.period_epochs)
        for epoch in range(first, end):
            if (value := self._beacons.get(epoch)) is not None:
                return value
        return None

    def group(self, vault: VaultId, epoch: int) -> tuple[VaultId, ...]:
        """Return who acknowledges and votes for `vault` in `epoch`.

        Empty while the ledger was not followed into epoch − 1, which fixes it.
        """
        key = (vault, epoch)
        if (known := self._groups.get(key)) is not None:
            return known
        if self.epoch < epoch - 1 or epoch < 1:
            return ()
        drawn = self.period_beacon(self.params.period_of(epoch - 1), epoch)
        registry = self.registry(epoch)
        if drawn is None or not self.is_audited(vault, epoch):
            return ()
        group = placement.neighbours(registry, vault, drawn, self.params.group_size)
        if len(self._groups) > GROUPS_MAX:
            self._groups.clear()
        self._groups[key] = group
        return group

    def watched_by(self, vault: VaultId, epoch: int) -> tuple[VaultId, ...]:
        """Return the vaults that `vault` watches in `epoch`: it is in their group."""
        if self.epoch < epoch - 1 or epoch < 1:
            return ()
        drawn = self.period_beacon(self.params.period_of(epoch - 1), epoch)
        if drawn is None:
            return ()
        registry = self.registry(epoch)
        draining = (
            row.vault
            for row in self._rows.values()
            if row.listing is Listing.UNBONDING and self.is_audited(row.vault, epoch)
        )
        audited = dict.fromkeys((*registry, *draining))
        size = self.params.group_size
        return placement.monitored(registry, audited, vault, drawn, size)

    def stand_ins(
        self, vault: VaultId, epoch: int, *, for_answer: bool
    ) -> tuple[VaultId, ...]:
        """Return the members of the committee that stand in for the group.

        They are drawn by the beacon of `epoch` for an answer, by that of the epoch
        before for a checkpoint. Empty while that beacon or the committee is not known.
        """
        key = (vault, epoch, for_answer)
        if (known := self._drawn.get(key)) is not None:
            return known
        drawn = self.beacon(epoch if for_answer else epoch - 1)
        members = self.committee(self.params.period_of(max(epoch - 1, 0)))
        if drawn is None or not members or not self.group(vault, epoch):
            return ()
        found = placement.stand_ins(members, vault, drawn)
        if len(self._drawn) > GROUPS_MAX:
            self._drawn.clear()
        self._drawn[key] = found
        return found

    def is_audited(self, vault: VaultId, epoch: int) -> bool:
        """Return whether a vault is audited in `epoch`: in the registry, or draining.

        Who unbonds goes on proving, and is paid, until its last deal has ended.
        """
        row = self._rows.get(vault)
        draining = row is not None and row.listing is Listing.UNBONDING
        joined = row is not None and row.joined_epoch <= epoch - 2
        return (draining and joined) or vault in self.registry(epoch)

    def committee(self, period: int) -> tuple[VaultId, ...]:
        """Return the period's committee by rank; empty before it is drawn."""
        if (known := self._committees.get(period)) is not None:
            return known
        first = self.params.first_epoch(period)
        drawn = self._beacons.get(first)
        if self.epoch < first or drawn is None:
            return ()
        registry = self.registry(first)
        known = placement.committee(registry, drawn, self.params.committee_size)
        if len(self._committees) > 64:
            self._committees.clear()
        self._committees[period] = known
        return known

    def deal(self, deal: DealId) -> Deal | None:
        """Return a deal if it is mirrored."""
        return self._deals.get(deal)

    def unmirrored(self, deals: Iterable[DealId]) -> set[DealId]:
        """Return those of `deals` that are not mirrored."""
        return set(deals).difference(self._deals)

    def deal_key(self, deal: DealId) -> bytes | None:
        """Return the key that signs a deal's heads, if it is known."""
        known = self._deals.get(deal)
        return known.deal_key if known else self._deal_keys.get(deal)

    def know_keys(self, keys: Mapping[DealId, bytes]) -> None:
        """Take deals' keys without the deals, as an extract of the ledger has them."""
        self._deal_keys.update(keys)

    def deals_held(self, vault: VaultId) -> tuple[Deal, ...]:
        """Return the mirrored deals that name `vault` as a holder, by id."""
        known = self._holding.get(vault)
        if known is None and (held := self._held.get(vault)):
            held.sort()  # quick, as all but the newest are in order
            known = tuple(map(self._deals.__getitem__, held))
            self._holding[vault] = known
        return known or ()

    def follows(self, vault: VaultId) -> bool:
        """Return whether all deals of a vault are mirrored; if not, wish for them."""
        if vault in self._followed:
            return True
        if len(self.wished) < WISHES_MAX:
            self.wished.add(vault)
        return False

    def followed(self, vaults: Iterable[VaultId]) -> None:
        """Note that all deals of these vaults are mirrored from now on."""
        self._followed.update(vaults)
        self.wished -= self._followed

    def forget_followed(self) -> None:
        """Note that no vault's deals are kept current any more."""
        self._followed.clear()

    def deals(self) -> tuple[Deal, ...]:
        """Return every mirrored deal."""
        return tuple(self._deals.values())

    def _take_vault(self, row: RegisteredVault) -> None:
        before = self._rows.get(row.vault)
        self._rows[row.vault] = row
        self._identities[row.vault] = row.identity_key
        if before is None or _membership(before) != _membership(row):
            self._registries.clear()
            self._groups.clear()
            self._committees.clear()
            self._drawn.clear()

    def _take_deal(self, deal: Deal) -> None:
        before = self._deals.get(deal.id)
        held_before = {h.vault for h in before.holders} if before else set()
        held_now = {holder.vault for holder in deal.holders}
        self._deals[deal.id] = deal
        for vault in held_before - held_now:
            self._held[vault].remove(deal.id)
        for vault in held_now - held_before:
            self._held.setdefault(vault, []).append(deal.id)
        for vault in held_before | held_now:
            self._holding.pop(vault, None)


def _membership(row: RegisteredVault) -> tuple[object, ...]:
    """Return what of a row says when its vault belongs to what; the rest is money."""
    return row.number, row.listing, row.joined_epoch, row.left_epoch
