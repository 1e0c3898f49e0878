"""An anvil of our own on loopback, ended with the test run."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception

from evm_chain import START
from holdfast.contracts.header import encode_header
from holdfast.ledger.core.address import address_text
from holdfast.ledger.evm.node import Node
from holdfast.protocol.units import AccountId

ATTEMPTS = 400
INSTALLED: Final = Path(__file__).parents[1] / "build" / "anvil" / "node_modules"


def anvil_program() -> str | None:
    """Return the anvil that is named or installed, or None."""
    named = os.environ.get("HOLDFAST_ANVIL")
    if named is not None:
        return named
    found = INSTALLED.glob("@foundry-rs/anvil-*/bin/anvil")
    return next((str(path) for path in found), None)


class AnvilChain:
    """A running anvil, with its clock in our hands."""

    identity: AccountId | None = None

    def __init__(self, web3: Web3, url: str) -> None:
        self.web3 = web3
        self.url = url

    @property
    def accounts(self) -> list[str]:
        return list(self.web3.eth.accounts)

    @property
    def rich(self) -> str:
        return self.accounts[-1]

    @property
    def now(self) -> int:
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def wait_until(self, seconds: int) -> None:
        """Make a block at this time."""
        if seconds > self.now:
            self.ask("evm_setNextBlockTimestamp", seconds)
        self.ask("evm_mine")

    def remember(self) -> Any:
        return self.ask("evm_snapshot")

    def return_to(self, snapshot: Any) -> None:
        assert self.ask("evm_revert", snapshot)
        self.ask("evm_setTime", self.now + 1)

    def fund(self, account: str) -> None:
        self.ask("anvil_setBalance", account, hex(10**18))

    def fund_account(self, account: AccountId) -> None:
        self.fund(address_text(account))

    def header(self, number: int) -> bytes:
        return encode_header(self.web3.eth.get_block(number))

    def node(self, patience_seconds: float = 15.0) -> Node:
        return Node.at(self.url, patience_seconds)

    def ask(self, method: str, *arguments: Any) -> Any:
        answer = self.web3.provider.make_request(method, list(arguments))  # type: ignore[arg-type] # anvil's own methods
        assert "error" not in answer, answer
        return answer["result"]


@contextmanager
def running_anvil(
    program: str,
    start: int = START,
    *options: str,
    port: int | None = None,
    hardfork: str = "prague",
) -> Iterator[AnvilChain]:
    """Start the program on a port of loopback, and end it."""
    chosen = port or free_port()
    command = [program, "--host", "127.0.0.1", "--port", str(chosen), "--silent"]
    command += ["--hardfork", hardfork, "--gas-limit", "100000000"]
    command += ["--timestamp", str(start), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{chosen}"
        web3 = Web3(HTTPProvider(url))
        _wait(web3, process)
        yield AnvilChain(web3, url)
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(web3: Web3, process: subprocess.Popen[bytes]) -> None:
    for _ in range(ATTEMPTS):
        assert process.poll() is None, "anvil ended"
        if web3.is_connected():
            return
        with_pause(process)
    raise Web3Exception("anvil does not answer")


def with_pause(process: subprocess.Popen[bytes]) -> None:
    """Give the process a moment, unless it ends."""
    try:
        process.wait(0.05)
    except subprocess.TimeoutExpired:
        return
