"""Where a network of this machine keeps its files, and which vaults it has.

DIR/local.json        the vaults, with the endpoints chosen for them
DIR/network.json      what clients need to know of the network
DIR/ledger/           the ledger's own directory
DIR/vaults/NN/        one directory for each vault
DIR/processes/*.json  which process is which
DIR/logs/*.jsonl      what each process had to say
"""

import contextlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Final

from holdfast.client.durable_file import write_durably
from holdfast.client.local_process import ProcessMark
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen

FORMAT: Final = 1
LEDGER: Final = "ledger"
SQLITE: Final = "sqlite"
EVM: Final = "evm"
_READY_SECONDS: Final = 120.0
# Every vault imports web3, and brings three transactions.
_READY_SECONDS_ON_CHAIN: Final = 300.0
# Blocks of other chains come, and become final, in their own time.
_READY_SECONDS_ELSEWHERE: Final = 1800.0


class LocalNetworkError(HoldfastError):
    """The network on this machine is not as a command needs it."""


class NoLocalNetworkError(LocalNetworkError):
    """There is no network in this directory; `holdfast network up` makes one."""


@frozen
class LocalVault:
    """One vault of a local network; `vault` is its id in hexadecimal."""

    number: int
    vault: str
    endpoint: str

    @property
    def name(self) -> str:
        """The name of its log and process file."""
        return f"vault-{self.number:02}"


@frozen
class LocalPlan:
    """What `local.json` says; `quota_bytes` is for each vault.

    `ledger` is "sqlite" or "evm": a program that keeps books, or a chain, whose blocks
    count when `finality_blocks` others are on them. `rpc` is the URL of a node that is
    there already; each vault got `ether_wei` there for gas. Where `accounts_certify`,
    certificates are signatures of the vaults' accounts, not of their BLS keys.
    """

    epoch_seconds: int
    quota_bytes: int
    vaults: tuple[LocalVault, ...] = ()
    ledger: str = SQLITE
    finality_blocks: int | None = 0
    rpc: str = ""
    ether_wei: int = 0
    accounts_certify: bool = False

    @property
    def ready_seconds(self) -> float:
        """How long to wait until all of it serves, and new vaults may be chosen."""
        if self.rpc:
            return _READY_SECONDS_ELSEWHERE + self._joining_seconds
        local = _READY_SECONDS if self.ledger == SQLITE else _READY_SECONDS_ON_CHAIN
        return local + self._joining_seconds

    @property
    def _joining_seconds(self) -> float:
        """Vaults are listed from the second epoch on after that in which they join."""
        return 3.0 * self.epoch_seconds


def require_kind(
    layout: "LocalLayout", ledger: str, accounts_certify: bool | None
) -> None:
    """Raise LocalNetworkError where this kind of certificate cannot be had.

    None is whatever the network has.
    """
    if layout.exists():
        plan = layout.load_plan()
        if accounts_certify not in {None, plan.accounts_certify}:
            kind = "accounts" if plan.accounts_certify else "BLS keys"
            raise LocalNetworkError(
                f"the network in {layout.directory} has its certificates signed by "
                f"{kind} for good; name another directory with --dir"
            )
    elif accounts_certify and ledger != EVM:
        raise LocalNetworkError(
            "accounts certify on a chain only; add --ledger evm, or --rpc URL"
        )


@frozen
class LocalLayout:
    """The paths below one directory, and the two small files kept there."""

    directory: Path

    @property
    def network_file(self) -> Path:
        """What a client is given: `holdfast init --network FILE`."""
        return self.directory / "network.json"

    @property
    def ledger(self) -> Path:
        """The ledger's directory."""
        return self.directory / "ledger"

    @property
    def half_made_ledger(self) -> Path:
        """The ledger's directory until it is complete."""
        return self.directory / "ledger.new"

    @property
    def ledger_file(self) -> Path:
        """The network file that the ledger writes."""
        return self.ledger / "network.json"

    @property
    def chain_file(self) -> Path:
        """The settings of the ledger's chain; there only when it has one."""
        return self.ledger / "chain.json"

    def certificate(self, vault: LocalVault) -> Path:
        """Return where a vault's TLS certificate is."""
        return self.vault(vault) / "tls.pem"

    def vault(self, vault: LocalVault) -> Path:
        """Return a vault's directory."""
        return self.numbered(vault.number)

    def numbered(self, number: int) -> Path:
        """Return the directory of the vault of this number."""
        return self.directory / "vaults" / f"{number:02}"

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.directory / "logs" / f"{name}.jsonl"

    @property
    def lock(self) -> Path:
        """The file that the command at work holds locked."""
        return self.directory / "lock"

    def exists(self) -> bool:
        """Return whether a network was made here."""
        return self._plan.exists()

    def load_plan(self) -> LocalPlan:
        """Return what was made here, or raise LocalNetworkError."""
        try:
            said = json.loads(self._plan.read_bytes())
            vaults = tuple(LocalVault(**vault) for vault in said["vaults"])
            if said["format"] != FORMAT:
                raise LocalNetworkError(
                    f"{self._plan} was written by another version of Holdfast"
                )
            return LocalPlan(
                said["epoch_seconds"],
                said["quota_bytes"],
                vaults,
                said.get("ledger", SQLITE),
                said.get("finality_blocks", 0),
                said.get("rpc", ""),
                said.get("ether_wei", 0),
                said.get("accounts_certify", False),
            )
        except FileNotFoundError as error:
            raise NoLocalNetworkError(
                f"there is no network in {self.directory}"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise LocalNetworkError(f"{self._plan} is damaged") from error

    def save_plan(self, plan: LocalPlan) -> None:
        """Write what is made here; it is whole or not at all after a crash."""
        _write(self._plan, {"format": FORMAT, **asdict(plan)})

    def load_mark(self, name: str) -> ProcessMark | None:
        """Return the process that was last started under this name."""
        try:
            said = json.loads(self._mark(name).read_bytes())
            return ProcessMark(int(said["pid"]), str(said["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save_mark(self, name: str, mark: ProcessMark) -> None:
        """Remember the process started under this name."""
        _write(self._mark(name), asdict(mark))

    def forget_mark(self, name: str) -> None:
        """Forget the process of this name: it has ended."""
        self._mark(name).unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete all of the network; other files in its directory stay."""
        for name in ("vaults", "ledger", "ledger.new", "processes", "logs"):
            shutil.rmtree(self.directory / name, ignore_errors=True)
        for path in (self.network_file, self._plan, self.lock):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.directory.rmdir()

    @property
    def _plan(self) -> Path:
        return self.directory / "local.json"

    def _mark(self, name: str) -> Path:
        return self.directory / "processes" / f"{name}.json"


def _write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, json.dumps(document, indent=1).encode())
