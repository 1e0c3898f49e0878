"""Waiting until a local network can take a deal again."""

import asyncio
from typing import Final

from holdfast.client.local_network import LocalNetwork

HOLDERS: Final = 8
_LOOK_SECONDS: Final = 1.0
_SECONDS_MAX: Final = 300.0


def wait_for_takers(network: LocalNetwork) -> None:
    """Return when as many vaults as a deal needs take new ones.

    What an earlier test stopped is suspect for some epochs.
    """
    asyncio.run(asyncio.wait_for(_enough(network), _SECONDS_MAX))


async def _enough(network: LocalNetwork) -> None:
    while await _takers(network) < HOLDERS:  # noqa: ASYNC110 # it has no event
        await asyncio.sleep(_LOOK_SECONDS)


async def _takers(network: LocalNetwork) -> int:
    vaults = (await network.status()).vaults
    return sum(vault.standing == "active" for vault in vaults)
