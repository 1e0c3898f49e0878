"""`holdfast schedule`: backups, checks and drills that run by themselves."""

import shutil

import click

from holdfast.client.command_line import Group
from holdfast.client.core.timetable import (
    Job,
    check_name,
    cron_lines,
    unit_name,
    units,
    with_cron_lines,
)
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.schedule_jobs import NEVER, jobs_of

_method_option = click.option(
    "--method",
    type=click.Choice(["systemd", "cron"]),
    help="What runs them.  [default: systemd where there is systemctl]",
)
_name_option = click.option(
    "--name", help="Name of the timetable.  [default: that of the profile]"
)


@click.group("schedule", cls=Group)
def command() -> None:
    """Have backups, checks and restore drills run by themselves.

    What to back up, and how to get at the passphrase, is in config.toml. Times are
    hourly, every 6h, daily 03:30, weekly sun 04:00, monthly 15 04:00, or never.
    """


@command.command("install")
@click.option("--backup", default="daily", show_default=True, help="When to back up.")
@click.option(
    "--forget",
    default=NEVER,
    show_default=True,
    help="When to forget and prune by the --keep rules in config.toml.",
)
@click.option("--check", default="weekly", show_default=True, help="When to check.")
@click.option(
    "--drill",
    default="monthly",
    show_default=True,
    help="When to restore a sample and compare it.",
)
@_method_option
@_name_option
@click.option("--print", "only_print", is_flag=True, help="Write nothing; show it.")
@click.option(
    "--enable", is_flag=True, help="Also run systemctl or crontab: it begins now."
)
@pass_invocation
@click.pass_context
def install(
    context: click.Context,
    invocation: Invocation,
    *,
    backup: str,
    forget: str,
    check: str,
    drill: str,
    method: str | None,
    name: str | None,
    only_print: bool,
    enable: bool,
) -> None:
    """Write a timetable for systemd, or show one for cron.

    Nothing runs by it before you say so: with --enable, or with the commands that
    are shown.
    """
    if only_print and enable:
        raise click.UsageError("Say --print or --enable, not both.")
    root = context.find_root().command
    assert isinstance(root, click.Group)
    settings = invocation.settings_for(root)
    times = {"backup": backup, "forget": forget, "check": check, "drill": drill}
    jobs = jobs_of(invocation, settings, times)
    chosen = name or settings.profile or "default"
    if _method(method) == "systemd":
        _install_units(invocation, chosen, jobs, only_print=only_print, enable=enable)
    else:
        _install_lines(invocation, chosen, jobs, enable=enable)


def _method(chosen: str | None) -> str:
    return chosen or ("systemd" if shutil.which("systemctl") else "cron")


def _install_units(
    invocation: Invocation,
    name: str,
    jobs: list[Job],
    *,
    only_print: bool,
    enable: bool,
) -> None:
    from holdfast.client import schedule_files  # noqa: PLC0415

    output, folder = invocation.output, schedule_files.units_folder()
    files = units(name, jobs)
    timers = [f"{unit_name(name, job)}.timer" for job in jobs]
    if only_print:
        for file in files:
            output.say(f"# {folder / file.name}")
            output.say(file.text)
    else:
        stale = [
            path
            for path in schedule_files.units_of(folder, name)
            if path.name not in {file.name for file in files}
        ]
        schedule_files.write_units(folder, files)
        schedule_files.delete_units(stale)
        for file in files:
            output.say(f"Written: {folder / file.name}")
    if enable:
        schedule_files.run_systemctl("daemon-reload")
        schedule_files.run_systemctl("enable", "--now", *timers)
        output.say(f"Enabled: {' '.join(timers)}")
    elif not only_print:
        output.say("To begin, run these (or this command again with --enable):")
        output.say("  systemctl --user daemon-reload")
        output.say(f"  systemctl --user enable --now {' '.join(timers)}")
        output.say("So that it goes on while nobody is logged in:")
        output.say("  loginctl enable-linger")
    output.result(
        {
            "method": "systemd",
            "name": name,
            "enabled": enable,
            "files": {str(folder / file.name): file.text for file in files},
        }
    )


