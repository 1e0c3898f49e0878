"""One vault of a small world, and what its journal gives back after a crash."""

from dataclasses import dataclass, field

from holdfast.protocol.answer import Answer
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.declared import Stood
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.node import Node
from holdfast.vault.core.saved import (
    AcknowledgementGiven,
    AuditEnded,
    CaseAnswered,
    CaseKept,
    CaseUpheld,
    CertificateCollected,
    CertificateKept,
    CheckpointSigned,
    CheckpointStands,
    ClaimKept,
    MissGiven,
    MissKept,
    Outcome,
    Restored,
    Saved,
    TotalsSettled,
    VoteGiven,
)
from simulation.fake_data import FakeHeld


@dataclass
class SimVault:
    """One vault: its node, what it holds, and what it saved."""

    keys: NodeKeys
    me: Myself
    held: FakeHeld
    node: Node
    alive: bool = True
    hears_ledger: bool = True
    saved: list[Saved] = field(default_factory=list)
    wakes: set[float] = field(default_factory=set)
    logs: list[fx.Log] = field(default_factory=list)
    kept: dict[tuple[VaultId, int], Signed[Answer]] = field(default_factory=dict)

    @property
    def id(self) -> VaultId:
        return self.keys.vault_id

    @property
    def audits(self) -> dict[int, AuditEnded]:
        return {s.epoch: s for s in self.saved if isinstance(s, AuditEnded)}

    def certified(self) -> set[int]:
        ended = self.audits.values()
        return {a.epoch for a in ended if a.outcome is Outcome.CERTIFIED}


def restored_from(saved: list[Saved], vault: VaultId) -> Restored:
    """Return what a journal would give back."""
    signed = [s for s in saved if isinstance(s, CheckpointSigned)]
    declared = {s.checkpoint.value.epoch: s.declared for s in signed}
    stands = [s.standing for s in saved if isinstance(s, CheckpointStands)]
    stood = tuple(
        Stood(s, declared[s.checkpoint.value.epoch])
        for s in stands
        if s.checkpoint.value.epoch in declared
    )
    newest = {
        s.checkpoint.value.vault: s
        for s in saved
        if isinstance(s, AcknowledgementGiven)
    }
    kept = [s.certificate for s in saved if isinstance(s, CertificateKept)]
    entries: dict[bytes, Entries] = {d.root: d.entries for d in declared.values()}
    return Restored(
        signed=signed[-1] if signed else None,
        stood=stood[-3:],
        acknowledged=tuple(newest.values()),
        votes=tuple(s for s in saved if isinstance(s, VoteGiven)),
        audits=tuple(s for s in saved if isinstance(s, AuditEnded)),
        certificates=tuple(c for c in kept if c.checkpoint.value.vault == vault),
        entries=entries,  # type: ignore[arg-type]
        collected=tuple(s for s in saved if isinstance(s, CertificateCollected)),
        settled=tuple(s for s in saved if isinstance(s, TotalsSettled))[-2:],
        misses_given=tuple(s for s in saved if isinstance(s, MissGiven)),
        misses=tuple(s for s in saved if isinstance(s, MissKept)),
        cases=tuple(
            s for s in saved if isinstance(s, CaseKept | CaseUpheld | CaseAnswered)
        ),
        claims=tuple(s.takeover for s in saved if isinstance(s, ClaimKept)),
    )
