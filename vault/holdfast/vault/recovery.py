"""What a vault does before it serves: make memory, journal and disk agree again.

After a crash at any point: interrupted writes go, files that no journalled head
covers are staged again if they are whole, and shards that are gone are missing.
"""

from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.core.deal_holding import StagedShard
from holdfast.vault.core.deal_state import DealState
from holdfast.vault.core.holdings import Holdings
from holdfast.vault.holdings_journal import HoldingsJournal
from holdfast.vault.holdings_queries import HoldingsQueries
from holdfast.vault.manifests import load_manifest, spans_in
from holdfast.vault.shard_files import ShardDamagedError, ShardFiles, StoredShard


def recover(
    vault: VaultId,
    files: ShardFiles,
    journal: HoldingsJournal,
    queries: HoldingsQueries,
) -> Holdings:
    """Return all machines as the journal and the disk give them; it blocks.

    Raises JournalError, OSError.
    """
    states = queries.restore()
    for deal in files.deals():
        files.clear_parts(deal)
        _unsettle_uncovered(deal, files, queries)
        _take_in_staged(deal, files, states)
    for deal, state in states.items():
        _count_durable(state, queries)
        _find_lost(deal, state, files, journal, queries)
    return Holdings(vault, states)


def _unsettle_uncovered(
    deal: DealId, files: ShardFiles, queries: HoldingsQueries
) -> None:
    for chunk in files.durable(deal) - queries.chunks(deal).keys():
        files.unsettle(deal, chunk)


def _take_in_staged(
    deal: DealId, files: ShardFiles, states: dict[DealId, DealState]
) -> None:
    for chunk, seconds in files.staged(deal).items():
        try:
            shard = files.read_staged(deal, chunk)
            state = states.setdefault(deal, _state_of(deal, shard))
        except ShardDamagedError:
            files.drop_staged(deal, (chunk,))
            continue
        header = shard.proof.header
        if (shard.proof.index, header.k, header.n) == (state.index, state.k, state.n):
            one = StagedShard(header.length, header.shard_bytes, seconds)
            state.stage(chunk, one)
        else:
            files.drop_staged(deal, (chunk,))


def _state_of(deal: DealId, shard: StoredShard) -> DealState:
    header = shard.proof.header
    return DealState(deal, shard.proof.index, header.k, header.n)


def _count_durable(state: DealState, queries: HoldingsQueries) -> None:
    lengths = queries.chunks(state.deal).values()
    state.durable_shards = len(lengths)
    state.durable_bytes = sum(state.shard_bytes(length) for length in lengths)


def _find_lost(
    deal: DealId,
    state: DealState,
    files: ShardFiles,
    journal: HoldingsJournal,
    queries: HoldingsQueries,
) -> None:
    lost = queries.chunks(deal).keys() - files.durable(deal) - state.missing.keys()
    if lost:
        journal.mark_missing(deal, sorted(lost))
        state.missing.update(dict.fromkeys(lost))
    if state.missing and state.full:
        newest = load_manifest(queries, deal, state.full_digest)
        state.missing.update(spans_in(newest, tuple(state.missing)))
