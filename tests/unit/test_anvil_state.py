"""A chain of one's own goes on from the newest state that is whole."""

import logging
from pathlib import Path

import pytest

from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.evm.anvil_state import LAST, STATE, load_options


def loaded(directory: Path) -> str | None:
    """Return the content of what anvil is told to load, if anything."""
    words = load_options(directory)
    if "--load-state" not in words:
        return None
    return Path(words[words.index("--load-state") + 1]).read_text()


def test_a_chain_that_is_new_loads_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path) is None


def test_what_anvil_wrote_at_its_end_is_newer(tmp_path: Path) -> None:
    (tmp_path / STATE).write_text('{"block": 1}')
    (tmp_path / LAST).write_text('{"block": 2}')
    assert loaded(tmp_path) == '{"block": 2}'
    assert not (tmp_path / LAST).exists()
    (tmp_path / STATE).write_text('{"block": 3}')
    assert loaded(tmp_path) == '{"block": 3}'


@pytest.mark.parametrize("cut", ["", '{"block": 2, "acc', "\0\0\0\0"])
def test_what_anvil_could_not_write_to_its_end_does_not_count(
    tmp_path: Path, cut: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / STATE).write_text('{"block": 1}')
    (tmp_path / LAST).write_text(cut)
    with caplog.at_level(logging.WARNING):
        assert loaded(tmp_path) == '{"block": 1}'
    assert "killed while it wrote" in caplog.text
    assert not (tmp_path / LAST).exists()


def test_anvil_writes_elsewhere_than_what_it_loads(tmp_path: Path) -> None:
    (tmp_path / STATE).write_text("{}")
    words = load_options(tmp_path)
    assert words[words.index("--dump-state") + 1] == str(tmp_path / LAST)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / LAST).mkdir()
    with pytest.raises(LedgerFileError, match=LAST):
        load_options(tmp_path)
