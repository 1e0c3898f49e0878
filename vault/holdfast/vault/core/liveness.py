"""Whether the vaults that we watch can be reached (after SWIM, Das et al., 2002).

A vault that proves its epochs is never asked. Only when its answer is overdue is it
pinged, then through other neighbours, then it is suspect until it is heard again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from holdfast.protocol.units import VaultId
from holdfast.vault.core.effects import Call, Effect, Log, Refuse, Reply
from holdfast.vault.core.events import Asked
from holdfast.vault.core.fault_messages import Ping, PingFor, Reached
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.timing import probe_seconds

HELPERS: Final = 3
WAITING_MAX: Final = 256
FAVOURS_MAX: Final = 4
"""So often in an epoch a vault is pinged for others; then the finding is repeated."""


class Sign(Enum):
    """What is known of one vault."""

    ALIVE = "alive"
    PINGED = "pinged"
    PINGED_FOR = "pinged for"
    SUSPECT = "suspect"


TRANSITIONS: Final = {
    Sign.ALIVE: {Sign.PINGED},
    Sign.PINGED: {Sign.ALIVE, Sign.PINGED_FOR, Sign.SUSPECT},
    Sign.PINGED_FOR: {Sign.ALIVE, Sign.SUSPECT},
    Sign.SUSPECT: {Sign.PINGED, Sign.ALIVE},
}
"""Which sign may follow which; whoever is not mentioned anywhere is alive."""


@dataclass
class Probe:
    """One vault under question; `was_suspect` keeps a dead one from being news."""

    sign: Sign
    helpers: tuple[VaultId, ...]
    was_suspect: bool
    open: set[VaultId] = field(default_factory=set)


@dataclass
class Favour:
    """What others asked us in this epoch to find out about one vault."""

    pings: int = 0
    reached: bool = False
    waiting: list[int] = field(default_factory=list)

    def found(self, *, reached: bool) -> list[Effect]:
        """Tell all who wait what was found, and remember it."""
        tokens, self.waiting, self.reached = self.waiting, [], reached
        return [Reply(token, Reached(reached)) for token in tokens]


class Liveness:
    """The machine of probes, ours and those that others ask us for."""

    def __init__(self, me: Myself) -> None:
        self._me = me
        self._probes: dict[VaultId, Probe] = {}
        self._favours: dict[VaultId, Favour] = {}
        self._epoch = -1

    def sign(self, vault: VaultId) -> Sign:
        """Return what is known of a vault."""
        probe = self._probes.get(vault)
        return probe.sign if probe else Sign.ALIVE

    def reachable(self, vault: VaultId) -> bool | None:
        """Return whether a probed vault was reached; None while that is open."""
        match self.sign(vault):
            case Sign.ALIVE:
                return True
            case Sign.SUSPECT:
                return False
            case _:
                return None

    def probe(self, vault: VaultId, group: Sequence[VaultId]) -> list[Effect]:
        """Ask a vault whether it is there; `group` are its other neighbours."""
        known = self._probes.get(vault)
        if known is None:
            helpers = tuple(v for v in group if v not in {vault, self._me.id})
            known = Probe(Sign.ALIVE, helpers[:HELPERS], was_suspect=False)
            self._probes[vault] = known
        elif self.reachable(vault) is None:
            return []
        known.was_suspect = known.sign is Sign.SUSPECT
        _move(known, Sign.PINGED)
        return [self._ping(vault)]

    def heard(self, vault: VaultId) -> list[Effect]:
        """Note a sign of life, whichever."""
        favour = self._favours.get(vault)
        effects = favour.found(reached=True) if favour else []
        probe = self._probes.pop(vault, None)
        if probe and (probe.was_suspect or probe.sign is Sign.SUSPECT):
            fields = {"vault": vault.hex()}
            effects.append(Log("a vault that we watch is back", fields))
        return effects

    def silent(self, vault: VaultId) -> list[Effect]:
        """Note that a ping was not answered; ask others to try."""
        favour = self._favours.get(vault)
        effects = favour.found(reached=False) if favour else []
        probe = self._probes.get(vault)
        if probe is None or probe.sign is not Sign.PINGED:
            return effects
        if not probe.helpers:
            return effects + self._suspect(vault, probe)
        _move(probe, Sign.PINGED_FOR)
        probe.open = set(probe.helpers)
        request, seconds = PingFor(vault), 2 * probe_seconds(self._me.params)
        return effects + [Call(peer, request, seconds) for peer in probe.helpers]

    def helped(
        self, helper: VaultId, request: PingFor, *, reached: bool
    ) -> list[Effect]:
        """Take what another neighbour found; when nobody reached it, it is suspect."""
        probe = self._probes.get(request.vault)
        if probe is None or probe.sign is not Sign.PINGED_FOR:
            return []
        if reached:
            return self.heard(request.vault)
        probe.open.discard(helper)
        return self._suspect(request.vault, probe) if not probe.open else []

    def asked(self, event: Asked, request: PingFor) -> list[Effect]:
        """Ping on another's behalf, if that vault is one of those that we watch."""
        vault, epoch = request.vault, self._me.epoch_at(event.now)
        if vault == self._me.id:
            return [Reply(event.token, Reached(True))]
        if self._me.ledger.row(vault) is None:
            text = "this vault is not registered"
            return [Refuse(event.token, Refusal.UNKNOWN, text)]
        if self._me.id not in self._me.ledger.group(vault, epoch):
            text = "this vault is not among the neighbours"
            return [Refuse(event.token, Refusal.DENIED, text)]
        if epoch > self._epoch:
            self._turn(epoch)
        return self._do_favour(event.token, vault)

    def _turn(self, epoch: int) -> None:
        """Begin an epoch; only those who still wait for a ping are remembered."""
        self._epoch = epoch
        self._favours = {
            vault: Favour(1, waiting=favour.waiting)
            for vault, favour in self._favours.items()
            if favour.waiting
        }

    def _do_favour(self, token: int, vault: VaultId) -> list[Effect]:
        favour = self._favours.setdefault(vault, Favour())
        if len(favour.waiting) >= WAITING_MAX:
            text = "too many wait for what is found about this vault"
            return [Refuse(token, Refusal.EXHAUSTED, text)]
        favour.waiting.append(token)
        if len(favour.waiting) > 1:
            return []
        if favour.pings >= FAVOURS_MAX:
            return favour.found(reached=favour.reached)
        favour.pings += 1
        return [self._ping(vault)]

    def _ping(self, vault: VaultId) -> Effect:
        return Call(vault, Ping(), probe_seconds(self._me.params))

    def _suspect(self, vault: VaultId, probe: Probe) -> list[Effect]:
        _move(probe, Sign.SUSPECT)
        if probe.was_suspect:
            return []
        text = "a vault that we watch cannot be reached"
        return [Log(text, {"vault": vault.hex()}, warning=True)]


def _move(probe: Probe, sign: Sign) -> None:
    assert sign in TRANSITIONS[probe.sign], (probe.sign, sign)
    probe.sign = sign
