"""Which parts of a proposed settlement members object to, and which part goes first."""

from collections.abc import Iterable

from holdfast.protocol.placement import majority
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core.messages import Counted, ProposeSettlement

Part = Digest | Counted
"""The digest of a case, or the name of a certificate whose answer was not shown."""


class Objections:
    """What one proposer hears in one period; parts that were dropped stay dropped."""

    def __init__(self) -> None:
        self.dropped: set[Part] = set()
        self._against: dict[Part, set[VaultId]] = {}

    def begin(self) -> None:
        """Forget who objected: a new statement is asked for."""
        self._against = {}

    def note(
        self, peer: VaultId, parts: Iterable[Part], proposal: ProposeSettlement
    ) -> None:
        """Remember what a member objects to, as far as the statement has it."""
        ejections = proposal.statement.ejections
        named: set[Part] = {ejection.case_digest for ejection in ejections}
        named.update(proposal.counted)
        for part in set(parts) & named:
            self._against.setdefault(part, set()).add(peer)

    def are_fatal(self, members: int, *, patient: bool) -> bool:
        """Return whether the statement cannot, or after waiting did not, win."""
        if not self._against:
            return False
        objectors: set[VaultId] = set()
        for peers in self._against.values():
            objectors |= peers
        return not patient or members - len(objectors) < majority(members)

    def drop_worst(self) -> None:
        """Drop the part that most members object to."""
        against = self._against
        worst = max(against, key=lambda part: (len(against[part]), str(part)))
        self.dropped.add(worst)
        self.begin()
