"""The newest proofs that vaults hold what they signed for, fetched and verified.

A vault hands over its own storage certificate; it counts when a majority of the
neighbours that the ledger gave the vault for that epoch signed it.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Final

from holdfast.client.network_directory import NetworkDirectory
from holdfast.client.network_errors import NetworkError
from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.port import Ledger, RegisteredVault
from holdfast.protocol.checkpoint import StorageCertificate, check_certificate
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.units import VaultId

_AT_ONCE: Final = 16
_SECONDS: Final = 8.0
_PERIODS_BACK: Final = 4


async def followed(directory: NetworkDirectory) -> LedgerState:
    """Return what the ledger says of vaults and of the last few periods' beacons."""
    await directory.refresh()
    return await ledger_state(directory.ledger, directory.rows)


async def ledger_state(
    ledger: Ledger, rows: tuple[RegisteredVault, ...], since: int | None = None
) -> LedgerState:
    """Return the same from rows read before, with beacons from epoch `since` on."""
    tip = await ledger.tip()
    params = ledger.params
    back = _PERIODS_BACK * params.period_epochs + params.window_unreachable
    first = tip.epoch - back if since is None else since - params.period_epochs
    beacons = await ledger.beacons(max(first, 0))
    state = LedgerState(params)
    state.absorb(LedgerNews(tip.sequence, tip.epoch, beacons, rows))
    return state


async def newest_proofs(
    directory: NetworkDirectory, state: LedgerState, vaults: Iterable[VaultId]
) -> Mapping[VaultId, StorageCertificate]:
    """Return the newest verified certificate of each vault that has one."""
    wanted = tuple(dict.fromkeys(vaults))
    turn = asyncio.Semaphore(_AT_ONCE)

    async def ask(vault: VaultId) -> StorageCertificate | None:
        async with turn:
            return await newest_proof(directory, state, vault)

    found = await asyncio.gather(*(ask(vault) for vault in wanted))
    return {v: proof for v, proof in zip(wanted, found, strict=True) if proof}


async def newest_proof(
    directory: NetworkDirectory, state: LedgerState, vault: VaultId
) -> StorageCertificate | None:
    """Return a vault's newest certificate if it shows one that holds."""
    with contextlib.suppress(NetworkError, TimeoutError):
        async with asyncio.timeout(_SECONDS):
            link = directory.link(vault)
            epoch = (await link.describe()).last_certified_epoch
            certificate = await link.certificate(vault, epoch)
        if certificate is not None and proves(state, vault, certificate):
            return certificate
    return None


def proves(state: LedgerState, vault: VaultId, certificate: StorageCertificate) -> bool:
    """Return whether a majority of the vault's neighbours signed the certificate."""
    group = state.group(vault, certificate.epoch)
    if certificate.checkpoint.value.vault != vault or not group:
        return False
    try:
        check_certificate(
            certificate,
            state.network_id,
            group,
            state.identities(),
            state.stand_ins(vault, certificate.epoch, for_answer=True),
        )
    except ProtocolError:
        return False
    return True
