"""An owner of a running network, whose acts are measured."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proc_figures import cpu_seconds_of

from holdfast.client.core.key_slots import Strength
from holdfast.client.profile import Profile

_CHILD = Path(__file__).with_name("owner_child.py")
_NOWHERE = Path("/nowhere")


@dataclass(frozen=True)
class Spent:
    """What an act took: seconds, CPU seconds of all processes, the user's memory."""

    seconds: float
    cpu_seconds: float
    peak_rss_mib: float


class Owner:
    """Uses the SDK, in a process of its own for each act.

    Times are of the act alone: the client has connected before.
    """

    def __init__(self, home: Path, network_file: Path) -> None:
        self._home = home
        strength = Strength(1, 8 << 20)
        Profile.create(home, network_file, "pass", strength=strength)

    def act(self, what: str, path: Path = _NOWHERE, pids: Sequence[int] = ()) -> Spent:
        """Do what `owner_child.py` knows; `pids` are the network's processes."""
        words = [sys.executable, str(_CHILD), str(self._home), what, str(path)]
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe) as child:
            try:
                return self._watch(child, pids)
            except BaseException:
                child.kill()
                raise

    def _watch(self, child: subprocess.Popen[bytes], pids: Sequence[int]) -> Spent:
        assert child.stdout
        assert child.stdin
        if not child.stdout.readline():
            raise RuntimeError("the owner could not connect")
        before = cpu_seconds_of(pids)
        child.stdin.write(b"\n")
        child.stdin.flush()
        if not (said := child.stdout.readline()):
            raise RuntimeError("the owner's act failed")
        network = cpu_seconds_of(pids) - before
        found = json.loads(said)
        own = found["cpu_seconds"]
        print(f"    client {own:.2f} and network {network:.2f} CPU s")
        return Spent(found["seconds"], own + network, found["peak_rss_mib"])
