"""What an honest vault must never do, whatever happens to it: contradict itself.

One checkpoint of its own for each epoch, one acknowledgement for each vault and
epoch, never of an older head than before; one vote, and no miss beside a vote.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from holdfast.protocol.answer import answer_id
from holdfast.protocol.units import DealId, Digest, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import messages as m
from holdfast.vault.core.fault_messages import TellMiss
from simulation.sim_vault import SimVault

Said = tuple[str, VaultId, VaultId]


@dataclass
class Consistency:
    """Hears everything that is said; `broken` are the contradictions."""

    broken: list[str] = field(default_factory=list)
    _said: dict[int, dict[Said, Digest]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _heads: dict[tuple[VaultId, VaultId, DealId], int] = field(default_factory=dict)

    def called(self, vault: SimVault, call: fx.Call) -> None:
        match call.request:
            case m.OfferCheckpoint(checkpoint):
                value = checkpoint.value
                self._say(vault, "checkpoint", value.vault, value.epoch, value.digest())
            case TellMiss(miss, signer) if signer == vault.id:
                said = miss.value
                heard = self._said[said.epoch]
                if ("vote", vault.id, said.vault) in heard:
                    self._tell(vault, "a miss beside a vote", said.epoch)
                heard["miss", vault.id, said.vault] = Digest(b"")
            case _:
                pass

    def replied(self, vault: SimVault, request: m.Request, reply: m.Reply) -> None:
        match reply:
            case m.Voted():
                assert isinstance(request, m.SubmitAnswer)
                self._voted(vault, request)
            case m.Acknowledged():
                assert isinstance(request, m.OfferCheckpoint)
                self._acknowledged(vault, request)
            case _:
                pass

    def _voted(self, vault: SimVault, request: m.SubmitAnswer) -> None:
        value = request.answer.value
        about = value.checkpoint.vault
        self._say(vault, "vote", about, value.epoch, answer_id(request.answer))
        if ("miss", vault.id, about) in self._said[value.epoch]:
            self._tell(vault, "a vote beside a miss", value.epoch)

    def _acknowledged(self, vault: SimVault, request: m.OfferCheckpoint) -> None:
        value = request.checkpoint.value
        self._say(vault, "acknowledged", value.vault, value.epoch, value.digest())
        for entry in request.changed.items:
            key = (vault.id, value.vault, entry.deal)
            if entry.sequence < self._heads.get(key, 0):
                self._tell(vault, "an older head acknowledged", value.epoch)
            self._heads[key] = entry.sequence

    def forget_before(self, epoch: int) -> None:
        for old in [one for one in self._said if one < epoch]:
            del self._said[old]

    def _say(
        self, vault: SimVault, what: str, about: VaultId, epoch: int, named: Digest
    ) -> None:
        said = self._said[epoch].setdefault((what, vault.id, about), named)
        if said != named:
            self._tell(vault, f"two different things: {what}", epoch)

    def _tell(self, vault: SimVault, what: str, epoch: int) -> None:
        if not vault.hostile:
            self.broken.append(f"vault {vault.number} signed {what}, epoch {epoch}")
