"""`holdfast forget`: backups off the list, by name or by rules of what to keep."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from holdfast.client import completing
from holdfast.client.command_line import Command
from holdfast.client.core.retention import NO_RULES, Retention
from holdfast.client.core.snapshot_choice import (
    EVERY_SNAPSHOT,
    SnapshotFilter,
    find_snapshots,
)
from holdfast.client.forget_report import ForgetReport, PruneReport, foresee_prune
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.retention_options import retaining
from holdfast.client.snapshot_options import filtered, read_groups

if TYPE_CHECKING:
    from holdfast.client.core.ports import ChunkWriter
    from holdfast.client.core.snapshot import NamedSnapshot
    from holdfast.client.forgetting import ForgetRules, Ruling
    from holdfast.client.repository import Repository, Update
    from holdfast.client.session import Client


@click.command("forget", cls=Command)
@click.argument(
    "names", nargs=-1, metavar="[SNAPSHOT]...", shell_complete=completing.snapshots
)
@retaining
@click.option(
    "--group-by",
    default="host,paths",
    show_default=True,
    help="Keep so many of each host, paths or tags; '' of all together.",
)
@filtered
@click.option("--dry-run", "-n", is_flag=True, help="Only say what would be forgotten.")
@click.option("--prune", is_flag=True, help="Give the space back at once, too.")
@pass_invocation
def command(
    invocation: Invocation,
    *,
    names: tuple[str, ...],
    retention: Retention,
    group_by: str,
    among: SnapshotFilter,
    dry_run: bool,
    prune: bool,
) -> None:
    """Take SNAPSHOTs off the list, or all but what the --keep rules keep.

    A snapshot stays if any rule keeps it. Its data stay until `holdfast prune`, or
    --prune here. Try your rules with --dry-run first.
    """
    if bool(names) == (retention != NO_RULES):
        raise click.UsageError(
            "Name snapshots, or say what to keep, such as --keep-daily 7."
        )
    if names and among != EVERY_SNAPSHOT and "latest" not in names:
        raise click.UsageError("Name snapshots, or choose them: not both.")
    with invocation.client() as client:
        if names:
            report = _by_name(client, names, among, dry_run=dry_run)
        else:
            from holdfast.client.forgetting import ForgetRules  # noqa: PLC0415

            rules = ForgetRules(retention, among, read_groups(group_by))
            report = _by_rules(client, rules, dry_run=dry_run)
        if report.going:
            invocation.kept = "" if dry_run else report.said()
        # Also when nothing goes: a command before this may have died between the two.
        pruned = _prune(client, report, dry_run=dry_run) if prune else None
    report.show(invocation.output, pruned)


def _by_name(
    client: "Client", names: tuple[str, ...], among: SnapshotFilter, *, dry_run: bool
) -> ForgetReport:
    def choose(repository: "Repository") -> "tuple[NamedSnapshot, ...]":
        return find_snapshots(repository.snapshots, names, among)

    def work(
        repository: "Repository", _writer: "ChunkWriter"
    ) -> "tuple[Update, tuple[NamedSnapshot, ...]]":
        from holdfast.client.pruning import forget  # noqa: PLC0415

        chosen = choose(repository)
        return forget(repository, [named.id for named in chosen]), chosen

    going = client.read(choose) if dry_run else client.change(work)
    return ForgetReport(going, (), dry_run=dry_run)


def _by_rules(client: "Client", rules: "ForgetRules", *, dry_run: bool) -> ForgetReport:
    from holdfast.client.forgetting import going_of, rule  # noqa: PLC0415

    def work(
        repository: "Repository", _writer: "ChunkWriter"
    ) -> "tuple[Update, tuple[Ruling, ...]]":
        from holdfast.client.pruning import forget  # noqa: PLC0415

        # Decided again on the newest state: another machine may have been here.
        rulings = rule(repository, rules)
        return forget(repository, going_of(rulings)), rulings

    rulings = client.read(lambda repository: rule(repository, rules))
    if going_of(rulings) and not dry_run:
        rulings = client.change(work)
    going = tuple(named for ruling in rulings for named in ruling.going)
    return ForgetReport(going, rulings, dry_run=dry_run)


def _prune(client: "Client", report: ForgetReport, *, dry_run: bool) -> PruneReport:
    if not dry_run:
        return PruneReport(**asdict(client.prune()))
    removed = frozenset(named.id for named in report.going)
    return client.read(lambda repository: foresee_prune(repository, removed))
