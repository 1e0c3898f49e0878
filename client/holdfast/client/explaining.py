"""What an error means for the user: the exit code, and what to do next.

Errors are told apart by class and by the data they carry, never by their text,
which says what happened. This is imported only when something failed.
"""

import os
import sys
import time
import traceback
from pathlib import Path

import click

from holdfast.client.advice import ADVICE
from holdfast.client.exit_codes import NO_ROOM, ExitCode
from holdfast.protocol.errors import HoldfastError, ProtocolError
from holdfast.protocol.frozen import frozen

_MAKE_ROOM = "make room there and run the same command again"


@frozen
class Explanation:
    """One failure as a user reads it; `kind` is its stable name for programs."""

    kind: str
    code: ExitCode
    what: str
    next_step: str
    kept: str = ""


def explain(error: BaseException, home: Path) -> Explanation:
    """Return what to tell the user; an unexpected error's trace goes to a log file."""
    match error:
        case BaseExceptionGroup():
            return explain(_foremost(error), home)
        case HoldfastError():
            return _expected(error)
        case OSError():
            return _of_the_system(error)
        case click.ClickException():
            return Explanation("failed", ExitCode.FAILED, error.format_message(), "")
        case _:
            return _unexpected(error, home)


def _foremost(group: BaseExceptionGroup[BaseException]) -> BaseException:
    leaves: list[BaseException] = []
    for inner in group.exceptions:
        nested = isinstance(inner, BaseExceptionGroup)
        leaves.append(_foremost(inner) if nested else inner)  # type: ignore[arg-type] # mypy forgets `nested`
    # A bug hides behind the expected errors that it causes, so it goes first.
    expected = (HoldfastError, OSError)
    return next((leaf for leaf in leaves if not isinstance(leaf, expected)), leaves[0])


def _expected(error: HoldfastError) -> Explanation:
    kind, code, next_step = "failed", ExitCode.FAILED, ""
    if isinstance(error, ProtocolError):
        next_step = "if it happens again, this file or that peer is damaged: report it"
    for parent in type(error).__mro__:
        advice = ADVICE.get(parent.__name__)
        if advice is not None:
            kind, code, next_step = advice.kind, advice.code, advice.next_step
            break
    if _caused_by_full_disk(error):
        kind, code, next_step = "disk_full", ExitCode.DISK_FULL, _MAKE_ROOM
    kept = getattr(error, "kept", "")
    said = str(error).strip().rstrip(".") or _first_sentence(error)
    return Explanation(kind, code, said, next_step, kept)


def _caused_by_full_disk(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return True
        error = error.__cause__
    return False


def _first_sentence(error: HoldfastError) -> str:
    text = (type(error).__doc__ or "something went wrong").strip()
    return text.splitlines()[0].rstrip(".")


def _of_the_system(error: OSError) -> Explanation:
    place = os.fsdecode(error.filename) if error.filename else ""
    reason = (error.strerror or str(error)).lower()
    what = f"{place}: {reason}" if place else reason
    if error.errno in NO_ROOM:
        disk = f"the disk that holds {place}" if place else "a disk"
        return Explanation(
            "disk_full",
            ExitCode.DISK_FULL,
            f"{disk} is full",
            _MAKE_ROOM,
        )
    if isinstance(error, FileNotFoundError):
        return Explanation(
            "not_found", ExitCode.NOT_FOUND, f"{place} does not exist", "check the path"
        )
    if isinstance(error, PermissionError):
        step = "give yourself the right to it, or choose another path"
        return Explanation("permission", ExitCode.FAILED, what, step)
    return Explanation("system", ExitCode.FAILED, what, "")


def _unexpected(error: BaseException, home: Path) -> Explanation:
    trace = "".join(traceback.format_exception(error))
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entry = f"{stamp} {sys.argv}\n{trace}\n"
    path = home / "logs" / "errors.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(entry)
        where = f"report it with the trace in {path}"
    except OSError:
        where = f"report it ({home} cannot be written, so no trace was kept)"
    return Explanation(
        "internal",
        ExitCode.INTERNAL,
        f"this is a bug in Holdfast ({type(error).__name__})",
        where,
    )
