"""One simulated vault: a production node with its journal, disk and habits.

It does what production's driver does: saves are durable before anything else
leaves. It may die between any two effects, and starts again from what was saved.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.answer import Answer
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import events as ev
from holdfast.vault.core import messages as m
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.node import Node
from holdfast.vault.core.saved import CheckpointSigned, Restored, Saved
from simulation.saves import Saves
from simulation.sim_holder import SimHolder

if TYPE_CHECKING:
    from simulation.masks import Mask

Carriers = Mapping[type, Callable[["SimVault", Any], None]]
CLAIM_GRAINS = 1_000
EMPTY = Entries(())


@dataclass
class SimVault:
    """A vault; `life` counts its starts, so that what an earlier one began is void."""

    number: int
    keys: NodeKeys
    params: NetworkParams
    now: Callable[[], float]
    carriers: Carriers
    reach: Callable[["SimVault", VaultId], "SimVault | None"]
    mask: "Mask | None" = None
    alive: bool = False
    gone: bool = False
    disk_full: bool = False
    slow_seconds: float = 0.0
    life: int = 0
    dies_at: int | None = None
    wakes: set[float] = field(default_factory=set)
    asked: set[float] = field(default_factory=set)
    following: bool = False
    warnings: dict[str, int] = field(default_factory=dict)
    answers: OrderedDict[tuple[VaultId, int], Signed[Answer]] = field(
        default_factory=OrderedDict
    )
    entries: Entries = EMPTY

    def __post_init__(self) -> None:
        self.id: VaultId = self.keys.vault_id
        self.account = AccountKey.from_secret(self.keys.account_secret)
        self.saves = Saves(self.id, self.params)
        self.unsaved: list[Saved] = []
        self.me = Myself(self.keys, LedgerState(self.params))
        self.holder = SimHolder(self.keys, self.me.ledger, self.now, self._reach)
        self.node = self._node(Restored())

    @property
    def hostile(self) -> bool:
        return self.mask is not None

    def _node(self, restored: Restored) -> Node:
        return Node(self.me, restored, claim_grains=CLAIM_GRAINS)

    def _reach(self, other: VaultId) -> "SimVault | None":
        return self.reach(self, other)

    def restart(self, holder_restart: Callable[[SimHolder, LedgerState], None]) -> None:
        """Begin another life from the journal and the disk; the ledger is unknown."""
        self.life += 1
        self.alive, self.following = True, False
        self.wakes, self.asked = set(), set()
        self.unsaved, self.dies_at = [], None
        self.me = Myself(self.keys, LedgerState(self.params))
        holder_restart(self.holder, self.me.ledger)
        self.node = self._node(self.saves.restore())

    def deliver(self, event: ev.Event) -> None:
        """Let the node take an event, and carry out what it orders."""
        if not self.alive:
            return
        if self.mask is None:
            self._carry_out(self.node.receive(event))
            return
        heard = self.mask.hear(self, event)
        effects = [] if heard is None else self.node.receive(heard)
        self._carry_out(self.mask.speak(self, event, effects))

    def _carry_out(self, effects: list[fx.Effect]) -> None:
        if not effects:
            return
        if self.dies_at is not None:
            effects = self._cut(effects)
        saves = [effect.saved for effect in effects if type(effect) is fx.Save]
        if saves and not self._save(saves):
            effects = [effect for effect in effects if not _offers(effect)]
        carriers = self.carriers
        for effect in effects:
            carriers[type(effect)](self, effect)
        if self.dies_at is not None and effects:
            self.alive = False

    def _cut(self, effects: list[fx.Effect]) -> list[fx.Effect]:
        """Keep what happens before the crash: nothing, the saves, or some more."""
        assert self.dies_at is not None
        if not effects:
            return effects
        if self.dies_at == 0:
            self.alive = False
            return []
        saves: list[fx.Effect] = [e for e in effects if isinstance(e, fx.Save)]
        others = [e for e in effects if not isinstance(e, fx.Save)]
        return saves + others[: self.dies_at - 1]

    def _save(self, saves: list[Saved]) -> bool:
        batch = [*self.unsaved, *saves]
        if self.disk_full:
            self.unsaved = [one for one in batch if type(one) is not CheckpointSigned]
            return False
        self.saves.keep(batch)
        self.unsaved = []
        return True


def _offers(effect: fx.Effect) -> bool:
    return isinstance(effect, fx.Call) and isinstance(effect.request, m.OfferCheckpoint)
