"""The demo's audits: who proved what, who was paid for it, and who paid."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.client import wording
from holdfast.client.demo.page import Page
from holdfast.client.local_health import NetworkStatus, VaultStatus
from holdfast.client.local_network import LocalNetwork
from holdfast.client.session_values import DealStatus
from holdfast.protocol import pricing
from holdfast.protocol.units import Grains

_PATIENCE_EPOCHS: Final = 20
_PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.5
_PROOFS: Final = 3

Prices = Mapping[str, Grains]
"""What each holder is paid per GiB and epoch, by its id in hexadecimal."""


async def watch_audits(
    network: LocalNetwork, deals: Sequence[DealStatus], page: Page
) -> None:
    """Wait until every holder has proved and was paid, and show the figures."""
    page.step("Audits, and what they are worth")
    page.say(
        "In each epoch chance picks bytes of every vault, which must show them to its "
        "neighbours, who certify it. Only what is proved is paid, once in a period of "
        "some epochs. Waiting until every holder was paid …"
    )
    prices = {
        holder.vault.hex(): holder.price
        for status in deals
        for holder in status.deal.holders
    }
    status = await _paid_status(network, prices)
    holding = _holding(status, prices)
    page.table(
        ("vault", ">pieces", ">bytes", ">epochs proved", ">paid", ">earned"),
        [_row(vault, _due(vault, prices)) for vault in holding],
    )
    _claim(status, prices, page)


def _claim(status: NetworkStatus, prices: Prices, page: Page) -> None:
    holding = _holding(status, prices)
    idle = [vault for vault in status.vaults if vault not in holding]
    worth = any(_due(vault, prices) for vault in holding)
    earned = sum(vault.earned or 0 for vault in status.vaults)
    spent = status.ledger.spent or 0
    page.claim(
        f"all {len(holding)} vaults that hold pieces proved them, and were paid for it"
        if worth
        else f"all {len(holding)} vaults that hold pieces proved them; they are so few "
        "that they earn less than the smallest coin",
        all(
            vault.certified_epochs and (vault.earned or not _due(vault, prices))
            for vault in holding
        ),
    )
    page.claim(
        f"the {len(idle)} others hold nothing of it, and earned nothing",
        not any(vault.earned or vault.held_bytes for vault in idle),
    )
    page.claim(
        f"the uploader was charged {wording.hold(spent)}, exactly what they earned",
        spent == earned and bool(spent) == worth,
    )
    page.figure("earned_grains", earned)
    page.figure("spent_grains", spent)


async def _paid_status(network: LocalNetwork, prices: Prices) -> NetworkStatus:
    """Return the first status in which every holder was paid, or the last in time."""
    status = await network.status()
    patience = max(_PATIENCE_SECONDS, _PATIENCE_EPOCHS * status.epoch_seconds)
    deadline = time.monotonic() + patience
    wanted = _proofs(status, prices) + _PROOFS
    while time.monotonic() < deadline:
        holding = _holding(status, prices)
        paid = all(vault.earned or not _due(vault, prices) for vault in holding)
        # A settlement made while the vaults are asked would be seen by some only.
        earned = sum(vault.earned or 0 for vault in status.vaults)
        balanced = earned == (status.ledger.spent or 0)
        if paid and balanced and _proofs(status, prices) >= wanted:
            break
        await asyncio.sleep(_LOOK_SECONDS)
        status = await network.status()
    return status


def _holding(status: NetworkStatus, prices: Prices) -> list[VaultStatus]:
    return [vault for vault in status.vaults if vault.vault.vault in prices]


def _proofs(status: NetworkStatus, prices: Prices) -> int:
    """Return how many epochs the slowest holder has proved."""
    holding = _holding(status, prices)
    return min((vault.certified_epochs or 0 for vault in holding), default=0)


def _due(vault: VaultStatus, prices: Prices) -> Grains:
    """Return what an epoch of what the vault holds is worth."""
    return pricing.earned(vault.held_bytes or 0, prices[vault.vault.vault])


def _row(vault: VaultStatus, due: Grains) -> tuple[object, ...]:
    epochs = (vault.earned or 0) // due if due else 0
    return (
        vault.vault.vault[:12],
        f"{vault.shards or 0:,}",
        wording.size(vault.held_bytes or 0),
        vault.certified_epochs or 0,
        wording.count(epochs, "epoch"),
        wording.hold(vault.earned or 0),
    )
