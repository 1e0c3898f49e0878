"""The `holdfast` command: its table of commands, and how every error ends.

Commands are imported only when they run; `holdfast --help` imports none.
"""

import sys
from collections.abc import Sequence
from typing import Final

import click

from holdfast.client.command_line import LazyGroup, origin_of
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation
from holdfast.client.output import Output

SECTIONS: Final = {
    "Start": {
        "demo": "Show all of Holdfast on this machine, on real files.",
        "init": "Make a profile: your keys, behind a passphrase.",
        "recover": "Make a profile again from its 24 words or its recovery kit.",
        "recovery": "Prepare for the worst: a printed kit, guardian shares.",
        "key": "Passphrases of this machine: list, add, change, remove.",
        "config": "Show settings, and where each comes from.",
        "schedule": "Backups, checks and drills that run by themselves.",
        "completion": "What bash, zsh or fish need to complete commands.",
        "version": "Print the version.",
    },
    "Backups": {
        "backup": "Back up files and directories.",
        "snapshots": "List your backups.",
        "ls": "List the files in a backup.",
        "find": "Find files by name in all backups.",
        "diff": "Show what changed from one backup to another.",
        "mount": "Show all backups as a directory (where FUSE is).",
        "cat": "Write a file of a backup to standard output.",
        "stats": "Show how large backups are.",
        "tag": "Change the tags of backups: add, remove, set.",
        "restore": "Bring files back from a backup.",
        "forget": "Remove backups from the list.",
        "prune": "Drop data that no backup needs, and stop paying for it.",
        "check": "Who holds your data, who proved it, does it read back.",
        "certificate": "A signed statement of who holds a backup; verify one.",
        "cost": "Say what a backup of a path would cost.",
    },
    "Tokens and deals": {
        "wallet": "Your account: balance, transfer, address, faucet.",
        "deal": "Your deals with vaults: list, show, open, extend, renew, close.",
        "bill": "What was charged, by deal and period, with proofs.",
    },
    "Networks": {
        "network": "A whole network on this machine: up, status, down.",
        "vault": "Run a vault that earns by storing.",
        "ledger": "Run a ledger, or verify its journal.",
        "audit": "Check vaults, deals, payments and cases, trusting nobody.",
    },
}


@click.group(
    cls=LazyGroup,
    package="holdfast.client.commands",
    sections=SECTIONS,
    hidden_commands=("reference",),
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 some files not read, "
    "10 no profile, 11 passphrase, 12 unreachable, 13 balance, 14 disk full; "
    "`holdfast version --exit-codes` lists all.",
)
def holdfast() -> None:
    """Encrypted backups on many vaults that watch each other.

    New here? Run `holdfast demo`.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Raises only SystemExit, from click when whoever read the output went away.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        # A file's odd name must not end the command that lists it.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    invocation = Invocation()
    try:
        code = holdfast.main(
            words, prog_name="holdfast", standalone_mode=False, obj=invocation
        )
    except click.UsageError as error:
        return _usage(error, words, invocation)
    except (KeyboardInterrupt, click.Abort):
        return _interrupted(invocation)
    except Exception as error:  # noqa: BLE001 # the border: no user sees a traceback
        return _failed(error, invocation)
    return int(code or ExitCode.OK)


def _usage(
    error: click.UsageError, words: Sequence[str], invocation: Invocation
) -> int:
    as_json = invocation.as_json or "--json" in words
    path = error.ctx.command_path if error.ctx else "holdfast"
    what = error.format_message().rstrip(".") + origin_of(error)
    step = f"`{path} --help` says how"
    Output(as_json=as_json).error(what, "", step, "usage", ExitCode.USAGE)
    return ExitCode.USAGE


def _interrupted(invocation: Invocation) -> int:
    invocation.output.error(
        "stopped before the end",
        invocation.kept,
        "run the same command again to go on",
        "interrupted",
        ExitCode.INTERRUPTED,
    )
    return ExitCode.INTERRUPTED


def _failed(error: Exception, invocation: Invocation) -> int:
    # Imported only now: it knows the errors of every part.
    from holdfast.client.explaining import explain  # noqa: PLC0415

    explained = explain(error, invocation.home)
    invocation.output.error(
        explained.what,
        explained.kept or invocation.kept,
        explained.next_step,
        explained.kind,
        explained.code,
    )
    return explained.code


if __name__ == "__main__":
    sys.exit(main())
