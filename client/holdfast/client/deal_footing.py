"""Readying a deal for its next head: what a crash left is finished, or outlived."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from holdfast.client.core.deal_state import DealState, Finish, Ready, Rival, next_step
from holdfast.client.core.upload_events import Proposal
from holdfast.client.core.upload_terms import (
    Footing,
)
from holdfast.client.deal_book import DealBook
from holdfast.client.network_errors import (
    DealUnwritableError,
    NetworkError,
    OtherWriterError,
)
from holdfast.protocol.deal import Deal
from holdfast.protocol.manifest import (
    HEAD,
    NO_HEAD,
    Manifest,
    ManifestChange,
    next_head,
)

_STEPS_MAX: Final = 24
_PAUSE_SECONDS: Final = 1.0
_PAUSES_MAX: Final = 10


async def footing_of(book: DealBook, deal: Deal) -> Footing:
    """Return where a deal stands, once it can take a new head from all its holders.

    Raises DealUnwritableError when a holder is away, OtherWriterError when another
    client keeps the deal busy, or DealUnreadableError.
    """
    tried: set[bytes] = set()
    pauses = 0
    before: DealState | None = None
    for _ in range(_STEPS_MAX):
        state = await book.state(deal, everybody=True)
        deal = state.deal
        away = [
            holder.vault
            for index, holder in enumerate(deal.holders)
            if index not in state.answered
        ]
        if away:
            raise DealUnwritableError(deal.id, away)
        manifest = await book.manifest(deal, state.head, sorted(state.answered))
        await _spread(book, state)
        digests = {said.head.value.digest() for said in state.pending.values()}
        step = next_step(state, manifest, can_finish=not digests & tried)
        match step:
            case Ready(footing):
                return footing
            case Finish():
                tried |= digests
                await _finish(book, state, manifest, step)
            case Rival() if before != state and pauses < _PAUSES_MAX:
                # Somebody may be at it: rivals are for what has come to rest.
                pauses += 1
                before = state
                await asyncio.sleep(_PAUSE_SECONDS)
            case Rival():
                await _rival(book, state, manifest, step)
    raise OtherWriterError(
        f"another client keeps writing to deal {deal.id.hex()[:16]}; "
        "wait until it is done and run the command again"
    )


async def _spread(book: DealBook, state: DealState) -> None:
    """Hand the newest full receipt to all holders: a crash may have kept it back."""
    if state.full is None:
        return
    full = state.full

    async def hand_over(index: int) -> None:
        with contextlib.suppress(NetworkError):
            vault = state.deal.holders[index].vault
            await book.directory.link(vault).acknowledge(full)

    lacking = state.answered - state.informed
    await asyncio.gather(*(hand_over(index) for index in sorted(lacking)))


async def _finish(
    book: DealBook, state: DealState, manifest: Manifest, step: Finish
) -> None:
    """Ask the others for the one head that is pending; they may have its shards."""
    after = await book.manifest(state.deal, step.head, [step.source])
    change = difference(manifest, after)
    base = state.head.value.digest() if state.head else NO_HEAD
    await _propose(book, state.deal, step.holders, Proposal(step.head, base, change))


async def _rival(
    book: DealBook, state: DealState, manifest: Manifest, step: Rival
) -> None:
    deal = state.deal
    head = HEAD.sign(
        next_head(deal.id, step.predecessor, manifest, state.memo),
        book.directory.network,
        book.keys.deal_pair(deal.nonce),
    )
    base = state.head.value.digest() if state.head else NO_HEAD
    proposal = Proposal(head, base, ManifestChange())
    await _propose(book, deal, (step.holder,), proposal)


async def _propose(
    book: DealBook, deal: Deal, holders: Sequence[int], proposal: Proposal
) -> None:
    async def ask(index: int) -> None:
        with contextlib.suppress(NetworkError):
            link = book.directory.link(deal.holders[index].vault)
            await link.propose(proposal)

    await asyncio.gather(*(ask(index) for index in holders))


def difference(before: Manifest, after: Manifest) -> ManifestChange:
    """Return the change that makes `after` out of `before`."""
    kept = after.positions
    removed = tuple(
        place for place, entry in enumerate(before.entries) if entry.chunk not in kept
    )
    return ManifestChange(removed, after.entries[len(before.entries) - len(removed) :])
