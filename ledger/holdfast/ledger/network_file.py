"""network.json: all that a client or vault needs to join a network.

It names the ledger's address, certificate and parameters. Nothing in it is secret;
whoever hands it out is trusted to name the right ledger.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from holdfast.ledger.errors import LedgerFileError
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.network import NETWORK_PARAMS, NetworkParams
from holdfast.protocol.units import NetworkId

NAME: Final = "network.json"
VERSION: Final = 1
SEEDS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class SeedVault:
    """A vault to ask for all others: its "host:port" and the PEM it shows."""

    endpoint: str
    certificate: bytes


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A network's parameters, its ledger's "host:port", and the PEM it shows.

    `seeds` are vaults from which a newcomer hears of all others, at most 64.
    """

    params: NetworkParams
    endpoint: str
    certificate: bytes
    seeds: tuple[SeedVault, ...] = ()

    @property
    def name(self) -> str:
        """The network's name."""
        return self.params.name

    @property
    def network_id(self) -> NetworkId:
        """The network's id."""
        return self.params.network_id

    @classmethod
    def load(cls, path: Path) -> "NetworkFile":
        """Return the file's content, or raise LedgerFileError."""
        try:
            content = json.loads(path.read_bytes())
        except OSError as error:
            reason = f"{error.strerror}; name a network with its file"
            raise LedgerFileError(str(path), reason) from error
        except ValueError as error:
            raise _unreadable(path, "it is no JSON") from error
        return _from_json(path, content)

    def save(self, path: Path) -> None:
        """Write the file: whoever reads meanwhile sees the old one or the new one."""
        content = {
            "version": VERSION,
            "name": self.name,
            "network_id": self.network_id.hex(),
            "params": NETWORK_PARAMS.encode(self.params).hex(),
            "endpoint": self.endpoint,
            "certificate": self.certificate.decode("ascii"),
            "seeds": [
                {
                    "endpoint": seed.endpoint,
                    "certificate": seed.certificate.decode("ascii"),
                }
                for seed in self.seeds
            ],
        }
        write_whole(path, (json.dumps(content, indent=2) + "\n").encode(), 0o644)


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Write a file so that it is there as a whole or not at all, and durable."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(content)
            file.flush()
            os.fsync(handle)
        Path(name).replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise LedgerFileError(str(path), f"cannot write: {error.strerror}") from error


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _from_json(path: Path, content: Any) -> NetworkFile:  # noqa: ANN401 # JSON
    try:
        if content["version"] != VERSION:
            raise _unreadable(path, "it is of an unknown version")
        params = NETWORK_PARAMS.decode(bytes.fromhex(content["params"]))
        endpoint = str(content["endpoint"])
        certificate = str(content["certificate"]).encode("ascii")
        named = bytes.fromhex(content["network_id"])
        seeds = tuple(
            SeedVault(str(seed["endpoint"]), str(seed["certificate"]).encode("ascii"))
            for seed in content.get("seeds", ())[:SEEDS_MAX]
        )
    except (KeyError, TypeError, ValueError, DecodingError) as error:
        raise _unreadable(path, f"a field is missing or wrong ({error})") from error
    if named != params.network_id:
        raise _unreadable(path, "its network_id does not belong to its params")
    return NetworkFile(params, endpoint, certificate, seeds)


def _unreadable(path: Path, reason: str) -> LedgerFileError:
    text = f"{reason}; ask the network's operator for the file again"
    return LedgerFileError(str(path), text)