def _install_lines(
    invocation: Invocation, name: str, jobs: list[Job], *, enable: bool
) -> None:
    from holdfast.client import schedule_files  # noqa: PLC0415

    output = invocation.output
    quiet = [Job(job.name, job.when, (*job.words, "--quiet")) for job in jobs]
    lines = cron_lines(name, quiet)
    if enable:
        table = schedule_files.read_crontab()
        schedule_files.write_crontab(with_cron_lines(table, name, quiet))
        output.say("Put into your crontab:")
    for line in lines:
        output.say(line)
    if not enable:
        output.warn("Put these lines into `crontab -e`, or say --enable.")
    output.result(
        {"method": "cron", "name": name, "enabled": enable, "lines": list(lines)}
    )


@command.command("show")
@_method_option
@pass_invocation
def show(invocation: Invocation, *, method: str | None) -> None:
    """Show the timetables that are written."""
    from holdfast.client import schedule_files  # noqa: PLC0415

    output = invocation.output
    if _method(method) == "cron":
        lines = [
            line
            for line in schedule_files.read_crontab().splitlines()
            if "holdfast" in line
        ]
        for line in lines or ["No timetable: `holdfast schedule install` makes one."]:
            output.say(line)
        output.result({"method": "cron", "lines": lines})
        return
    folder = schedule_files.units_folder()
    found = schedule_files.shown_units(schedule_files.units_of(folder, ""))
    if found:
        rows = [(unit.name, unit.calendar, unit.command) for unit in found]
        output.table(("unit", "when", "command"), rows)
        output.say("When next: systemctl --user list-timers 'holdfast-*'")
    else:
        output.say("No timetable: `holdfast schedule install` makes one.")
    output.result(
        {
            "method": "systemd",
            "units": [
                {"name": unit.name, "when": unit.calendar, "command": unit.command}
                for unit in found
            ],
        }
    )


@command.command("remove")
@_method_option
@_name_option
@click.option(
    "--disable", is_flag=True, help="Also run systemctl or crontab: it ends now."
)
@pass_invocation
@click.pass_context
def remove(
    context: click.Context,
    invocation: Invocation,
    *,
    method: str | None,
    name: str | None,
    disable: bool,
) -> None:
    """Delete the files of a timetable, or its lines for cron with --disable."""
    from holdfast.client import schedule_files  # noqa: PLC0415

    root = context.find_root().command
    assert isinstance(root, click.Group)
    chosen = name or invocation.settings_for(root).profile or "default"
    check_name(chosen)
    output = invocation.output
    if _method(method) == "cron":
        table = schedule_files.read_crontab()
        without = with_cron_lines(table, chosen, ())
        if disable and without != table:
            schedule_files.write_crontab(without)
        there = "taken out of" if disable else "to be taken out of"
        lines = len(table.splitlines()) - len(without.splitlines())
        output.say(f"{lines} lines {there} your crontab")
        output.result({"method": "cron", "lines": lines, "removed": disable})
        return
    paths = schedule_files.units_of(schedule_files.units_folder(), chosen)
    timers = [path.name for path in paths if path.suffix == ".timer"]
    if disable and timers:
        schedule_files.run_systemctl("disable", "--now", *timers)
    schedule_files.delete_units(paths)
    for path in paths:
        output.say(f"Deleted: {path}")
    if not paths:
        output.say(f"There is no timetable {chosen!r}.")
    elif disable:
        schedule_files.run_systemctl("daemon-reload")
    else:
        output.say("Timers that run already end with:")
        output.say(f"  systemctl --user stop {' '.join(timers)}")
        output.say("  systemctl --user daemon-reload")
    output.result({"method": "systemd", "deleted": [str(path) for path in paths]})
