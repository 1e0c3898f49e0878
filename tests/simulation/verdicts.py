"""Promise 5: nobody is ejected without a case file, and nobody honest at all.

Every ejection is judged again from the file that some vault keeps, written out and
read in, with nothing else.
"""

from dataclasses import dataclass, field

from holdfast.ledger.core.case_files import judge_file
from holdfast.protocol.cases import CASE_FILE, CaseFile
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.settlement import Ejection
from holdfast.protocol.units import VaultId
from simulation.sim_vault import SimVault
from simulation.universe import Universe

PATIENCE = 3


@dataclass
class Verdicts:
    """The ejections so far; `judged` were proved guilty by their files."""

    universe: Universe
    broken: list[str] = field(default_factory=list)
    ejected: set[VaultId] = field(default_factory=set)
    false: int = 0
    judged: int = 0
    _waiting: dict[VaultId, tuple[Ejection, int]] = field(default_factory=dict)

    def settled(self, ejections: tuple[Ejection, ...], excused: set[VaultId]) -> None:
        for ejection in ejections:
            vault = self.universe.by_id[ejection.vault]
            if vault.id in self.ejected:
                continue
            self.ejected.add(vault.id)
            self._waiting[vault.id] = (ejection, 0)
            if not vault.hostile and vault.id not in excused:
                self.false += 1
                text = f"vault {vault.number} is honest and was ejected"
                self.broken.append(text)

    def look(self) -> None:
        """Judge the files of the ejected; some patience while they spread."""
        for vault, (ejection, tries) in list(self._waiting.items()):
            keepers = (v for v in self.universe.vaults if v.alive and not v.hostile)
            if any(_convicts(keeper, ejection) for keeper in keepers):
                self.judged += 1
                del self._waiting[vault]
            elif tries >= PATIENCE:
                del self._waiting[vault]
                number = self.universe.by_id[vault].number
                text = f"no case file convicts vault {number}, which was ejected"
                self.broken.append(text)
            else:
                self._waiting[vault] = (ejection, tries + 1)


def _convicts(keeper: SimVault, ejection: Ejection) -> bool:
    file: CaseFile | None = keeper.node.justice.cases.file(ejection.vault)
    if file is None or file.case.digest() != ejection.case_digest:
        return False
    try:
        verdict = judge_file(CASE_FILE.decode(CASE_FILE.encode(file)))
    except HoldfastError:
        return False
    return verdict.guilty and verdict.slashed == ejection.slashed
