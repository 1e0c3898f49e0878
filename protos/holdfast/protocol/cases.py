"""Cases: the evidence on which a vault is ejected, in one portable form.

Neighbours open a case. The committee of the next period judges it and, if its
majority agrees, names it in the settlement's statement. So a case file is the
case, the certificate that names it, and the rows of the ledger that both are read
with: whoever has it judges it again, offline.
"""

import hashlib
from enum import Enum
from typing import Final

from holdfast.protocol.account_certificate import optional_certificate
from holdfast.protocol.answer import ANSWER, Answer
from holdfast.protocol.checkpoint import (
    CHECKPOINT,
    STORAGE_CERTIFICATE,
    SignedCheckpoint,
    StorageCertificate,
)
from holdfast.protocol.encoding import (
    BYTES20,
    BYTES32,
    U8,
    U64,
    Either,
    Format,
    fixed,
    optional,
    sequence,
)
from holdfast.protocol.faults import MISS_CERTIFICATE, MissCertificate
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NETWORK_PARAMS, NetworkParams
from holdfast.protocol.settlement import Certificate
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import AccountId, DealId, Digest, VaultId

MISSES_MAX: Final = 256
VAULTS_MAX: Final = 1 << 18
BEACONS_MAX: Final = 4096
DEALS_MAX: Final = 1 << 20


class Fault(Enum):
    """What a vault is accused of."""

    MISSED = 1  # too many epochs, while it could be reached
    AWAY = 2  # too many epochs, unreachable
    TWO_CHECKPOINTS = 3  # it signed two different checkpoints of one epoch
    FALSE_VOTE = 4  # it voted for an answer that proves nothing


@frozen
class Case:
    """An accusation with its evidence; its digest names it in a settlement.

    MISSED and AWAY: `misses`, ascending by epoch, and in `checkpoints` the accused's
    newest known checkpoint, which says how many bytes were lost. TWO_CHECKPOINTS:
    both. FALSE_VOTE: the `certificate` with the accused's vote, and the `answer`
    that it names. Everything else stays empty.
    """

    vault: VaultId
    fault: int
    misses: tuple[MissCertificate, ...] = ()
    checkpoints: tuple[SignedCheckpoint, ...] = ()
    certificate: StorageCertificate | None = None
    answer: Signed[Answer] | None = None

    def digest(self) -> Digest:
        """Return the hash by which an ejection names it."""
        return Digest(hashlib.sha256(CASE.encode(self)).digest())


CASE = Format(
    Case,
    kind=103,
    version=1,
    vault=BYTES32,
    fault=U8,
    misses=sequence(MISS_CERTIFICATE.bare(), MISSES_MAX),
    checkpoints=sequence(CHECKPOINT.nested(), 2),
    certificate=optional(STORAGE_CERTIFICATE.bare()),
    answer=optional(ANSWER.nested()),
)


@frozen
class RegistryRow:
    """What placement and signatures need of a vault, in order of registration."""

    identity_key: bytes
    bls_key: bytes
    joined_epoch: int
    left_epoch: int | None
    listing: int


@frozen
class BeaconRow:
    """The beacon of one epoch."""

    epoch: int
    value: Digest


@frozen
class DealKey:
    """The key that signs a deal's heads."""

    deal: DealId
    key: bytes


@frozen
class Extract:
    """The part of a ledger that a case is read with; `epoch` is when it was taken.

    Where accounts certify, and only there, `accounts` are those of the vaults.
    """

    params: NetworkParams
    epoch: int
    vaults: tuple[RegistryRow, ...]
    beacons: tuple[BeaconRow, ...]
    deals: tuple[DealKey, ...] = ()
    accounts: tuple[AccountId, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError when accounts are there, but not one for each vault."""
        if self.accounts and len(self.accounts) != len(self.vaults):
            raise ValueError("not one account for each vault")

    def digest(self) -> Digest:
        """Return the hash by which two people compare their extracts."""
        return Digest(hashlib.sha256(EXTRACT.encode(self)).digest())


REGISTRY_ROW = Format(
    RegistryRow,
    kind=104,
    version=1,
    identity_key=BYTES32,
    bls_key=fixed(48),
    joined_epoch=U64,
    left_epoch=optional(U64),
    listing=U8,
)
BEACON_ROW = Format(BeaconRow, kind=105, version=1, epoch=U64, value=BYTES32)
DEAL_KEY = Format(DealKey, kind=106, version=1, deal=BYTES32, key=BYTES32)
_LEDGER: Final = {
    "params": NETWORK_PARAMS.nested(),
    "epoch": U64,
    "vaults": sequence(REGISTRY_ROW.bare(), VAULTS_MAX),
    "beacons": sequence(BEACON_ROW.bare(), BEACONS_MAX),
    "deals": sequence(DEAL_KEY.bare(), DEALS_MAX),
}
BLS_EXTRACT: Final = Format(Extract, kind=107, version=1, **_LEDGER)
ACCOUNT_EXTRACT: Final = Format(
    Extract, kind=109, version=1, **_LEDGER, accounts=sequence(BYTES20, VAULTS_MAX)
)
EXTRACT: Final = Either(BLS_EXTRACT, ACCOUNT_EXTRACT, lambda one: bool(one.accounts))


@frozen
class CaseFile:
    """All that anybody needs to judge a case again, offline.

    `certificate` is the settlement that names the case, if it was upheld. `answer`
    is the one with which the accused proved itself in court, if it did.
    """

    extract: Extract
    case: Case
    certificate: Certificate | None = None
    answer: Signed[Answer] | None = None


CASE_FILE = Format(
    CaseFile,
    kind=108,
    version=1,
    extract=EXTRACT.nested(),
    case=CASE.nested(),
    certificate=optional_certificate(),
    answer=optional(ANSWER.nested()),
)
