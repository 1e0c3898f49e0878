"""Who belongs to what and when: Registry(epoch), a period's committee.

Pure functions of registry rows, which vaults compute as the ledger does.
"""

from collections.abc import Iterable

from holdfast.ledger.core.values import RegisteredVault
from holdfast.protocol import placement
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import Digest

SNAPSHOT_EPOCHS = 2


def registry_at(
    rows: Iterable[RegisteredVault], epoch: int
) -> tuple[RegisteredVault, ...]:
    """Return Registry(epoch), that of the end of epoch - 2, in order of number."""
    last = epoch - SNAPSHOT_EPOCHS
    members = (row for row in rows if _stood(row, last))
    return tuple(sorted(members, key=lambda row: row.number))


def committee_of(
    rows: Iterable[RegisteredVault],
    params: NetworkParams,
    period: int,
    beacon: Digest,
) -> tuple[RegisteredVault, ...]:
    """Return the committee of `period` by rank, drawn by the period's beacon."""
    registry = registry_at(rows, params.first_epoch(period))
    by_id = {row.vault: row for row in registry}
    drawn = placement.committee(tuple(by_id), beacon, params.committee_size)
    return tuple(by_id[vault] for vault in drawn)


def _stood(row: RegisteredVault, last: int) -> bool:
    """Tell whether a vault was in the registry at the end of epoch `last`."""
    stayed = row.left_epoch is None or row.left_epoch > last
    return row.joined_epoch <= last and stayed
