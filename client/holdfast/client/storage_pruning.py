"""Pruning over the network: a commit without the dead, heads without the chunks."""

import asyncio
from dataclasses import replace

from holdfast.client.pruning import Prune, prune
from holdfast.client.repository import Repository, Update
from holdfast.client.session_values import PruneResult
from holdfast.client.storage import Storage
from holdfast.client.upload import Upload
from holdfast.client.upload_options import UploadOptions


class _NothingToPruneError(Exception):
    """There is nothing to drop, so nothing is to be written."""


async def prune_storage(storage: Storage, options: UploadOptions) -> PruneResult:
    """Drop what no snapshot and no object needs, and what killed commands left.

    Only chunks that were there at the beginning go: others may be on their way into
    another client's commit.
    """
    lengths = (await storage.look()).lengths()

    async def work(repository: Repository, upload: Upload) -> tuple[Update, Prune]:
        pruned = await asyncio.to_thread(prune, repository, upload)
        update = pruned.update
        garbage = lengths.keys() - repository.needed_chunks()
        if not garbage and not update.change.drops:
            raise _NothingToPruneError
        if not update.change.drops:
            # Who relies on such chunks must find out before he commits.
            update = replace(update, change=replace(update.change, drops=True))
        return update, pruned

    try:
        written = await storage.write(options, work)
    except _NothingToPruneError:
        return PruneResult(0, 0, 0)
    needed = written.commit.repository.needed_chunks()
    gone = frozenset(lengths.keys() - needed)
    await storage.drop(gone, await storage.look())
    return PruneResult(
        len(gone),
        sum(lengths[chunk] for chunk in gone),
        written.made.plan.rewritten_bytes,
    )
