"""An owner whose chunks are kept in memory, and an empty folder to back up."""

from pathlib import Path

import pytest

from backup_owner import Owner
from memory_chunks import MemoryChunks


@pytest.fixture
def owner() -> Owner:
    return Owner(MemoryChunks())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    return source
