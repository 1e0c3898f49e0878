"""The bill: what deals were charged, each line from two proved totals.

A settlement proves what a deal has spent so far. The difference of two settlements
is what was charged in between; whoever keeps them all can prove every line.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from holdfast.protocol.account_certificate import ANY_CERTIFICATE
from holdfast.protocol.encoding import Format, sequence
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    TOTAL,
    TOTAL_PROOF,
    Certificate,
    TotalProof,
)
from holdfast.protocol.settlement_tree import root_from_path
from holdfast.protocol.units import DealId, Digest, Grains, NetworkId

DEALS_MAX: Final = 16384


class BillError(ProtocolError):
    """A proof of what was charged does not hold."""


@frozen
class SettledPeriod:
    """The settlement of one period, with the proof of each of the owner's totals."""

    certificate: Certificate
    proofs: tuple[TotalProof, ...]

    @property
    def period(self) -> int:
        """The newest period that it settles."""
        return self.certificate.statement.period

    def spent(self) -> dict[DealId, Grains]:
        """Return what each deal has spent up to this period."""
        return {DealId(proof.total.id): proof.total.grains for proof in self.proofs}


SETTLED_PERIOD: Final = Format(
    SettledPeriod,
    kind=91,
    version=1,
    certificate=ANY_CERTIFICATE.nested(),
    proofs=sequence(TOTAL_PROOF.bare(), DEALS_MAX),
)


@frozen
class Charge:
    """One line: what a deal was charged from `first` to `last` period.

    `total` is all that it had spent by then, which the settlement with `root` proves.
    """

    deal: DealId
    first: int
    last: int
    grains: Grains
    total: Grains
    root: Digest


def check_settled(settled: SettledPeriod, network: NetworkId) -> None:
    """Raise BillError unless every total stands in the settlement of this network."""
    statement = settled.certificate.statement
    if statement.network != network:
        raise BillError("the settlement is of another network")
    for proof in settled.proofs:
        check_total(proof, settled.certificate)
    if len(settled.spent()) != len(settled.proofs):
        raise BillError("a deal stands twice in one settlement")


def check_total(proof: TotalProof, certificate: Certificate) -> None:
    """Raise BillError unless this total of a deal stands in the settlement's tree."""
    if proof.total.party != DEAL_LEAF:
        raise BillError("a total is not that of a deal")
    check_leaf(proof, certificate)


def check_leaf(proof: TotalProof, certificate: Certificate) -> None:
    """Raise BillError unless this leaf, whoever's, stands in the settlement's tree."""
    statement = certificate.statement
    leaf = TOTAL.encode(proof.total)
    try:
        root = root_from_path(leaf, proof.index, proof.count, proof.path)
    except ProtocolError as error:
        raise BillError("a proof cannot be of any settlement") from error
    if (root, proof.count) != (statement.root, statement.count):
        raise BillError("a proof is of another settlement")


def charges(
    periods: Iterable[SettledPeriod], opened: Mapping[DealId, int]
) -> tuple[Charge, ...]:
    """Return every charge, oldest first; `opened` is each deal's first period.

    Raises BillError if what a deal had spent ever became less.
    """
    lines: list[Charge] = []
    before: dict[DealId, tuple[int, Grains]] = {}
    for settled in sorted(periods, key=lambda settled: settled.period):
        for deal, total in sorted(settled.spent().items()):
            last, spent = before.get(deal, (opened.get(deal, 0) - 1, 0))
            if total < spent:
                raise BillError(
                    f"deal {deal.hex()[:12]} had spent {spent} grains by period "
                    f"{last} and {total} by period {settled.period}: keep the "
                    "settlements, they prove that the committee was wrong"
                )
            if total > spent:
                root = settled.certificate.statement.root
                first = min(last + 1, settled.period)
                lines.append(
                    Charge(deal, first, settled.period, total - spent, total, root)
                )
            before[deal] = (settled.period, total)
    return tuple(lines)
