"""What a restore tells at its end, or a dry run instead of it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from holdfast.client import wording
from holdfast.client.exit_codes import NO_ROOM
from holdfast.client.node_wording import shown_path
from holdfast.client.output import Output
from holdfast.protocol.frozen import frozen

if TYPE_CHECKING:
    from holdfast.client.restore_values import RestoreFailure, RestoreReport

_FAILURES_SHOWN: Final = 20


@frozen
class RestoreSummary:
    """A restore that was made, or in a dry run would be."""

    report: "RestoreReport"
    target: Path
    verify: bool = False
    dry_run: bool = False

    @property
    def disk_full(self) -> bool:
        """Whether something is missing because the disk was full."""
        return any(failure.errno in NO_ROOM for failure in self.report.failures)

    def show(self, output: Output, seconds: float) -> None:
        """Print it; `seconds` is how long it took."""
        report = self.report
        what = (
            f"{wording.count(report.files, 'file')}, "
            f"{wording.size(report.bytes_written)}"
        )
        if self.dry_run:
            output.say(f"Would restore {what}, to {self.target}; nothing was written")
        else:
            output.say(f"Restored {what}, to {self.target} in {wording.span(seconds)}")
        if report.bytes_found:
            found = wording.size(report.bytes_found)
            output.say(f"  {found} more of these files were there and right")
        if report.skipped:
            stay = wording.count(report.skipped, "file")
            output.say(f"  {stay} in the target stayed as they were")
        if self.verify and not self.dry_run:
            good = wording.count(report.verified, "file")
            output.say(f"  {good} read back, and just as in the snapshot")
        self._warn(output)
        output.result(self._document(seconds))

    def _warn(self, output: Output) -> None:
        failures = self.report.failures
        for failure in failures[:_FAILURES_SHOWN]:
            what = _fate(failure)
            path = shown_path(failure.path)
            output.warn(f"  {what}: {path}: {failure.reason}")
        if len(failures) > _FAILURES_SHOWN:
            output.warn(f"  … and {len(failures) - _FAILURES_SHOWN} more")
        lost = sum(failure.lost for failure in failures)
        if lost:
            room = (
                "when there is room" if self.disk_full else "when more vaults are back"
            )
            output.warn(
                f"  {wording.count(lost, 'path')} could not be restored; "
                f"run the same command {room}"
            )

    def _document(self, seconds: float) -> dict[str, object]:
        report = self.report
        return {
            "target": self.target,
            "dry_run": self.dry_run,
            "files": report.files,
            "directories": report.directories,
            "others": report.others,
            "skipped": report.skipped,
            "verified": report.verified,
            "bytes_written": report.bytes_written,
            "bytes_found": report.bytes_found,
            "complete": report.complete,
            "seconds": round(seconds, 3),
            "failures": [
                {
                    "path": os.fsdecode(failure.path),
                    "reason": failure.reason,
                    "lost": failure.lost,
                    "kept": failure.kept,
                    "chunk": failure.chunk,
                }
                for failure in report.failures
            ],
        }


def _fate(failure: "RestoreFailure") -> str:
    if failure.kept:
        return "restored with zeros where data is lost"
    return "not restored" if failure.lost else "restored, but not wholly as it was"
