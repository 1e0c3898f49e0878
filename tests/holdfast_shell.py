"""The `holdfast` program as its users run it, with a home folder of their own."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PASSPHRASE = "correct horse"
TRIES_SECONDS = 300
PROGRAM = Path(sys.executable).with_name("holdfast")
SECONDS_MAX = 120


def tries() -> Iterator[int]:
    """Count tries for as long as a network may need, however quick a command is."""
    deadline = time.monotonic() + TRIES_SECONDS
    for number in itertools.count():
        yield number
        if time.monotonic() > deadline:
            return


@dataclass
class Shell:
    """Runs `holdfast` as a user with a home folder would."""

    home: Path
    variables: dict[str, str | None] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        bare = {k: v for k, v in os.environ.items() if not k.startswith("HOLDFAST_")}
        own = {"HOLDFAST_HOME": str(self.home), "HOLDFAST_PASSPHRASE": PASSPHRASE}
        chosen = bare | own | self.variables
        return {name: value for name, value in chosen.items() if value is not None}

    def run(
        self, *words: str | Path, said: str = "", **more: Any
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *map(str, words)],
            env=self.environment(),
            input=said,
            check=False,
            text=True,
            **({"capture_output": True, "timeout": SECONDS_MAX} | more),
        )

    def json(self, *words: str | Path, said: str = "") -> dict[str, Any]:
        """Run a command that must succeed; return its result."""
        run = self.run(*words, "--json", said=said)
        assert run.returncode == 0, run.stdout + run.stderr
        document: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
        return document

    @contextlib.contextmanager
    def network_ends_here(self) -> Iterator[None]:
        """End the network in this home afterwards, even if the tests are killed.

        A watcher of its own session waits until the pipe to it closes, which the
        kernel does for a killed process too.
        """
        line = f"cat >{os.devnull}; exec '{PROGRAM}' network down --delete"
        with subprocess.Popen(
            ["/bin/sh", "-c", line],
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ):
            yield
