"""The exit codes of every Holdfast command, in one place; scripts rely on them.

A code is added, never given another meaning.
"""

import errno
from enum import IntEnum
from typing import Final, Self

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The system's numbers for a full disk."""


class ExitCode(IntEnum):
    """How a command ended, with the meaning that `holdfast version` prints."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Make a member that is the number, and says what it means."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "everything asked for was done"
    FAILED = 1, "an expected error that has no code of its own"
    USAGE = 2, "an unknown option, a missing argument, a value that cannot be read"
    FILES_SKIPPED = 3, "the backup is stored, but some files could not be read"
    FILES_NOT_RESTORED = 4, "some files could not be brought back; the others were"
    NO_PROFILE = 10, "there is no profile: `holdfast init` or `recover` makes one"
    WRONG_PASSPHRASE = 11, "the passphrase or the recovery phrase does not fit"
    UNREACHABLE = 12, "the ledger, or the vaults that are needed, do not answer"
    BALANCE_TOO_LOW = 13, "the account has too few tokens"
    DISK_FULL = 14, "a disk is full, here or at a vault"
    NOT_FOUND = 15, "no path, snapshot, deal, object or vault has this name"
    DATA_UNAVAILABLE = 16, "too few holders answer to rebuild the data"
    TOO_FEW_VAULTS = 17, "too few vaults offer what a deal needs"
    REFUSED = 18, "the ledger or a vault refused, or another writer was first"
    NETWORK_FAILED = 20, "the network on this machine is down, or a process ended"
    UNTRUE = 21, "a check failed: the demo, a comparison, or the ledger's journal"
    DEGRADED = 22, "everything can be read, but holders or fresh proofs are missing"
    INTERNAL = 70, "a bug in Holdfast; the error names the log file with its trace"
    INTERRUPTED = 130, "stopped before the end, from the keyboard or by a signal"
