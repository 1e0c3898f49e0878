"""From a network's file to the kit that names it, and back on a new machine.

The kit has fingerprints only; what else a client must know of the network is asked
of the ledger that the kit names, and believed because the network's id fits. Of a
network on a chain a kit cannot say enough: it brings the key, and the file is needed.
"""

import asyncio
import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from holdfast.client.core.kit import make_kit
from holdfast.client.core.kit_bytes import (
    FINGERPRINT_BYTES,
    Kit,
    KitEndpoint,
    KitError,
    fingerprint,
)
from holdfast.client.kit_certificate import (
    ANSWER_SECONDS,
    KitServerError,
    fetch_certificate,
)
from holdfast.ledger.network_file import NetworkFile, SeedVault
from holdfast.ledger.remote import RemoteLedger

NO_FINGERPRINT: Final = bytes(FINGERPRINT_BYTES)
"""Instead of a ledger's: the network is on a chain."""
_PATIENCE_SECONDS: Final = 15.0


class KitNetworkError(KitError):
    """A recovery kit and a network's file are of different networks."""


def kit_of(master: bytes, network: NetworkFile) -> Kit:
    """Return the kit of a master key and the network it is for, or raise KitError."""
    try:
        ledger = (
            _endpoint(network.endpoint, network.certificate)
            if network.chain is None
            else _chain_node(network.endpoint)
        )
    except ValueError as error:
        raise KitError(
            f"the network's file names a ledger that no kit can: {error}; "
            "keep the 24 words instead"
        ) from error
    return make_kit(master, network.network_id, ledger, _seeds(network))


async def network_of(kit: Kit, seconds: float = ANSWER_SECONDS) -> NetworkFile:
    """Return the file of a kit's network, as its ledger tells it.

    Seeds that do not answer are left out. Raises KitServerError,
    LedgerUnreachableError or WrongNetworkError.
    """
    if kit.ledger.fingerprint == NO_FINGERPRINT:
        raise KitServerError(
            "this kit's network is on a chain, and a kit cannot say where its "
            "contracts are"
        )
    certificate = await asyncio.to_thread(fetch_certificate, kit.ledger, seconds)
    seeds = await asyncio.gather(*(_seed(server, seconds) for server in kit.seeds))
    ledger = await RemoteLedger.connect(
        kit.ledger.endpoint, certificate, kit.network, _PATIENCE_SECONDS
    )
    await ledger.close()
    answering = tuple(seed for seed in seeds if seed is not None)
    return NetworkFile(ledger.params, kit.ledger.endpoint, certificate, answering)


def check_network(kit: Kit, network: NetworkFile) -> None:
    """Raise KitNetworkError unless the file is of the kit's network."""
    if network.network_id != kit.network:
        raise KitNetworkError(
            f"the kit is for network {kit.network.hex()[:16]} and the file for "
            f"{network.name} ({network.network_id.hex()[:16]}); name the other file, "
            "or none: the kit knows where its network was"
        )


async def _seed(server: KitEndpoint, seconds: float) -> SeedVault | None:
    try:
        certificate = await asyncio.to_thread(fetch_certificate, server, seconds)
    except KitServerError:
        return None
    return SeedVault(server.endpoint, certificate)


def _seeds(network: NetworkFile) -> Iterator[KitEndpoint]:
    for seed in network.seeds:
        try:
            yield _endpoint(seed.endpoint, seed.certificate)
        except ValueError:
            continue


def _chain_node(url: str) -> KitEndpoint:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme in {"https", "wss"} else 80)
    return KitEndpoint(f"{parts.hostname or ''}:{port}", NO_FINGERPRINT)


def _endpoint(endpoint: str, pem: bytes) -> KitEndpoint:
    der = ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))
    return KitEndpoint(endpoint, fingerprint(der))
