"""A chain of one's own for a development network: anvil, the contracts, the beacons.

One directory has the settings (chain.json), the chain's state (anvil.json) and the
network file. Gas costs nothing there, so that accounts need no ether, and every block
is final unless a depth is asked for: nobody else makes any. Such a network is worth
nothing.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from holdfast.ledger.chain_errors import AnvilMissingError
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.errors import LedgerFileError, LedgerUnreachableError
from holdfast.ledger.evm.anvil_state import keep_state, load_options, save_state
from holdfast.ledger.evm.beacons import BeaconKeeper
from holdfast.ledger.evm.commands import NewNetwork, deploy_on
from holdfast.ledger.evm.ledger import EvmLedger
from holdfast.ledger.evm.node import Node
from holdfast.ledger.network_file import NAME, NetworkFile, write_whole
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen

PROGRAM_VARIABLE: Final = "HOLDFAST_ANVIL"
INSTALLED: Final = "build/anvil/node_modules/@foundry-rs"
END_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.1
BLOCK_GAS: Final = 100_000_000
# Run before anvil by its own process: an orphan would keep the port, and its last
# blocks to itself. At SIGTERM it writes its state.
_TIE: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


@frozen
class ChainSettings:
    """What chain.json says; `secret` is the deploying account's, in hexadecimal.

    A block counts when `finality_blocks` others are on it, or, if that is None, when
    the chain says so. With `rpc` the node is somebody else's, there is no program,
    and `purse` is the secret of an account with ether. Where `accounts_certify`, the
    chain of one's own is one without the precompiles that BLS needs.
    """

    name: str
    epoch_seconds: int
    program: str
    port: int
    secret: str
    finality_blocks: int | None = 0
    rpc: str = ""
    purse: str = ""
    accounts_certify: bool = False

    @property
    def url(self) -> str:
        """Where the node answers."""
        return self.rpc or f"http://127.0.0.1:{self.port}"


def prepare(
    directory: Path,
    name: str,
    epoch_seconds: int,
    finality_blocks: int = 0,
    *,
    accounts_certify: bool = False,
) -> None:
    """Make the directory of a chain; raises AnvilMissingError, LedgerFileError."""
    program = find_anvil()
    secret = secrets.token_hex(32)
    settings = ChainSettings(
        name,
        epoch_seconds,
        program,
        _free_port(),
        secret,
        finality_blocks,
        accounts_certify=accounts_certify,
    )
    save_settings(directory, settings)


def save_settings(directory: Path, settings: ChainSettings) -> None:
    """Write chain.json, for its owner only; raises LedgerFileError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerFileError(str(directory), str(error.strerror)) from error
    content = json.dumps(asdict(settings), indent=2) + "\n"
    write_whole(directory / "chain.json", content.encode(), 0o600)


def find_anvil() -> str:
    """Return the anvil that is named, installed beside Holdfast, or on the path."""
    named = os.environ.get(PROGRAM_VARIABLE)
    beside = Path(INSTALLED).glob("anvil-*/bin/anvil")
    found = named or next((str(path.absolute()) for path in beside), None)
    found = found or shutil.which("anvil")
    if found is None:
        raise AnvilMissingError(PROGRAM_VARIABLE)
    return found


async def serve(directory: Path) -> None:
    """Run the chain, and keep its beacons, until told to stop or anvil ends."""
    settings = load_settings(directory)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    process = None if settings.rpc else await _start(directory, settings)
    try:
        async with asyncio.TaskGroup() as group:
            tasks: list[asyncio.Task[Any]] = [
                group.create_task(_work(directory, settings)),
                group.create_task(stopped.wait()),
            ]
            if process is not None:
                tasks.append(group.create_task(_watch(process, stopped)))
                tasks.append(group.create_task(keep_state(settings.url, directory)))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
    except* HoldfastError as errors:
        # What went wrong is a sentence, and the first one counts.
        raise errors.exceptions[0] from None
    finally:
        if process is not None:
            await _end(process)


async def _start(
    directory: Path, settings: ChainSettings
) -> asyncio.subprocess.Process:
    words = (*_tied(), settings.program, *_options(directory, settings))
    return await asyncio.create_subprocess_exec(*words)


async def _watch(process: asyncio.subprocess.Process, stopped: asyncio.Event) -> None:
    """Raise LedgerFileError when anvil ends by itself."""
    status = await process.wait()
    if not stopped.is_set():
        reason = f"it ended with status {status}; its state is kept, start it again"
        raise LedgerFileError("anvil", reason)


async def _work(directory: Path, settings: ChainSettings) -> None:
    """Deploy the network unless it is there, then record its beacons for ever."""
    key = AccountKey.from_secret(bytes.fromhex(settings.secret))
    await _answering(settings.url)
    path = directory / NAME
    if not path.exists():
        genesis = int(time.time())
        depth = settings.finality_blocks
        wish = NewNetwork(
            settings.name,
            True,
            settings.epoch_seconds,
            genesis,
            depth,
            settings.accounts_certify,
        )
        made = path.with_suffix(".new")
        await deploy_on(settings.url, key, wish, made)
        if not settings.rpc:
            await _save(settings.url, directory)
        made.replace(path)
    ledger = await EvmLedger.join(NetworkFile.load(path))
    try:
        account = ledger.open_account(key)
        await BeaconKeeper(ledger.node, ledger.params, ledger.addresses, account).run()
    finally:
        await ledger.close()


async def _answering(url: str) -> None:
    node = Node.at(url)
    try:
        while True:
            with contextlib.suppress(LedgerUnreachableError):
                await node.chain_id()
                return
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await node.close()


async def _save(url: str, directory: Path) -> None:
    """Keep what was deployed, before anybody is told where it is."""
    node = Node.at(url)
    try:
        await save_state(node, directory)
    finally:
        await node.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End anvil, which writes its state then."""
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), END_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


def _tied() -> tuple[str, ...]:
    """Return what lets the kernel end anvil when this process is killed (Linux)."""
    if sys.platform != "linux":
        return ()
    return (sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()))


def _options(directory: Path, settings: ChainSettings) -> list[str]:
    fork = "cancun" if settings.accounts_certify else "prague"
    return [
        *("--host", "127.0.0.1", "--port", str(settings.port), "--silent"),
        *("--hardfork", fork, "--gas-limit", str(BLOCK_GAS)),
        *("--base-fee", "0", "--gas-price", "0", "--no-priority-fee"),
        *("--block-time", "1", "--mixed-mining"),
        *load_options(directory),
    ]


def load_settings(directory: Path) -> ChainSettings:
    """Return what chain.json says, or raise LedgerFileError."""
    path = directory / "chain.json"
    try:
        return ChainSettings(**json.loads(path.read_bytes()))
    except OSError as error:
        raise LedgerFileError(str(path), str(error.strerror)) from error
    except (TypeError, ValueError) as error:
        raise LedgerFileError(str(path), "it is damaged; make it anew") from error


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
