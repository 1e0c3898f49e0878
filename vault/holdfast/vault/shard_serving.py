"""The Fetch stream: shards and ranges of them, verified before they leave.

A read grant opens everything of a deal; a sibling's request opens only whole
shards that its acknowledged checkpoint declares missing, and a candidate's request
for an open slot whole shards alone.
"""

import asyncio
from collections.abc import Iterator
from typing import Final

from holdfast.protocol import merkle
from holdfast.protocol.checkpoint import Entry
from holdfast.protocol.deal import Deal, Purpose
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import Manifest
from holdfast.protocol.repair import SIBLING_REQUEST, SignedSiblingRequest
from holdfast.protocol.takeover import TAKEOVER_REQUEST, SignedTakeoverRequest
from holdfast.protocol.units import FRAME_BYTES_MAX, KIB, DealId
from holdfast.vault.authority import Authority
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.frame_stream import FrameStream
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.manifests import span_at
from holdfast.vault.ports import SiblingCheck
from holdfast.vault.shard_files import ShardDamagedError, ShardFiles, StoredShard
from holdfast.vault.stream_limits import StreamLimit
from holdfast.vault.workers import to_the_end
from holdfast.wire import frames

AHEAD_MAX: Final = 3
STREAMS_PER_DEAL: Final = 32
STREAMS_MAX: Final = 256
START_BYTES: Final = 16 * KIB
"""A stream's first frame is short, so that the reader soon sees that it moves."""


@frozen
class Leave:
    """What a stream may fetch: a deal, or of it only what a sibling's entry lacks.

    `whole` opens whole shards only. Without a manifest of the sibling's head,
    nothing of it can be placed.
    """

    deal: Deal
    index: int
    lacking: Entry | None = None
    manifest: Manifest | None = None
    whole: bool = False

    def opens(self, want: frames.Want) -> bool:
        """Tell whether this wanted shard may leave; raises RefusedError on a range."""
        if self.whole and (want.first or want.end != frames.TO_THE_END):
            raise RefusedError(Refusal.DENIED, "a vault fetches whole shards only")
        if self.lacking is None:
            return True
        if self.manifest is None:
            return False
        place = self.manifest.positions.get(want.chunk)
        if place is None or not self.lacking.lacks(*span_at(self.manifest, place)):
            text = "the sibling's checkpoint does not declare that shard missing"
            raise RefusedError(Refusal.DENIED, text)
        return True


class ShardServing:
    """Serves Fetch streams; refuses with ProtocolError."""

    def __init__(
        self, driver: HoldingsDriver, authority: Authority, siblings: SiblingCheck
    ) -> None:
        self._driver = driver
        self._authority = authority
        self._siblings = siblings
        self._limit = StreamLimit(STREAMS_PER_DEAL, STREAMS_MAX)

    async def serve(self, stream: FrameStream) -> None:
        """Answer each wanted range in order, until the caller wants no more."""
        leave = await self._leave(await stream.opening())
        with self._limit.one(leave.deal.id):
            ahead: asyncio.Queue[asyncio.Task[list[bytes]] | None]
            ahead = asyncio.Queue(AHEAD_MAX)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(ahead, stream))
                start_bytes = START_BYTES
                while (frame := await stream.read()) is not None:
                    want = frames.read_want(frame)
                    loading = self._load(leave, want, start_bytes)
                    await ahead.put(group.create_task(loading))
                    start_bytes = FRAME_BYTES_MAX
                await ahead.put(None)

    async def _leave(self, opening: frames.Opening) -> Leave:
        if opening.authority is frames.Authority.GRANT:
            deal = await self._authority.granted(opening.evidence, {Purpose.READ})
            return Leave(deal, self._driver.holdings.of(deal).index)
        if opening.authority is frames.Authority.TAKEOVER:
            return self._leave_to_candidate(TAKEOVER_REQUEST.decode(opening.evidence))
        return await self._leave_to_sibling(SIBLING_REQUEST.decode(opening.evidence))

    def _leave_to_candidate(self, request: SignedTakeoverRequest) -> Leave:
        leave = self._siblings.check_takeover(request)
        if not leave.shards:
            text = "a holder asks for the shards that its checkpoint declares missing"
            raise RefusedError(Refusal.DENIED, text)
        index = self._driver.holdings.of(leave.deal).index
        return Leave(leave.deal, index, whole=True)

    async def _leave_to_sibling(self, request: SignedSiblingRequest) -> Leave:
        deal = await self._authority.deal(request.value.entry.entry.deal)
        entry = self._siblings.check_sibling(request)
        asker = request.value.standing.checkpoint.value.vault
        if entry.deal != deal.id or deal.index_of(asker) != entry.index:
            text = "only a holder of the deal may fetch its siblings' shards"
            raise RefusedError(Refusal.DENIED, text)
        holding = self._driver.holdings.of(deal)
        manifest = None
        if holding.head(entry.head):
            manifest = await self._driver.store.manifests.of(deal.id, entry.head)
        return Leave(deal, holding.index, entry, manifest, whole=True)

    async def _load(
        self, leave: Leave, want: frames.Want, start_bytes: int
    ) -> list[bytes]:
        if not leave.opens(want):
            return [frames.absent(want.chunk)]
        store, deal = self._driver.store, leave.deal.id
        try:
            return await store.workers.shards(
                load_frames, store.files, deal, leave.index, want, start_bytes
            )
        except ShardDamagedError:
            await to_the_end(self._driver.damaged(deal, (want.chunk,)))
            return [frames.absent(want.chunk)]

    async def _send(
        self,
        ahead: asyncio.Queue[asyncio.Task[list[bytes]] | None],
        stream: FrameStream,
    ) -> None:
        while task := await ahead.get():
            await stream.write(await task)


def load_frames(
    files: ShardFiles, deal: DealId, index: int, want: frames.Want, start_bytes: int
) -> list[bytes]:
    """Return the frames of what is wanted, verified; it blocks.

    Raises ShardDamagedError, DecodingError, OSError.
    """
    return list(range_frames(files.read(deal, want.chunk, index), want, start_bytes))


def range_frames(
    shard: StoredShard, want: frames.Want, start_bytes: int
) -> Iterator[bytes]:
    """Yield the frames of a verified shard's wanted leaves; raises DecodingError."""
    start, count = want.span(shard.proof.header.shard_bytes)
    path: tuple[bytes, ...] = ()
    if count < len(shard.body):
        end = want.first + merkle.leaf_count(count)
        path = merkle.range_path(shard.hashes, want.first, end)
    body = shard.body[start : start + count]
    return frames.shard_frames(
        shard.chunk,
        shard.proof,
        body,
        want.first,
        path,
        start_bytes=start_bytes,
    )
