"""Backs a directory up into memory and mounts it, until standard input ends."""

import os
import signal
import sys
import threading
from pathlib import Path

from backup_owner import Owner
from holdfast.client.mount_fuse import serve
from holdfast.client.mount_view import MountView
from memory_chunks import MemoryChunks


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def main(source: Path, place: Path) -> None:
    owner = Owner(MemoryChunks())
    owner.back_up(source)
    chunks = {p.chunk: p.holds.name for p in owner.repository.index.packs}

    def follow() -> None:
        # "lose" makes the data unreadable; the end of the input ends the mount.
        for line in sys.stdin:
            if line.strip() == "lose":
                held = owner.chunks.held
                data = [chunk for chunk in held if chunks.get(chunk) == "DATA"]
                owner.chunks.lost.update(data)
                say("lost")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
    view = MountView(owner.repository)
    serve(view, place, lambda: say("mounted"))
    say("unmounted")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
