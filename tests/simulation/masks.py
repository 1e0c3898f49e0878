"""How hostile vaults behave: each mask lies around a production node in one way.

A mask hears events before its node does and changes what the node says. It uses
the vault's own keys and nothing that a real adversary would not have.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from holdfast.protocol.answer import Answer, LeafProof
from holdfast.protocol.checkpoint import CHECKPOINT
from holdfast.protocol.chunk import ShardProof
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import events as ev
from holdfast.vault.core import messages as m
from holdfast.vault.core.challenged import WantedLeaf
from holdfast.vault.core.refusals import Refusal
from simulation.sim_vault import SimVault

Effects = list[fx.Effect]


class Mask:
    """An honest face; subclasses override where they cheat."""

    silent_about_loss = False
    drops = 0.0
    forges = False

    def hear(self, vault: SimVault, event: ev.Event) -> ev.Event | None:
        return event

    def speak(self, vault: SimVault, event: ev.Event, effects: Effects) -> Effects:
        return effects

    def judge(
        self, vault: SimVault, answer: Signed[Answer], fault: str | None
    ) -> str | None:
        return fault

    def read(
        self, wanted: Sequence[WantedLeaf], leaves: Sequence[LeafProof | None]
    ) -> tuple[LeafProof | None, ...]:
        return tuple(leaves)

    def serve(self, proof: ShardProof, body: bytes) -> bytes | None:
        return body


@dataclass
class Dropper(Mask):
    """Deletes a fraction of its shards and says nothing of it."""

    drops: float
    silent_about_loss: bool = True


@dataclass
class Selective(Dropper):
    """A dropper that sometimes does not answer at all, as if it were ill."""

    dice: random.Random = field(default_factory=random.Random)

    def speak(self, vault: SimVault, event: ev.Event, effects: Effects) -> Effects:
        if isinstance(event, ev.LeavesRead) and self.dice.random() < 0.1:
            return [e for e in effects if not isinstance(e, fx.SealAnswer)]
        return effects


@dataclass
class Colluder(Mask):
    """Votes for its friends unseen, works against everybody else."""

    friends: frozenset[VaultId]
    drops: float = 0.0
    silent_about_loss: bool = True

    def judge(
        self, vault: SimVault, answer: Signed[Answer], fault: str | None
    ) -> str | None:
        if answer.value.checkpoint.vault in self.friends:
            return None
        return fault or "it looks wrong to me"

    def speak(self, vault: SimVault, event: ev.Event, effects: Effects) -> Effects:
        if not isinstance(event, ev.Asked):
            return effects
        request = event.request
        if not isinstance(request, m.OfferCheckpoint):
            return effects
        if request.checkpoint.value.vault in self.friends:
            return effects
        kept = [e for e in effects if not isinstance(e, fx.Reply)]
        return [*kept, fx.Refuse(event.token, Refusal.DENIED, "no")]


class Liar(Mask):
    """Signs two checkpoints of one epoch and shows every neighbour both."""

    def speak(self, vault: SimVault, event: ev.Event, effects: Effects) -> Effects:
        calls = (effect for effect in effects if isinstance(effect, fx.Call))
        return [*effects, *(twin for call in calls for twin in _twisted(vault, call))]


def _twisted(vault: SimVault, call: fx.Call) -> Effects:
    offer = call.request
    if not isinstance(offer, m.OfferCheckpoint):
        return []
    other = replace(offer.checkpoint.value, root=Digest(bytes(32)), present_bytes=0)
    signed = CHECKPOINT.sign(other, vault.me.network, vault.me.pair)
    return [replace(call, request=replace(offer, checkpoint=signed))]


class GarbageServer(Mask):
    """Serves wrong shards to whoever rebuilds."""

    def serve(self, proof: ShardProof, body: bytes) -> bytes | None:
        return bytes(byte ^ 1 for byte in body)


class Staller(Mask):
    """A committee member that takes part in no settlement."""

    def hear(self, vault: SimVault, event: ev.Event) -> ev.Event | None:
        if isinstance(event, ev.Asked) and isinstance(
            event.request, m.ProposeSettlement | m.Certify
        ):
            return None
        return event

    def speak(self, vault: SimVault, event: ev.Event, effects: Effects) -> Effects:
        return [e for e in effects if not _proposes(e)]


def _proposes(effect: fx.Effect) -> bool:
    return isinstance(effect, fx.Call) and isinstance(
        effect.request, m.ProposeSettlement
    )
