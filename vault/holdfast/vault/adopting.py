"""Adopting an acknowledged head that was never proposed here, journal first.

All its shards are missing at first, and are rebuilt one by one, so a vault that is
killed anywhere goes on where it was. It signs when the last one is durable.
"""

from dataclasses import replace
from typing import TypeVar

from holdfast.protocol.deal import Deal
from holdfast.protocol.manifest import Manifest
from holdfast.protocol.receipt import RECEIPT, FullReceipt, Receipt, SignedReceipt
from holdfast.protocol.units import VaultId
from holdfast.vault.core.deal_state import DealState
from holdfast.vault.core.holding_events import (
    AdoptedSigned,
    Countersigned,
    HeadAdopted,
    ReceiptRenewed,
)
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.manifests import spans_in

T = TypeVar("T")


class Adopting:
    """Journals adopted heads, and receipts for them."""

    def __init__(self, driver: HoldingsDriver) -> None:
        self._driver = driver

    async def adopt(
        self, deal: Deal, index: int, full: FullReceipt, manifest: Manifest
    ) -> None:
        """Take over a verified full head; one that is not newer changes nothing."""
        driver, digest = self._driver, full.head.value.digest()
        async with driver.lock(deal.id):
            holding = driver.holdings.taking(deal, index)
            if holding.full and _sequence(full) <= _sequence(holding.full):
                return
            if digest in holding.pending:
                await driver.acknowledge(holding, full, digest)
                return
            store = driver.store
            before = Manifest(deal.k, deal.n)
            if holding.full:
                before = await store.manifests.of(deal.id, holding.full_digest)
            one = Countersigned(full.head, digest, full.receipts[index])
            added = await store.workers.journal(
                store.journal.adopt, holding, one, full, before, manifest
            )
            store.manifests.keep(deal.id, digest, manifest)
            lost = spans_in(manifest, (*holding.missing, *added))
            effects = holding.receive(HeadAdopted(one, full, added, lost))
            await driver.carry_out(holding, effects)

    async def receipt(self, holding: DealState, epoch: int) -> SignedReceipt:
        """Return our receipt of the newest full head, all of whose shards are here."""
        driver, holder = self._driver, self._driver.holder
        async with driver.lock(holding.deal):
            assert holding.full, "nothing was acknowledged"
            known = holding.trunk[holding.full_digest]
            if known.receipt.value.vault == holder.vault:
                return known.receipt
            head, digest = known.head.value, known.digest
            said = Receipt(
                holding.deal, head.sequence, digest, holding.index, holder.vault, epoch
            )
            signed = RECEIPT.sign(said, holder.params.network_id, holder.identity)
            store = driver.store
            await store.workers.journal(
                store.journal.sign_adopted, holding.deal, digest, signed
            )
            holding.receive(AdoptedSigned(digest, signed))
            return signed

    async def renew(self, holding: DealState, full: FullReceipt) -> None:
        """Keep a full receipt for the same head that has the present holders'.

        The caller holds the deal's lock.
        """
        if full.head.value.digest() == holding.full_digest:
            store = self._driver.store
            await store.workers.journal(store.journal.renew, holding.deal, full)
            holding.receive(ReceiptRenewed(full))


def with_receipt_of(
    holding: DealState, vault: VaultId, identity: bytes
) -> FullReceipt | None:
    """Return the full receipt with this holder's own, if it has its predecessor's."""
    full = holding.full
    known = holding.trunk.get(holding.full_digest)
    if full is None or known is None or known.receipt.value.vault != vault:
        return None
    if full.receipts[holding.index].value.vault == vault:
        return None
    return replace(
        full,
        receipts=_put(full.receipts, holding.index, known.receipt),
        identities=_put(full.identities, holding.index, identity),
    )


def receipts_of_holders(full: FullReceipt, deal: Deal) -> int:
    """Return how many receipts are of vaults that hold the deal now."""
    pairs = zip(full.receipts, deal.holders, strict=False)
    return sum(receipt.value.vault == holder.vault for receipt, holder in pairs)


def _put(items: tuple[T, ...], place: int, item: T) -> tuple[T, ...]:
    return (*items[:place], item, *items[place + 1 :])


def _sequence(full: FullReceipt) -> int:
    return full.head.value.sequence
