"""An auditor's verdict on a case file: what the evidence says, by whose ledger.

A case file brings the rows of the ledger that it is judged with. Offline they are
taken as they stand, and named by their digest; who follows the ledger compares them.
"""

from collections.abc import Iterator

from holdfast.ledger.core.case_files import Verdict, judge_file
from holdfast.ledger.core.court import CaseError
from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.cases import CaseFile, Extract, Fault
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import Digest, NetworkId, VaultId

NOT_HOLDING = "the evidence does not hold"


@frozen
class CaseFinding:
    """What follows from a case file; `verdict` is None when its evidence fails.

    `differences` say where its rows are not those of a ledger it was compared with,
    which nobody did while `compared` is false.
    """

    file: CaseFile
    verdict: Verdict | None
    reason: str
    differences: tuple[str, ...] = ()
    compared: bool = False

    @property
    def guilty(self) -> bool:
        """Whether it convicts, and its rows are not refuted."""
        return bool(self.verdict and self.verdict.guilty) and not self.differences

    @property
    def finding(self) -> str:
        """The finding in a few words."""
        if self.differences:
            return "not of this ledger"
        return self.verdict.finding.value if self.verdict else NOT_HOLDING

    @property
    def vault(self) -> VaultId:
        """The accused."""
        return self.file.case.vault

    @property
    def fault(self) -> str:
        """What it is accused of."""
        try:
            return Fault(self.file.case.fault).name.lower().replace("_", " ")
        except ValueError:
            return "nothing that is known"

    @property
    def params(self) -> NetworkParams:
        """The parameters of the network that it is about."""
        return self.file.extract.params

    @property
    def extract(self) -> Digest:
        """The digest of the ledger's rows in it."""
        return self.file.extract.digest()


def judge_case_file(
    file: CaseFile,
    network: NetworkId | None = None,
    ledger: LedgerState | None = None,
) -> CaseFinding:
    """Judge a case file; `network` is the one it should be of, `ledger` its ledger."""
    differences: list[str] = []
    if network is not None and file.extract.params.network_id != network:
        differences.append("it is a case of another network")
    elif ledger is not None:
        differences += differences_of(file.extract, ledger)
    compared = ledger is not None
    try:
        verdict = judge_file(file)
    except CaseError as error:
        return CaseFinding(file, None, str(error), tuple(differences), compared)
    return CaseFinding(file, verdict, verdict.reason, tuple(differences), compared)


def differences_of(extract: Extract, ledger: LedgerState) -> Iterator[str]:
    """Yield where an extract contradicts a ledger that is followed at least as far."""
    if extract.params != ledger.params:
        yield "its network has other parameters"
        return
    if bool(extract.accounts) != ledger.accounts_certify:
        yield "it has the network's certificates signed by other keys"
        return
    yield from _differences_of_vaults(extract, ledger)
    for beacon in extract.beacons:
        known = ledger.beacon(beacon.epoch)
        if known is not None and known != beacon.value:
            yield f"its beacon of epoch {beacon.epoch} is another one"
    for deal in extract.deals:
        key = ledger.deal_key(deal.deal)
        if key is not None and key != deal.key:
            yield f"its key of deal {deal.deal.hex()[:12]} is another one"


def _differences_of_vaults(extract: Extract, ledger: LedgerState) -> Iterator[str]:
    numbered = ledger.numbered()
    if len(extract.vaults) > len(numbered):
        yield f"it names {len(extract.vaults)} vaults, and {len(numbered)} ever joined"
    accounts = ledger.certifying_accounts()
    for number, account in enumerate(extract.accounts[: len(accounts)]):
        if account != accounts[number]:
            yield f"its vault number {number} has another account"
    for shown, vault in zip(extract.vaults, numbered, strict=False):
        row = ledger.row(vault)
        assert row
        keys = (row.identity_key, row.bls_key, max(row.joined_epoch, 0))
        if (shown.identity_key, shown.bls_key, shown.joined_epoch) != keys:
            yield f"its vault number {row.number} is not {vault.hex()[:12]}"
        elif shown.left_epoch is not None and shown.left_epoch != row.left_epoch:
            yield f"vault {vault.hex()[:12]} left in another epoch than it says"
