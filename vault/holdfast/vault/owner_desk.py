"""Where owners hand in heads and full receipts, and ask what is held of a deal."""

import asyncio
from collections.abc import Sequence
from typing import Final

from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.manifest import (
    HEAD,
    NO_HEAD,
    Manifest,
    ManifestChange,
    ManifestEntry,
    SignedHead,
)
from holdfast.protocol.receipt import FullReceipt, SignedReceipt, check_full_receipt
from holdfast.protocol.units import Digest
from holdfast.vault.adopting import Adopting, receipts_of_holders
from holdfast.vault.authority import Authority
from holdfast.vault.core.conflict import Conflict, check_conflict
from holdfast.vault.core.deal_holding import DealHolding
from holdfast.vault.core.holding_events import (
    AskShards,
    CheckManifest,
    Countersign,
    Effect,
    FullReceiptShown,
    GiveReceipt,
    HeadProposed,
    KeepFullReceipt,
    ManifestChecked,
    Refuse,
    RenewFullReceipt,
    ShowNewer,
)
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.ports import LedgerView
from holdfast.vault.workers import to_the_end

RECEIPTS_AT_ONCE: Final = 64  # each takes some 60 µs to verify

Countersigning = GiveReceipt | ShowNewer | AskShards
Grown = tuple[Manifest, tuple[ManifestEntry, ...]]


class OwnerDesk:
    """Judges what owners show, by the machines' rules; refuses with ProtocolError."""

    def __init__(
        self, driver: HoldingsDriver, authority: Authority, ledger: LedgerView
    ) -> None:
        self._driver = driver
        self._authority = authority
        self._ledger = ledger
        self._adopting = Adopting(driver)
        self._network = driver.holder.params.network_id

    async def propose(
        self,
        head: SignedHead,
        base: Digest,
        change: ManifestChange,
        shown: tuple[tuple[SignedHead, SignedReceipt], ...] = (),
    ) -> Countersigning:
        """Countersign a head, or say what is in the way."""
        deal = await self._authority.writable(head.value.deal)
        HEAD.verify(head, self._network, deal.deal_key)
        identities = self._ledger.identities() if shown else {}
        conflict = check_conflict(shown, deal, self._network, identities)
        deal = await self._authority.with_capacity(deal, head.value.held_bytes)
        return await to_the_end(self._propose(deal, head, base, change, conflict))

    async def acknowledge(self, full: FullReceipt) -> None:
        """Store a full receipt, or raise; what is known already is fine."""
        deal = await self._authority.deal(full.head.value.deal)
        identities = self._ledger.identities()
        checked = (full, deal, self._network, identities)
        if deal.n > RECEIPTS_AT_ONCE:
            await asyncio.to_thread(check_full_receipt, *checked)
        else:
            check_full_receipt(*checked)
        await to_the_end(self._acknowledge(deal, full))

    def state(self, deal: Deal) -> DealHolding:
        """Return what is held of a deal, to be read only."""
        return self._driver.holdings.of(deal)

    async def manifest(self, deal: Deal, digest: Digest) -> Manifest:
        """Return the manifest of a head that is retained here."""
        return await self._manifest(self._driver.holdings.of(deal), digest)

    async def _propose(
        self,
        deal: Deal,
        head: SignedHead,
        base: Digest,
        change: ManifestChange,
        conflict: Conflict,
    ) -> Countersigning:
        digest = head.value.digest()
        async with self._driver.lock(deal.id):
            holding = self._driver.holdings.of(deal)
            offered = HeadProposed(head, digest, conflict.digests, conflict.sequence)
            match only(holding.receive(offered)):
                case CheckManifest():
                    pass
                case GiveReceipt() | ShowNewer() as answer:
                    return answer
            before = await self._manifest(holding, base)
            workers, queries = self._driver.store.workers, self._driver.store.queries
            manifest, added = await workers.shards(grow, before, change)
            names = [entry.chunk for entry in added]
            durable = await workers.journal(queries.lengths, deal.id, names)
            checked = ManifestChecked(
                head,
                manifest.root,
                len(manifest.entries),
                manifest.held_bytes,
                deal.capacity,
                added,
                durable,
            )
            match only(holding.receive(checked)):
                case Countersign(settle):
                    pass
                case effect:
                    assert isinstance(effect, AskShards)
                    return effect
            receipt = await self._driver.countersign(
                holding,
                head,
                digest,
                base,
                change,
                manifest,
                settle,
                self._authority.epoch(),
            )
            return GiveReceipt(receipt)

    async def _acknowledge(self, deal: Deal, full: FullReceipt) -> None:
        head = full.head.value
        digest = head.digest()
        async with self._driver.lock(deal.id):
            holding = self._driver.holdings.of(deal)
            renewed = _is_renewed(holding, full, deal)
            shown = FullReceiptShown(digest, head.sequence, renewed)
            for effect in holding.receive(shown):
                match effect:
                    case KeepFullReceipt():
                        await self._driver.acknowledge(holding, full, digest)
                    case RenewFullReceipt():
                        await self._adopting.renew(holding, full)
                    case _:
                        only([effect])

    async def _manifest(self, holding: DealHolding, digest: Digest) -> Manifest:
        if digest == NO_HEAD:
            return Manifest(holding.k, holding.n)
        if holding.head(digest) is None:
            text = "this holder does not know that head; name one that it has"
            raise RefusedError(Refusal.UNTIMELY, text)
        return await self._driver.store.manifests.of(holding.deal, digest)


def _is_renewed(holding: DealHolding, full: FullReceipt, deal: Deal) -> bool:
    """Tell whether more receipts are of the present holders than in the one kept."""
    before = receipts_of_holders(holding.full, deal) if holding.full else deal.n
    return receipts_of_holders(full, deal) > before


def only(effects: Sequence[Effect]) -> Effect:
    """Return the one effect of a question, or raise its refusal."""
    (effect,) = effects
    if isinstance(effect, Refuse):
        raise RefusedError(effect.kind, effect.reason)
    return effect


def grow(before: Manifest, change: ManifestChange) -> Grown:
    """Return the changed manifest, its tree made, and the entries new in it.

    Raises ProtocolError on a change that makes no manifest.
    """
    try:
        after = before.changed(change)
        _ = after.tree, after.positions
    except ValueError as error:
        text = "an entry has a length that no chunk has"
        raise RefusedError(Refusal.INVALID, text) from error
    except ProtocolError as error:
        raise RefusedError(Refusal.INVALID, str(error)) from error
    if not change.removed:
        return after, change.added
    known = set(before.entries)
    return after, tuple(entry for entry in change.added if entry not in known)
