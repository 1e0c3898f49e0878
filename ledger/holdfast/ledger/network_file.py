"""network.json: all that a client or vault needs to join a network.

It names the ledger's address, certificate and parameters; when the ledger is on a
chain, a node's URL and the contracts instead. Nothing in it is secret; whoever hands
it out is trusted to name the right ledger.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from holdfast.ledger.core.address import address_from, address_text
from holdfast.ledger.errors import AddressTextError, LedgerFileError
from holdfast.ledger.evm.chain import ChainAddresses
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NETWORK_PARAMS, NetworkParams
from holdfast.protocol.units import NetworkId

NAME: Final = "network.json"
VERSION: Final = 1
SEEDS_MAX: Final = 64
_CONTRACTS: Final = ("network", "token", "registry", "deals", "settlement", "faucet")
_BLS, _ECDSA = "bls", "ecdsa"
_WRONG: Final = (
    AddressTextError,
    AttributeError,
    DecodingError,
    KeyError,
    TypeError,
    ValueError,
)


@frozen
class SeedVault:
    """A vault to ask for all others: its "host:port" and the PEM it shows."""

    endpoint: str
    certificate: bytes


@frozen
class ChainPlace:
    """Where a network's contracts are, and when a block of the chain counts.

    `finality_blocks` is under how many others; None, when the chain calls it final.
    """

    addresses: ChainAddresses
    finality_blocks: int | None = None


@frozen
class NetworkFile:
    """A network's parameters, its ledger's "host:port", and the PEM it shows.

    `seeds` are vaults from which a newcomer hears of all others, at most 64. With a
    `chain`, the endpoint is the URL of one of its nodes, and has no PEM.
    """

    params: NetworkParams
    endpoint: str
    certificate: bytes
    seeds: tuple[SeedVault, ...] = ()
    chain: ChainPlace | None = None

    @property
    def name(self) -> str:
        """The network's name."""
        return self.params.name

    @property
    def network_id(self) -> NetworkId:
        """The network's id."""
        return self.params.network_id

    @property
    def accounts_certify(self) -> bool:
        """Whether accounts sign the network's certificates, and not BLS keys."""
        return self.chain is not None and self.chain.addresses.accounts_certify

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
            **({} if self.chain is None else {"chain": _chain_json(self.chain)}),
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
        chain = _chain(content["chain"]) if "chain" in content else None
    except _WRONG as error:
        raise _unreadable(path, f"a field is missing or wrong ({error})") from error
    if named != params.network_id:
        raise _unreadable(path, "its network_id does not belong to its params")
    return NetworkFile(params, endpoint, certificate, seeds, chain)


def _chain_json(chain: ChainPlace) -> dict[str, Any]:
    where = chain.addresses
    named = {name: getattr(where, name) for name in _CONTRACTS}
    return {
        "contracts": {
            name: address_text(address) for name, address in named.items() if address
        },
        "first_block": where.first_block,
        "certificates": _ECDSA if where.accounts_certify else _BLS,
        "finality_blocks": chain.finality_blocks,
    }


def _chain(content: Any) -> ChainPlace:  # noqa: ANN401 # JSON
    contracts = content["contracts"]
    where: dict[str, Any] = {
        name: address_from(contracts[name]) if name in contracts else None
        for name in _CONTRACTS
    }
    if any(where[name] is None for name in _CONTRACTS if name != "faucet"):
        raise ValueError("a contract is missing")
    depth = content["finality_blocks"]
    # Files from before there was a choice do not say it.
    kind = content.get("certificates", _BLS)
    if kind not in (_BLS, _ECDSA):
        raise ValueError(f"certificates by {kind!r} are unknown")
    first = int(content["first_block"])
    addresses = ChainAddresses(
        **where, first_block=first, accounts_certify=kind == _ECDSA
    )
    return ChainPlace(addresses, None if depth is None else int(depth))


def _unreadable(path: Path, reason: str) -> LedgerFileError:
    text = f"{reason}; ask the network's operator for the file again"
    return LedgerFileError(str(path), text)
