"""The command line on a network of one dictionary, in this process."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from backup_owner import Owner
from holdfast.client.archive import BackupJob
from holdfast.client.backup import back_up
from holdfast.client.core.ports import ChunkWriter
from holdfast.client.core.snapshot import NamedSnapshot
from holdfast.client.invocation import Invocation
from holdfast.client.main import holdfast
from holdfast.client.pruning import prune
from holdfast.client.repository import Repository, Update
from holdfast.client.session_values import BackupResult, PruneResult
from holdfast.protocol.units import ChunkId, DealId
from memory_chunks import MemoryChunks

T = TypeVar("T")


@dataclass
class MemoryClient:
    """Does what the SDK's client does, without a network."""

    owner: Owner

    def back_up(self, job: BackupJob, **_options: object) -> BackupResult:
        repository = self.owner.repository
        before = self.owner.chunks.stored_bytes
        made = back_up(repository, job, self.owner.chunks)
        self.owner.memo = repository.commit(made.update, self.owner.chunks).memo
        sent = self.owner.chunks.stored_bytes - before
        return BackupResult(made.snapshot, made.problems, sent, (), made.files_new)

    def read(self, work: Callable[[Repository], T]) -> T:
        return work(self.owner.repository)

    def change(self, work: Callable[[Repository, ChunkWriter], tuple[Update, T]]) -> T:
        repository = self.owner.repository
        update, made = work(repository, self.owner.chunks)
        self.owner.memo = repository.commit(update, self.owner.chunks).memo
        return made

    def snapshots(self) -> tuple[NamedSnapshot, ...]:
        return self.owner.repository.snapshots

    def chunks_by_deal(self) -> Mapping[DealId, Mapping[ChunkId, int]]:
        held = {chunk: len(data) for chunk, data in self.owner.chunks.held.items()}
        return {DealId(b"\x0d" * 32): held}

    def prune(self) -> PruneResult:
        pruned = prune(self.owner.repository, self.owner.chunks)
        if not pruned.plan.dropped:
            return PruneResult(0, 0, 0)
        commit = self.owner.repository.commit(pruned.update, self.owner.chunks)
        self.owner.memo = commit.memo
        needed = commit.repository.needed_chunks()
        gone = self.owner.chunks.held.keys() - needed
        size = sum(len(self.owner.chunks.held.pop(chunk)) for chunk in gone)
        return PruneResult(len(gone), size, pruned.plan.rewritten_bytes)


@dataclass
class StagedInvocation(Invocation):
    """An invocation whose client has no network."""

    owner: Owner = field(default_factory=lambda: Owner(MemoryChunks()))

    @contextmanager
    def client(self) -> Iterator[Any]:
        yield MemoryClient(self.owner)

    reader = client

    def epochs(self, duration: str | None) -> int | None:
        return None


@dataclass
class Stage:
    """Runs commands one after the other on one repository."""

    capture: pytest.CaptureFixture[str]
    owner: Owner = field(default_factory=lambda: Owner(MemoryChunks()))
    code: int = 0
    warned: str = ""

    def run(self, *words: str | Path) -> str:
        """Run a command; return what it printed, with its code and warnings here."""
        self.capture.readouterr()
        self.code = int(
            holdfast.main(
                [str(word) for word in words],
                prog_name="holdfast",
                standalone_mode=False,
                obj=StagedInvocation(owner=self.owner),
            )
            or 0
        )
        said = self.capture.readouterr()
        self.warned = said.err
        return said.out

    def json(self, *words: str | Path) -> dict[str, Any]:
        """Run a command; return the document that is its result."""
        return self.documents(*words)[-1]

    def documents(self, *words: str | Path) -> list[dict[str, Any]]:
        """Run a command; return all documents that it printed."""
        return [json.loads(line) for line in self.run(*words, "--json").splitlines()]
