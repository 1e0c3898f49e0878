"""What a backup tells at its end, or a dry run instead of it."""

import os
from typing import TYPE_CHECKING, Final

from holdfast.client import wording
from holdfast.client.output import Output
from holdfast.protocol.frozen import frozen

if TYPE_CHECKING:  # these import numpy and more, which `--help` does without
    from holdfast.client.core.snapshot import NamedSnapshot
    from holdfast.client.scan import Problem
    from holdfast.client.upload_options import LeftDeal

_PROBLEMS_SHOWN: Final = 20


@frozen
class BackupSummary:
    """A backup that was made, or in a dry run would be; sizes are bytes."""

    snapshot: "NamedSnapshot"
    problems: "tuple[Problem, ...]"
    files_new: int
    bytes_sent: int
    left_deals: "tuple[LeftDeal, ...]" = ()
    dry_run: bool = False

    @property
    def incomplete(self) -> bool:
        """Whether something of what was asked for is not in the snapshot as it is."""
        return any(problem.kind.name != "PARENT" for problem in self.problems)

    @property
    def files_changed(self) -> int:
        """How many files were in the parent snapshot, and had to be read again."""
        stats = self.snapshot.snapshot.stats
        return max(0, stats.files - stats.files_unchanged - self.files_new)

    def show(self, output: Output, seconds: float) -> None:
        """Print it; `seconds` is how long it took."""
        stats = self.snapshot.snapshot.stats
        output.say(
            f"Files: {self.files_new:,} new, {self.files_changed:,} changed, "
            f"{stats.files_unchanged:,} unmodified; "
            f"{wording.count(stats.directories, 'directory', 'directories')}"
        )
        added = "Would add to" if self.dry_run else "Added to"
        output.say(
            f"{added} the network: {wording.size(stats.bytes_added)} "
            f"({wording.size(self.bytes_sent)} as sealed chunks)"
        )
        if self.bytes_sent and seconds and not self.dry_run:
            rate = wording.size(round(self.bytes_sent / seconds))
            output.detail(f"Sent at {rate}/s on average, before erasure coding")
        output.say(
            f"Processed {wording.count(stats.files, 'file')}, "
            f"{wording.size(stats.bytes_seen)} in {wording.span(seconds)}"
        )
        self._warn(output)
        if self.dry_run:
            output.say("Dry run: nothing was sent or paid, and no snapshot saved")
        else:
            output.say(f"Snapshot {wording.short(self.snapshot.id)} saved")
        output.result(self._document(seconds))

    def _warn(self, output: Output) -> None:
        for left in self.left_deals:
            words = (f"{wording.short(v)} said {text!r}" for v, text in left.words)
            said = "; ".join(words)
            output.warn(f"  deal {wording.short(left.deal)} was given up: {said}")
            if left.escrow:
                back = wording.hold(left.escrow)
                output.warn(f"    its {back} of escrow come back after this period")
        for problem in self.problems[:_PROBLEMS_SHOWN]:
            output.warn(f"  {_sentence(problem)}")
        if len(self.problems) > _PROBLEMS_SHOWN:
            output.warn(f"  … and {len(self.problems) - _PROBLEMS_SHOWN} more")

    def _document(self, seconds: float) -> dict[str, object]:
        stats = self.snapshot.snapshot.stats
        return {
            # A dry run makes no snapshot: its id would not be that of a later one.
            "snapshot": None if self.dry_run else self.snapshot.id,
            "dry_run": self.dry_run,
            "files": stats.files,
            "files_new": self.files_new,
            "files_changed": self.files_changed,
            "files_unchanged": stats.files_unchanged,
            "directories": stats.directories,
            "others": stats.others,
            "bytes_seen": stats.bytes_seen,
            "bytes_added": stats.bytes_added,
            "bytes_uploaded": 0 if self.dry_run else self.bytes_sent,
            "bytes_to_upload": self.bytes_sent if self.dry_run else 0,
            "left_deals": [left.deal for left in self.left_deals],
            "escrow_back_grains": sum(left.escrow for left in self.left_deals),
            "seconds": round(seconds, 3),
            "problems": [
                {
                    "path": os.fsdecode(problem.path),
                    "kind": problem.kind.name.lower(),
                    "detail": problem.detail,
                }
                for problem in self.problems
            ],
        }


def _sentence(problem: "Problem") -> str:
    detail = f": {problem.detail}" if problem.detail else ""
    path = os.fsdecode(problem.path)
    match problem.kind.name:
        case "PARENT":
            return f"{problem.kind.value}, so every file was read again{detail}"
        case "CHANGED" | "XATTRS":
            return f"stored, but {path} {problem.kind.value}{detail}"
        case "VANISHED":
            return f"not stored: {path} is not there{detail}"
        case _:
            return f"not stored: {path} is {problem.kind.value}{detail}"
