"""An anvil of our own on loopback, ended with the test run."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception

from evm_chain import START
from holdfast.contracts.header import encode_header

ATTEMPTS = 200


class AnvilChain:
    """A running anvil, with its clock in our hands."""

    def __init__(self, web3: Web3) -> None:
        self.web3 = web3

    @property
    def accounts(self) -> list[str]:
        return list(self.web3.eth.accounts)

    @property
    def now(self) -> int:
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def wait_until(self, seconds: int) -> None:
        """Make a block at this time."""
        if seconds > self.now:
            self._ask("evm_setNextBlockTimestamp", seconds)
        self._ask("evm_mine")

    def remember(self) -> Any:
        return self._ask("evm_snapshot")

    def return_to(self, snapshot: Any) -> None:
        assert self._ask("evm_revert", snapshot)
        self._ask("evm_setTime", self.now + 1)

    def fund(self, account: str) -> None:
        self._ask("anvil_setBalance", account, hex(10**18))

    def header(self, number: int) -> bytes:
        return encode_header(self.web3.eth.get_block(number))

    def _ask(self, method: str, *arguments: Any) -> Any:
        answer = self.web3.provider.make_request(method, list(arguments))  # type: ignore[arg-type] # anvil's own methods
        assert "error" not in answer, answer
        return answer["result"]


@contextmanager
def running_anvil(program: str) -> Iterator[AnvilChain]:
    """Start the program on a free port of loopback, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--host", "127.0.0.1", "--port", str(port), "--silent"]
    command += ["--hardfork", "prague", "--gas-limit", "100000000"]
    command += ["--timestamp", str(START)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        web3 = Web3(HTTPProvider(f"http://127.0.0.1:{port}"))
        _wait(web3, process)
        yield AnvilChain(web3)
    finally:
        process.terminate()
        process.wait(20)


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
