"""What an owner keeps of the ledger beside the bills, and judging a bill with it.

With the registry and one beacon for each settled period, the committee that signed a
settlement is drawn again and its signature verified, without any network.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from holdfast.client.core.auditing_settlement import faults_of_signers
from holdfast.client.core.billing import SettledPeriod, check_settled
from holdfast.ledger.core.case_files import ledger_of
from holdfast.ledger.core.values import RegisteredVault
from holdfast.protocol.cases import BeaconRow, Extract, RegistryRow
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import Digest, VaultId

BEACONS_MAX: Final = 4096


@frozen
class BillVerdict:
    """What holds of one archived settlement; `faults` are sentences, none if all does.

    `signers` of the `committee` members signed it.
    """

    settled: SettledPeriod
    committee: int
    signers: tuple[VaultId, ...]
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every total in it is certified."""
        return not self.faults


def drawing_epoch(params: NetworkParams, period: int) -> int:
    """Return the epoch whose beacon drew the committee that settled `period`."""
    return params.first_epoch(period + 1)


def extract_of(
    params: NetworkParams,
    epoch: int,
    rows: Iterable[RegisteredVault],
    beacons: Mapping[int, Digest],
    *,
    accounts_certify: bool = False,
) -> Extract:
    """Return the part of the ledger that settlements are judged with.

    Of more than 4,096 beacons the newest stay.
    """
    newest = sorted(beacons.items())[-BEACONS_MAX:]
    numbered = sorted(rows, key=lambda row: row.number)
    accounts = tuple(row.account for row in numbered) if accounts_certify else ()
    return Extract(
        params,
        epoch,
        tuple(
            RegistryRow(
                row.identity_key,
                row.bls_key,
                max(row.joined_epoch, 0),
                row.left_epoch,
                row.listing.value,
            )
            for row in numbered
        ),
        tuple(BeaconRow(number, value) for number, value in newest),
        accounts=accounts,
    )


def beacons_of(extract: Extract | None) -> dict[int, Digest]:
    """Return an extract's beacons by their epochs; none of no extract."""
    return {row.epoch: row.value for row in extract.beacons} if extract else {}


def judge_bill(settled: SettledPeriod, extract: Extract) -> BillVerdict:
    """Return whether the committee of this ledger certified these totals.

    Raises BillError if a proof does not lead to the settlement, or the settlement is
    of another network.
    """
    check_settled(settled, extract.params.network_id)
    ledger = ledger_of(extract)
    certificate = settled.certificate
    members = ledger.committee(settled.period + 1)
    ranks = [rank for rank in certificate.ranks() if rank < len(members)]
    return BillVerdict(
        settled,
        len(members),
        tuple(members[rank] for rank in ranks),
        tuple(faults_of_signers(ledger, certificate, members)),
    )
