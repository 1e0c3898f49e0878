"""What the database of holdings promises beyond what the machine's test shows."""

from pathlib import Path

import pytest

from holdfast.protocol.manifest import (
    NO_HEAD,
    Manifest,
    ManifestChange,
    ManifestEntry,
    SignedHead,
    next_head,
)
from holdfast.protocol.receipt import RECEIPT, FullReceipt, Receipt
from holdfast.protocol.units import ChunkId, DealId, Digest
from holdfast.vault.core.admission import Promise
from holdfast.vault.core.deal_state import DealState
from holdfast.vault.core.holding_events import Countersigned
from holdfast.vault.holdings_database import (
    HoldingsDatabase,
    JournalError,
    JournalFullError,
)
from holdfast.vault.holdings_journal import HoldingsJournal
from holdfast.vault.holdings_queries import HoldingsQueries
from vault_data_world import PARAMS, a_deal, sign_head, vault_keys

KEYS = vault_keys(0)
DEAL = a_deal([KEYS.vault_id], k=1)


def entries(first: int, count: int) -> tuple[ManifestEntry, ...]:
    return tuple(
        ManifestEntry(ChunkId(number.to_bytes(32, "big")), 1_000 + number)
        for number in range(first, first + count)
    )


class Book:
    """A journal in memory with heads that follow each other."""

    def __init__(self, path: Path = Path(":memory:")) -> None:
        self.database = HoldingsDatabase(path)
        self.journal = HoldingsJournal(self.database)
        self.queries = HoldingsQueries(self.database)
        self.state = DealState(DEAL.id, 0, 1, 1)
        self.head: SignedHead | None = None
        self.manifest = Manifest(1, 1)

    @property
    def digest(self) -> Digest:
        return self.head.value.digest() if self.head else NO_HEAD

    def add(self, change: ManifestChange) -> None:
        """Countersign and acknowledge the next head."""
        before = self.manifest
        after = before.changed(change)
        below = self.head.value if self.head else None
        head = sign_head(next_head(DEAL.id, below, after, bytes(256)))
        value = head.value
        said = Receipt(DEAL.id, value.sequence, value.digest(), 0, KEYS.vault_id, 1)
        receipt = RECEIPT.sign(said, PARAMS.network_id, KEYS.identity)
        one = Countersigned(head, value.digest(), receipt)
        self.journal.countersign(self.state, one, self.digest, change)
        identities = (KEYS.identity.public,)
        full = FullReceipt(head, DEAL.deal_key, (receipt,), identities)
        self.journal.acknowledge(DEAL.id, value.digest(), full, before, after)
        self.head, self.manifest = head, after

    def changes(self) -> int:
        return self.database.sql.total_changes


def test_a_head_on_a_long_manifest_writes_only_what_it_changes() -> None:
    book = Book()
    book.add(ManifestChange((), entries(0, 20_000)))
    before = book.changes()
    book.add(ManifestChange((5, 7), entries(20_000, 100)))
    assert book.changes() - before < 400
    assert book.queries.manifest(DEAL.id, book.digest) == book.manifest


def test_what_only_forgotten_heads_had_is_named_and_gone() -> None:
    book = Book()
    book.add(ManifestChange((), entries(0, 5)))
    first = book.digest
    book.add(ManifestChange((1, 3), entries(5, 1)))
    gone = book.journal.forget(DEAL.id, [first])
    assert gone == {one.chunk: one.length for one in entries(0, 5)[1:4:2]}
    assert book.queries.chunks(DEAL.id) == {
        one.chunk: one.length for one in book.manifest.entries
    }


def test_a_collected_deal_leaves_no_row(tmp_path: Path) -> None:
    book = Book(tmp_path / "holdings.db")
    book.add(ManifestChange((), entries(0, 5)))
    book.journal.mark_missing(DEAL.id, [entries(0, 1)[0].chunk])
    book.journal.collect(DEAL.id)
    book.journal.collect(DEAL.id)
    book.database.close()
    again = Book(tmp_path / "holdings.db")
    assert again.queries.restore() == {}
    for table in ("deals", "heads", "places", "arrivals", "missing"):
        query = f"SELECT count(*) FROM {table}"
        assert again.database.sql.execute(query).fetchone() == (0,)
    again.database.close()


def test_only_shards_that_some_head_has_can_be_missing() -> None:
    book = Book()
    strange = ChunkId(b"\x77" * 32)
    assert book.journal.mark_missing(DEAL.id, [strange]) == ()
    book.add(ManifestChange((), entries(0, 2)))
    held = entries(0, 1)[0].chunk
    assert book.journal.mark_missing(DEAL.id, [strange, held]) == (held,)
    assert book.queries.lengths(DEAL.id, [strange, held]) == {held: 1_000}


def test_promises_come_back() -> None:
    book = Book()
    deal, promise = DealId(b"\5" * 32), Promise(50, 13, "peer")
    book.journal.promise(deal, promise)
    assert book.queries.promises() == {deal: promise}
    book.journal.drop_promises([deal])
    assert book.queries.promises() == {}


def test_a_full_disk_is_told_apart_and_breaks_nothing(tmp_path: Path) -> None:
    book = Book(tmp_path / "holdings.db")
    book.add(ManifestChange((), entries(0, 5)))
    (pages,) = book.database.sql.execute("PRAGMA page_count").fetchone()
    book.database.sql.execute(f"PRAGMA max_page_count = {pages + 2}")
    before, digest = book.manifest, book.digest
    with pytest.raises(JournalFullError, match="full"):
        book.add(ManifestChange((), entries(5, 20_000)))
    assert book.queries.manifest(DEAL.id, digest) == before
    assert list(book.queries.restore()[DEAL.id].trunk) == [digest]
    book.database.close()


def test_a_database_of_another_version_or_none_at_all_is_refused(
    tmp_path: Path,
) -> None:
    later = HoldingsDatabase(tmp_path / "later.db")
    later.sql.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(JournalError, match="version 99"):
        HoldingsDatabase(tmp_path / "later.db")
    (tmp_path / "junk.db").write_bytes(b"not a database, whatever its name says" * 99)
    with pytest.raises(JournalError):
        HoldingsDatabase(tmp_path / "junk.db")
