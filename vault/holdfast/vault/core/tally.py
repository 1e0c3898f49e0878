"""Signatures, gathered until a majority of a group or of its stand-ins gave one."""

from collections.abc import Iterable

from holdfast.protocol.checkpoint import Signature
from holdfast.protocol.placement import majority
from holdfast.protocol.units import VaultId


class Tally:
    """Who signed; signatures are verified before they come here."""

    def __init__(self, group: Iterable[VaultId] = ()) -> None:
        self.group = tuple(group)
        self.stand_ins: tuple[VaultId, ...] = ()
        self._signed: dict[VaultId, bytes] = {}
        self._refusers: set[VaultId] = set()

    def __len__(self) -> int:
        return len(self._signed)

    def admit(self, stand_ins: tuple[VaultId, ...]) -> tuple[VaultId, ...]:
        """Count these beside the group; return those who still have to be asked."""
        self.stand_ins = stand_ins
        return tuple(vault for vault in stand_ins if vault not in self.group)

    def knows(self, vault: VaultId) -> bool:
        """Return whether a vault's signature counts."""
        return vault in self.group or vault in self.stand_ins

    def refuse(self, vault: VaultId) -> None:
        """Note that a vault will not sign."""
        self._refusers.add(vault)

    @property
    def is_refused(self) -> bool:
        """Whether a quarter of the group will not sign, so that others must be asked.

        Who is only slow has too much to do: asking others as well would make it worse.
        """
        return 4 * len(self._refusers & set(self.group)) >= len(self.group)

    def add(self, vault: VaultId, signature: bytes) -> None:
        """Count a signature."""
        self._signed[vault] = signature

    def enough(self) -> tuple[Signature, ...]:
        """Return a majority's signatures, or nothing while there is none."""
        for members in (self.group, self.stand_ins):
            needed = majority(len(members))
            signed = [vault for vault in self._signed if vault in members]
            if len(signed) >= needed:
                first = signed[:needed]
                return tuple(Signature(vault, self._signed[vault]) for vault in first)
        return ()

    def can_win(self, open_peers: Iterable[VaultId]) -> bool:
        """Return whether these could still complete a majority."""
        hoped = {*self._signed, *open_peers}
        return any(
            members and len(hoped & set(members)) >= majority(len(members))
            for members in (self.group, self.stand_ins)
        )
