"""Starting and ending the processes of one local network, by name.

"ledger" and "vault-NN" are the names. A process is remembered in a file, so that
another command, after a crash too, finds it again.
"""

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Final

from holdfast.client import local_process
from holdfast.client.local_layout import LEDGER, LocalLayout, LocalNetworkError
from holdfast.client.local_process import ProcessMark
from holdfast.client.programs import program

_END_SECONDS: Final = 15.0
_KILL_SECONDS: Final = 5.0
_RUN_SECONDS: Final = 120.0
_TAIL_BYTES: Final = 8192


class ProgramFailedError(LocalNetworkError):
    """A program of the network failed, or ended although it should run."""

    def __init__(self, name: str, reason: str, log: Path | None = None) -> None:
        where = f" (log: {log})" if log else ""
        super().__init__(f"{name} failed: {reason}{where}")
        self.name = name
        self.log = log


class LocalPrograms:
    """The processes of the network in one directory."""

    def __init__(self, layout: LocalLayout, *, tied: bool = False) -> None:
        self._layout = layout
        self._tied = tied
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def mark(self, name: str) -> ProcessMark | None:
        """Return the process of this name if it runs."""
        self._reap()
        mark = self._layout.load_mark(name)
        if mark is not None and local_process.runs(mark):
            return mark
        # The command that started it may have been killed before it took a note.
        return local_process.running_as(self._words(name))

    def start(self, name: str) -> bool:
        """Start a process unless it runs; return whether it was started."""
        if self.mark(name) is not None:
            return False
        words = self._words(name)
        child = local_process.spawn(
            [program(words[0]), *words[1:]], self._layout.log(name), tied=self._tied
        )
        self._children[child.pid] = child
        mark = local_process.mark_of(child.pid)
        if mark is not None:
            self._layout.save_mark(name, mark)
        return True

    def signal(self, name: str, number: int) -> bool:
        """Send a signal to a process; return whether it runs."""
        mark = self.mark(name)
        return mark is not None and local_process.end(mark, number)

    def stop(self, name: str, *, kill: bool = False) -> bool:
        """End a process and wait until it is gone; return whether it ran."""
        mark = self.mark(name)
        if mark is not None:
            local_process.end(mark, signal.SIGKILL if kill else signal.SIGTERM)
            if not local_process.wait_for_end(mark, _END_SECONDS):
                local_process.end(mark, signal.SIGKILL)
                local_process.wait_for_end(mark, _KILL_SECONDS)
        self._reap()
        self._layout.forget_mark(name)
        return mark is not None

    def check(self, name: str) -> None:
        """Raise ProgramFailedError if the process of this name has ended."""
        if self.mark(name) is None:
            log = self._layout.log(name)
            raise ProgramFailedError(name, last_words(log), log)

    def _words(self, name: str) -> list[str]:
        if name == LEDGER and self._layout.chain_file.exists():
            return ["holdfast-ledger", "chain", "--dir", str(self._layout.ledger)]
        if name == LEDGER:
            return ["holdfast-ledger", "serve", "--dir", str(self._layout.ledger)]
        number = int(name.rpartition("-")[2])
        directory = str(self._layout.numbered(number))
        return ["holdfast-vault", "run", "--dir", directory]

    def _reap(self) -> None:
        for pid, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[pid]


async def run_once(*words: str) -> str:
    """Run a program to its end and return what it printed.

    Raises ProgramFailedError with what it said when it failed or took too long.
    """
    process = await asyncio.create_subprocess_exec(
        program(words[0]),
        *words[1:],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    name = " ".join(words[:2])
    try:
        async with asyncio.timeout(_RUN_SECONDS):
            out, err = await process.communicate()
    except TimeoutError as error:
        raise ProgramFailedError(name, f"no end after {_RUN_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise ProgramFailedError(name, _last_message(err or out))
    return out.decode(errors="replace")


def last_words(log: Path) -> str:
    """Return the last message in a log of JSON lines."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            return _last_message(file.read())
    except OSError:
        return "it left no log"


def _last_message(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    if not lines:
        return "it said nothing"
    try:
        return str(json.loads(lines[-1])["message"])
    except (ValueError, KeyError, TypeError):
        return lines[-1].strip()
