"""What only the ledger can say of a backup certificate: deals, holders, voters."""

from holdfast.client.core.backup_certificate import (
    BackupCertificate,
    CertificateError,
    CertifiedDeal,
    holders_of,
)
from holdfast.client.storage_proofs import ledger_state, proves
from holdfast.ledger.core.followed import LedgerState
from holdfast.ledger.joining import join
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.port import Ledger, RegisteredVault
from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen

_PAGE = 4096


@frozen
class LedgerView:
    """What the ledger says of one certified deal now.

    `current` of its holders still hold it there; `confirmed` of its proofs have
    voters that the ledger drew, as far as its beacons of then were read.
    """

    epoch: int
    last_epoch: int
    current: int
    confirmed: int


async def confirm(
    certificate: BackupCertificate, network: NetworkFile
) -> tuple[LedgerView, ...]:
    """Ask the network's ledger about each deal, in order.

    Raises CertificateError when the ledger contradicts the certificate, and
    LedgerUnreachableError or WrongNetworkError.
    """
    if network.network_id != certificate.network:
        raise CertificateError(
            f"it is of network {certificate.network_name} "
            f"({certificate.network.hex()[:16]}), not of {network.name}"
        )
    ledger = await join(network)
    try:
        return await confirm_on(certificate, ledger)
    finally:
        await ledger.close()


async def confirm_on(
    certificate: BackupCertificate, ledger: Ledger
) -> tuple[LedgerView, ...]:
    """Ask any ledger about each deal of a verified certificate."""
    rows = await _rows(ledger)
    epochs = [p.certificate.epoch for d in certificate.deals for p in d.proofs]
    state = await ledger_state(ledger, rows, min(epochs, default=None))
    ids = tuple(deal.receipt.head.value.deal for deal in certificate.deals)
    found = {deal.id: deal for deal in await ledger.deals(ids)}
    return tuple(
        _view(deal, found.get(deal.receipt.head.value.deal), state)
        for deal in certificate.deals
    )


def _view(stated: CertifiedDeal, deal: Deal | None, state: LedgerState) -> LedgerView:
    name = stated.receipt.head.value.deal.hex()[:12]
    if deal is None:
        raise CertificateError(f"the ledger has no deal {name}")
    if (deal.deal_key, deal.k) != (stated.receipt.deal_key, stated.k):
        raise CertificateError(f"the ledger has other terms for deal {name}")
    strangers = [v for v in holders_of(stated) if state.row(v) is None]
    if strangers:
        raise CertificateError(f"deal {name}: a holder was never registered")
    now = {holder.vault for holder in deal.holders}
    return LedgerView(
        state.epoch,
        deal.last_epoch(state.params),
        len(now & set(holders_of(stated))),
        sum(
            proves(state, p.certificate.checkpoint.value.vault, p.certificate)
            for p in stated.proofs
        ),
    )


async def _rows(ledger: Ledger) -> tuple[RegisteredVault, ...]:
    rows: dict[bytes, RegisteredVault] = {}
    upto = 0
    while True:
        changes = await ledger.registry(upto)
        rows.update((row.vault, row) for row in changes.vaults)
        upto = changes.upto
        if len(changes.vaults) < _PAGE:
            return tuple(rows.values())
