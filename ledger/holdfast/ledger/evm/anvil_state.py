"""What is kept of a chain of one's own: its state, whole, and some seconds old at most.

anvil itself writes its state over the one before, and who kills it meanwhile has none.
So it is asked for its state, which takes the place of the old file at once. What anvil
writes when it is told to end is newer, and counts if it is whole.
"""

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Final

from holdfast.ledger.errors import LedgerError, LedgerFileError
from holdfast.ledger.evm.node import Node
from holdfast.ledger.network_file import write_whole

STATE: Final = "anvil.json"
LAST: Final = "anvil.last.json"
SAVE_SECONDS: Final = 5.0
SHARE: Final = 20
"""Saving takes no more than one part in so many of the time."""

_NEVER_SECONDS: Final = 10**6
_PRIVATE: Final = 0o600
_log = logging.getLogger(__name__)


def load_options(directory: Path) -> list[str]:
    """Return what makes anvil go on where it was, and write its state at its end.

    Raises LedgerFileError.
    """
    state, last = directory / STATE, directory / LAST
    try:
        _take_last(state, last)
    except OSError as error:
        raise LedgerFileError(str(last), str(error.strerror)) from error
    load = ("--load-state", str(state)) if state.exists() else ()
    seldom = ("--state-interval", str(_NEVER_SECONDS))
    return [*load, "--dump-state", str(last), *seldom]


async def save_state(node: Node, directory: Path) -> None:
    """Write down how the chain is now; raises LedgerError."""
    content = await node.anvil_state()
    await asyncio.to_thread(write_whole, directory / STATE, content, _PRIVATE)


async def keep_state(url: str, directory: Path) -> None:
    """Save the state again and again for ever, also after it failed."""
    node = Node.at(url)
    try:
        while True:
            began = time.monotonic()
            try:
                await save_state(node, directory)
            except LedgerError as error:
                fields = {"reason": str(error)}
                _log.warning("state not saved", extra={"fields": fields})
            took = time.monotonic() - began
            await asyncio.sleep(max(SAVE_SECONDS, SHARE * took))
    finally:
        await node.close()


def _take_last(state: Path, last: Path) -> None:
    if not last.exists():
        return
    try:
        json.loads(last.read_bytes())
    except ValueError:
        fields = {"file": str(last)}
        _log.warning("anvil was killed while it wrote", extra={"fields": fields})
        last.unlink()
    else:
        last.replace(state)
