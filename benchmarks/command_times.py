"""How long the program takes that people type: wall milliseconds of one command."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from holdfast.client.profile import Profile

PROGRAM: Final = Path(sys.executable).with_name("holdfast")
SECONDS_MAX: Final = 60
SNAPSHOTS: Final = 3
_PASSPHRASE: Final = "pass"


class CommandLine:
    """A profile as `holdfast init` makes it, with a few snapshots."""

    def __init__(self, top: Path, network_file: Path) -> None:
        home = top / "home"
        Profile.create(home, network_file, _PASSPHRASE)
        own = {"HOLDFAST_HOME": str(home), "HOLDFAST_PASSPHRASE": _PASSPHRASE}
        bare = {k: v for k, v in os.environ.items() if not k.startswith("HOLDFAST_")}
        self._environment = bare | own
        self.milliseconds("wallet", "faucet")
        source = top / "source"
        source.mkdir()
        for number in range(SNAPSHOTS):
            (source / str(number)).write_bytes(os.urandom(50_000))
            self.milliseconds("backup", str(source))

    def milliseconds(self, *words: str) -> float:
        """Run a command that must succeed, and return how long that took."""
        began = time.perf_counter()
        done = subprocess.run(
            [PROGRAM, *words],
            env=self._environment,
            check=False,
            capture_output=True,
            timeout=SECONDS_MAX,
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace")
            raise RuntimeError(f"holdfast {words[0]}: {said[-500:]}")
        return 1000 * seconds
