"""Runs the default tests: networks of processes one by one, all else beside them.

    python tests/everything.py

A network mostly waits for its epochs. The other tests take what it leaves of the
processor and no more, so that it has the machine for itself when it wants it.
"""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

NETWORKS: Final = ["-m", "network and not long"]
# One cache of what failed is enough, and only one of two runs can write it.
OTHERS: Final = [
    "-n",
    "auto",
    "-m",
    "not network and not long",
    "-p",
    "no:cacheprovider",
]
GENTLY: Final = ["nice", "-n", "19"]


def main() -> int:
    """Run both; print the others' report at the end, and return 1 if any failed."""
    log = Path(__file__).parents[1] / "build/tests.log"
    log.parent.mkdir(exist_ok=True)
    pytest = [sys.executable, "-m", "pytest"]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with log.open("wb") as report:
        # In groups of their own: what stops this program reaches each of them once.
        others = subprocess.Popen(
            [*GENTLY, *pytest, *OTHERS],
            stdout=report,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        networks = subprocess.Popen([*pytest, *NETWORKS], process_group=0)
        try:
            codes = [networks.wait(), others.wait()]
        except KeyboardInterrupt:
            for child in (networks, others):
                child.send_signal(signal.SIGINT)
                child.wait()
            return 130
    sys.stdout.write(log.read_text(errors="replace"))
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
