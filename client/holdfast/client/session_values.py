"""What the SDK's methods take and return, beside the values of backups and restores."""

from collections.abc import Callable, Mapping

from holdfast.client.core.objects import ObjectEntry
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.scan import Problem
from holdfast.client.upload_options import (
    LeftDeal,
    VaultProgress,
)
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import DealId, Grains, VaultId


@frozen
class Progress:
    """How far a backup is; `path` is what it looks at. Sizes are bytes.

    `bytes_uploaded` are sealed chunks handed to the upload, `bytes_acknowledged` those
    of them that survive whatever happens from now on. `vaults` are the holders of the
    deal that is written to.
    """

    files: int = 0
    directories: int = 0
    bytes_seen: int = 0
    bytes_read: int = 0
    bytes_added: int = 0
    bytes_uploaded: int = 0
    bytes_acknowledged: int = 0
    problems: int = 0
    path: bytes = b""
    vaults: tuple[VaultProgress, ...] = ()

    @property
    def bytes_done(self) -> int:
        """The bytes seen, without those whose shards are still on the way."""
        pieces = sum(vault.stored + vault.waiting for vault in self.vaults)
        waiting = sum(vault.waiting for vault in self.vaults)
        pending = self.bytes_uploaded - self.bytes_acknowledged
        on_the_way = pending * waiting // pieces if pieces else pending
        return max(self.bytes_seen - on_the_way, 0)


OnProgress = Callable[[Progress], None]


@frozen
class BackupResult:
    """A finished backup; `problems` are paths that could not be read.

    `left_deals` are deals given up on the way, with the last words of their holders.
    `bytes_uploaded` were sent as sealed chunks, the state included. `files_new` were
    not in the parent snapshot.
    """

    snapshot: NamedSnapshot
    problems: tuple[Problem, ...]
    bytes_uploaded: int
    left_deals: tuple[LeftDeal, ...]
    files_new: int


@frozen
class DealStatus:
    """A deal as the ledger has it, and what its holders say.

    `last_epoch` is the first that is not paid; `held_bytes` is what each holder keeps
    of `capacity`. Holders of a deal that is long over are not asked any more.
    """

    deal: Deal
    last_epoch: int
    held_bytes: int
    chunks: int
    answered: tuple[VaultId, ...]
    missing: tuple[VaultId, ...]

    @property
    def is_readable(self) -> bool:
        """Whether enough holders answer to read everything."""
        return len(self.answered) >= self.deal.k

    @property
    def is_writable(self) -> bool:
        """Whether all holders answer."""
        return not self.missing


@frozen
class CostEstimate:
    """What a backup would add and cost, at the prices asked now.

    `new_bytes` are sealed chunks, `stored_bytes` what all holders together keep of
    them; `grains` is for `epochs` epochs. `escrow` is what is locked beforehand, for a
    new deal or to let `deal` grow or end later; what it does not spend comes back
    after `end_epoch`.
    """

    files: int
    bytes_seen: int
    new_bytes: int
    stored_bytes: int
    epochs: int
    grains_per_epoch: Grains
    grains: Grains
    escrow: Grains
    k: int
    n: int
    deal: DealId | None
    end_epoch: int


@frozen
class PruneResult:
    """What a prune did: chunks and ciphertext bytes dropped, blob bytes moved."""

    chunks_dropped: int
    bytes_dropped: int
    bytes_rewritten: int


@frozen
class ObjectInfo:
    """A named object: its bytes, when it was stored (ns since 1970), its metadata."""

    name: str
    size: int
    time_ns: int
    metadata: Mapping[str, str]


def object_info(entry: ObjectEntry) -> ObjectInfo:
    """Return what the SDK shows of an entry."""
    pairs = {item.key: item.value for item in entry.metadata}
    return ObjectInfo(entry.name, entry.size, entry.time_ns, pairs)
