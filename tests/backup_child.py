"""A backup in a process of its own, to be killed: it says how far it is.

python backup_child.py HOME PASSPHRASE SOURCE
"""

import asyncio
import json
import sys
from pathlib import Path

from holdfast.client import AsyncClient, Profile
from holdfast.client.session_values import Progress


def say(**fact: object) -> None:
    # One write: progress comes from several threads, and a line must stay whole.
    sys.stdout.write(f"{json.dumps(fact)}\n")
    sys.stdout.flush()


async def main(home: Path, passphrase: str, source: Path) -> None:
    profile = Profile.load(home)
    keys = profile.unlock(passphrase)
    say(stage="connecting")
    async with await AsyncClient.connect(profile, keys) as client:
        say(stage="backing up")

        def tell(progress: Progress) -> None:
            say(
                stage="sending",
                uploaded=progress.bytes_uploaded,
                acknowledged=progress.bytes_acknowledged,
            )

        result = await client.backup([source], progress=tell)
        say(stage="done", uploaded=result.bytes_uploaded)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
