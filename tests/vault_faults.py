"""What may be wrong with a vault that stands in for a real one."""

from dataclasses import dataclass


@dataclass
class Faults:
    """What is wrong with a vault at the moment."""

    refuses_quotes: bool = False
    refuses_shards: bool = False
    deleted_bytes: int = 0  # of each deal, which it keeps until an audit
    claimed_bytes: int = 0  # instead of what it keeps
    stores_nothing: bool = False  # takes shards and never says so
    refuses_heads: bool = False
    hangs_on_heads: bool = False
    refuses_full_receipts: bool = False
    serves_garbage: bool = False
    serves_nothing: bool = False  # hangs on every want
    lingers: bool = False  # sends a shard's first frame, the others once `goes_on`
    absent: bool = False
    signs_wrongly: bool = False
