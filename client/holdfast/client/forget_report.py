"""What `forget` and `prune` tell at their end."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from holdfast.client import wording
from holdfast.client.commands.snapshots import document_of, time_of
from holdfast.client.output import Output
from holdfast.protocol.frozen import frozen

if TYPE_CHECKING:
    from holdfast.client.core.snapshot import NamedSnapshot, SnapshotId
    from holdfast.client.forgetting import Ruling
    from holdfast.client.repository import Repository


@frozen
class PruneReport:
    """What a prune did, or in a dry run would do.

    `bytes_dropped` are of sealed chunks, `bytes_rewritten` of blobs that live in them.
    """

    chunks_dropped: int
    bytes_dropped: int
    bytes_rewritten: int
    dry_run: bool = False

    def show(self, output: Output) -> None:
        """Print it for people."""
        would = "would be " if self.dry_run else ""
        output.say(
            f"{wording.count(self.chunks_dropped, 'chunk')} {would}dropped, "
            f"{wording.size(self.bytes_dropped)}; "
            f"{wording.size(self.bytes_rewritten)} of them {would}written again"
        )


def foresee_prune(
    repository: "Repository", removed: "frozenset[SnapshotId]" = frozenset()
) -> PruneReport:
    """Return what a prune would do with these snapshots forgotten."""
    from holdfast.client.pruning import plan  # noqa: PLC0415 # it imports numpy

    planned = plan(repository, removed)
    return PruneReport(
        len(planned.dropped),
        planned.dropped_bytes,
        planned.rewritten_bytes,
        dry_run=True,
    )


@frozen
class ForgetReport:
    """The snapshots that went, or would go, and the rulings if rules decided."""

    going: "tuple[NamedSnapshot, ...]"
    rulings: "tuple[Ruling, ...]"
    dry_run: bool

    def said(self) -> str:
        """Return how many snapshots went."""
        count = wording.count(len(self.going), "snapshot")
        return f"{count} would be forgotten" if self.dry_run else f"{count} forgotten"

    def show(self, output: Output, pruned: PruneReport | None) -> None:
        """Print it, with what a prune did."""
        for ruling in self.rulings:
            self._show_ruling(output, ruling)
        if not self.rulings:
            for named in self.going:
                output.say(f"{self._forgot()} {wording.short(named.id)}")
        if pruned is not None:
            output.say(f"{self.said()}.")
            pruned.show(output)
        elif self.going and not self.dry_run:
            output.say(f"{self.said()}; `holdfast prune` gives back their space.")
        else:
            output.say(f"{self.said()}.")
        output.result(
            {
                "dry_run": self.dry_run,
                "forgotten": [named.id for named in self.going],
                "groups": [_group_document(ruling) for ruling in self.rulings],
                "prune": None if pruned is None else asdict(pruned),
            }
        )

    def _show_ruling(self, output: Output, ruling: "Ruling") -> None:
        from holdfast.client.forgetting import described  # noqa: PLC0415

        going = len(ruling.going)
        kept = len(ruling.decisions) - going
        name = ", ".join(described(ruling.key)) or "all snapshots"
        output.say(f"{name}: {kept:,} kept, {going:,} {self._forgot()}")
        rows = [
            (
                wording.short(each.named.id),
                f"{time_of(each.named):%Y-%m-%d %H:%M:%S}",
                " ".join(each.named.snapshot.tags),
                "keep" if each.is_kept else "forget",
                ", ".join(each.reasons),
            )
            for each in ruling.decisions
        ]
        output.table(("snapshot", "time", "tags", "what", "why"), rows, indent="  ")
        output.say()

    def _forgot(self) -> str:
        return "would forget" if self.dry_run else "forgot"


def _group_document(ruling: "Ruling") -> dict[str, object]:
    key = ruling.key
    return {
        "host": key.host,
        "paths": None if key.paths is None else list(_texts(key.paths)),
        "tags": key.tags,
        "keep": [
            document_of(each.named) | {"reasons": list(each.reasons)}
            for each in ruling.decisions
            if each.is_kept
        ],
        "remove": [document_of(named) for named in ruling.going],
    }


def _texts(paths: tuple[bytes, ...]) -> Iterator[str]:
    for path in paths:
        yield path.decode("utf-8", "surrogateescape")
