"""An owner's repository on the network: read from all deals, written through one.

`look` finds the newest state among all deals; `commit` makes an update the newest,
again and again while other writers are faster.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Generic, TypeVar

from holdfast.client.chunk_box import ChunkBox
from holdfast.client.chunk_cache import CachedChunks
from holdfast.client.core.deal_state import DealState
from holdfast.client.core.errors import SealBrokenError
from holdfast.client.core.memo import MemoReference, unseal_memo
from holdfast.client.core.upload_terms import (
    NO_MEMO,
)
from holdfast.client.deal_book import DealBook
from holdfast.client.deal_footing import footing_of
from holdfast.client.deal_run import DealRun
from holdfast.client.download import Download
from holdfast.client.network_errors import (
    DealUnreadableError,
    NetworkError,
    OtherWriterError,
    StateMovedError,
)
from holdfast.client.repository import Commit, Repository, Update
from holdfast.client.upload import Upload
from holdfast.client.upload_options import (
    UploadOptions,
)
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import DecodingError, ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import Manifest
from holdfast.protocol.units import ChunkId, DealId

_COMMITS_MAX: Final = 8

T = TypeVar("T")
Work = Callable[[Repository, Upload], Awaitable[tuple[Update, T]]]
"""Makes an update on a repository, and something to return."""


@frozen
class Written(Generic[T]):
    """A committed update: what was made, the commit, and the upload it went through."""

    made: T
    commit: Commit
    upload: Upload


@frozen
class View:
    """What the deals said when last looked at.

    `memo` is the newest, of `home`; `memos` are those of all deals, and `unreadable`
    deals may have newer ones that nobody can tell now.
    """

    memo: bytes | None
    generation: int
    home: DealId | None
    memos: frozenset[bytes]
    manifests: Mapping[DealId, tuple[Deal, Manifest]]
    unreadable: tuple[DealUnreadableError, ...]

    def lengths_by_deal(self) -> dict[DealId, dict[ChunkId, int]]:
        """Return what each deal lists: its chunks, with their ciphertext bytes."""
        return {
            deal: {entry.chunk: entry.length for entry in manifest.entries}
            for deal, (_, manifest) in self.manifests.items()
        }

    def lengths(self) -> dict[ChunkId, int]:
        """Return all chunks that deals list, with their ciphertext bytes."""
        return {
            entry.chunk: entry.length
            for _, manifest in self.manifests.values()
            for entry in manifest.entries
        }


class Storage:
    """One owner's repository, and the way to change it."""

    def __init__(self, book: DealBook, cache: Path) -> None:
        self.book = book
        self.download = Download(book)
        self._cached = CachedChunks(self.download, cache)
        self._loaded: tuple[bytes | None, Repository] | None = None

    async def close(self) -> None:
        """Stop all downloads."""
        await self.download.close()

    async def look(self) -> View:
        """Ask the holders of all deals for the newest state."""
        epoch = self.book.directory.epoch()
        params = self.book.directory.params
        deals = [
            deal
            for deal in await self.book.deals()
            if epoch < deal.collectable_epoch(params)
        ]
        states = await asyncio.gather(*(self.book.state(deal) for deal in deals))
        manifests: dict[DealId, tuple[Deal, Manifest]] = {}
        unreadable: list[DealUnreadableError] = []
        for state in states:
            try:
                manifests[state.deal.id] = (state.deal, await self._learn(state))
            except DealUnreadableError as error:
                unreadable.append(error)
            if not state.is_certain:
                unreadable.append(_unreadable(state))
        for unread in unreadable:
            self.download.cannot_read(unread.deal, str(unread))
        return self._view(states, manifests, tuple(unreadable))

    async def _learn(self, state: DealState) -> Manifest:
        manifest = await self.book.manifest(
            state.deal, state.head, sorted(state.answered)
        )
        self.download.learn(state.deal, manifest)
        return manifest

    def _view(
        self,
        states: Iterable[DealState],
        manifests: Mapping[DealId, tuple[Deal, Manifest]],
        unreadable: tuple[DealUnreadableError, ...],
    ) -> View:
        newest: tuple[int, bytes, DealId] | None = None
        memos = {NO_MEMO}
        for state in states:
            memos.add(state.memo)
            reference = self._reference(state.memo)
            if reference is None:
                continue
            if newest is None or reference.generation > newest[0]:
                newest = (reference.generation, state.memo, state.deal.id)
        if newest is None:
            return View(None, 0, None, frozenset(memos), manifests, unreadable)
        generation, memo, home = newest
        return View(memo, generation, home, frozenset(memos), manifests, unreadable)

    def _reference(self, memo: bytes) -> MemoReference | None:
        if memo == NO_MEMO:
            return None
        try:
            return unseal_memo(self.book.keys.memo, memo)
        except (SealBrokenError, DecodingError):
            return None

    async def repository(self, view: View) -> Repository:
        """Read the repository of a view.

        Raises DealUnreadableError when the state may be where nobody can look.
        """
        if view.memo is None and view.unreadable:
            raise view.unreadable[0]
        if self._loaded is None or self._loaded[0] != view.memo:
            loaded = await asyncio.to_thread(self._load, view.memo)
            self._loaded = (view.memo, loaded)
        return self._loaded[1].fork()

    def _load(self, memo: bytes | None) -> Repository:
        keys = self.book.keys
        with self._cached.keeping():
            try:
                return Repository.load(keys, self._cached, memo)
            except ProtocolError:
                # Chunks that did not open were read again; perhaps our disk still lies.
                self._cached.clear()
                return Repository.load(keys, self._cached, memo)

    async def write(
        self,
        options: UploadOptions,
        work: Work[T],
    ) -> Written[T]:
        """Have `work` make an update on the newest state, and commit it."""
        view = await self.look()
        repository = await self.repository(view)
        options = replace(options, preferred=view.home)
        async with Upload(self.book, options, self.download.learn_chunks) as upload:
            update, made = await work(repository, upload)
            commit = await self._commit(upload, view, repository, update)
        return Written(made, commit, upload)

    async def _commit(
        self, upload: Upload, view: View, repository: Repository, update: Update
    ) -> Commit:
        clock = asyncio.get_running_loop()
        spread = 0.0
        for tries in range(_COMMITS_MAX):
            if tries:
                # Two that go on at once would be in each other's way again.
                await asyncio.sleep(random.uniform(0, spread))  # noqa: S311 # no secret
                view = await self.look()
                repository = await self.repository(view)
            begun = clock.time()
            commit = await asyncio.to_thread(repository.commit, update, upload)
            newer = await self.look()
            if newer.generation == view.generation:
                try:
                    await upload.commit(commit.memo, newer.memos, commit.obsolete)
                except StateMovedError:
                    pass
                else:
                    self._loaded = (commit.memo, commit.repository)
                    return commit
            spread = 2 * (tries + 1) * (clock.time() - begun)
        raise OtherWriterError(
            "other clients change this repository all the time; nothing was lost, "
            "run the command again when they are done"
        )

    async def drop(self, gone: frozenset[ChunkId], view: View) -> None:
        """Take chunks off the manifests; deals that lack a holder keep theirs."""
        for deal, manifest in view.manifests.values():
            listed = gone & manifest.positions.keys()
            if listed and deal.closed_epoch is None:
                await self._shrink(deal, listed)

    async def _shrink(self, deal: Deal, gone: frozenset[ChunkId]) -> None:
        try:
            footing = await footing_of(self.book, deal)
        except NetworkError:
            return
        box = ChunkBox(deal.k, deal.n, 1)
        limits = UploadOptions(deal.k, deal.n, 1).head_limits()
        run = DealRun(self.book, deal, footing, box, limits, _nothing)
        async with asyncio.TaskGroup() as group:
            group.create_task(run.run())
            await asyncio.sleep(0)
            with contextlib.suppress(NetworkError):
                await run.flush(footing.memo, gone)
            run.close()


def _nothing(_full: object, _chunks: object) -> None:
    """Take no note."""


def _unreadable(state: DealState) -> DealUnreadableError:
    deal = state.deal
    missing = [
        holder.vault
        for index, holder in enumerate(deal.holders)
        if index not in state.answered
    ]
    return DealUnreadableError(deal.id, deal.k, len(state.answered), missing)
