"""Followed logs are kept for their network only, and forgotten as far as asked."""

from pathlib import Path

import pytest

from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.evm.chain import Log
from holdfast.ledger.evm.folding import LAST_IN_BLOCK, Told, sequence_of
from holdfast.ledger.evm.log_store import MARKS_MAX, LogStore, Mark
from holdfast.protocol.units import AccountId

NETWORK = b"\x01" * 32


def told(block: int, index: int = 0, topics: int = 2) -> Told:
    words = tuple(bytes([number]) * 32 for number in range(topics))
    where = (block, bytes([block]) * 32, 3, index, AccountId(b"\x0a" * 20))
    return Told(Log(*where, words, b"data"), 1000 + block)


def mark(block: int) -> Mark:
    return Mark(block, bytes([block % 256]) * 32, 1000 + block)


@pytest.mark.parametrize("topics", [0, 1, 4])
def test_what_was_kept_is_there_after_a_restart(tmp_path: Path, topics: int) -> None:
    logs = [told(5, 0, topics), told(5, 1, topics), told(7, 0, topics)]
    store = LogStore(tmp_path / "logs.db", NETWORK)
    store.append(logs, mark(9))
    store.close()
    again = LogStore(tmp_path / "logs.db", NETWORK)
    assert list(again.logs()) == logs
    assert (again.marks(), again.offset) == ((mark(9),), 0)
    again.close()


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    LogStore(tmp_path / "logs.db", NETWORK).close()
    with pytest.raises(LedgerFileError, match="another network"):
        LogStore(tmp_path / "logs.db", b"\x02" * 32)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs.db").write_bytes(b"nothing of the sort" * 100)
    with pytest.raises(LedgerFileError):
        LogStore(tmp_path / "logs.db", NETWORK)


def test_what_the_chain_took_back_is_forgotten() -> None:
    store = LogStore(None, NETWORK)
    for block in (4, 6, 8):
        store.append([told(block)], mark(block))
    store.forget_after(6, 12345)
    assert [one.log.block for one in store.logs()] == [4, 6]
    assert [one.block for one in store.marks()] == [6, 4]
    assert store.offset == 12345


def test_marks_are_bounded() -> None:
    store = LogStore(None, NETWORK)
    for block in range(MARKS_MAX + 5):
        store.append([], mark(block))
    assert len(store.marks()) == MARKS_MAX
    assert store.marks()[0].block == MARKS_MAX + 4


def test_sequences_are_places_in_the_chain() -> None:
    places = [(1, 0), (1, 1), (1, LAST_IN_BLOCK - 1), (2, 0), (3, 7)]
    sequences = [sequence_of(*place) for place in places]
    assert sequences == sorted(set(sequences))
    assert sequence_of(1, 0, offset=sequences[-1]) > sequences[-1]
