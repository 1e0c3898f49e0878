"""`holdfast stats [SNAPSHOT…]`: how large backups are."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from holdfast.client import completing, wording
from holdfast.client.command_line import Command
from holdfast.client.core.snapshot_choice import SnapshotFilter, find_snapshots
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.snapshot_options import filtered

if TYPE_CHECKING:
    from holdfast.client.repository import Repository
    from holdfast.client.repository_stats import RepositoryStats


@click.command("stats", cls=Command)
@click.argument(
    "names", nargs=-1, metavar="[SNAPSHOT]...", shell_complete=completing.snapshots
)
@filtered
@pass_invocation
def command(
    invocation: Invocation, *, names: tuple[str, ...], among: SnapshotFilter
) -> None:
    """Show how large SNAPSHOTs are, restored and stored; of all without a name."""
    with invocation.reader() as client:
        deals = client.chunks_by_deal()

        def add_up(repository: "Repository") -> "RepositoryStats":
            from holdfast.client.repository_stats import stats_of  # noqa: PLC0415

            chosen = find_snapshots(repository.snapshots, names, among)
            return stats_of(repository, chosen, deals)

        stats = client.read(add_up)
    _show(invocation, stats)


def _show(invocation: Invocation, stats: "RepositoryStats") -> None:
    output, sums, raw = invocation.output, stats.sums, stats.raw
    output.say(
        f"{wording.count(stats.snapshots, 'snapshot')}: "
        f"{wording.count(sums.files, 'file')}, "
        f"{wording.count(sums.directories, 'directory', 'directories')}"
    )
    output.say(f"  restored: {wording.size(sums.bytes)}")
    output.say(
        f"  stored once: {wording.size(raw.bytes)} "
        f"in {wording.count(raw.blobs, 'blob')}, "
        f"each byte serves {stats.deduplication:.2f} times"
    )
    output.say(
        f"  compressed and sealed: {wording.size(raw.stored_bytes)} "
        f"({stats.compression:.2f} times smaller)"
    )
    if stats.deals:
        output.say()
        output.table(
            ("deal", ">chunks", ">bytes", ">needed by these"),
            [
                (
                    wording.short(share.deal),
                    f"{share.chunks:,}",
                    wording.size(share.bytes),
                    wording.size(share.needed_bytes),
                )
                for share in stats.deals
            ],
        )
    output.result(
        {
            "snapshots": stats.snapshots,
            "files": sums.files,
            "directories": sums.directories,
            "others": sums.others,
            "restore_bytes": sums.bytes,
            "blobs": raw.blobs,
            "raw_bytes": raw.bytes,
            "stored_bytes": raw.stored_bytes,
            "deduplication": round(stats.deduplication, 4),
            "compression": round(stats.compression, 4),
            "deals": [asdict(share) for share in stats.deals],
        }
    )
