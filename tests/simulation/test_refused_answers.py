"""Neighbours that refuse a good vault everything: the committee's stand-ins help it."""

from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core import events as ev
from holdfast.vault.core.messages import OfferCheckpoint, SubmitAnswer
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.saved import CertificateKept
from simulation.accounts import deals_on, expected_totals, newest_totals
from simulation.world import SimVault, World, sim_params

REFUSED = range(5, 8)
"""The epochs of one drawing of neighbours."""


class Boycott(World):
    """Most neighbours of one vault refuse its checkpoints and its answers."""

    victim: VaultId
    refusers: frozenset[VaultId] = frozenset()

    def begin(self) -> None:
        ledger = self.vaults[self.victim].me.ledger
        self.refusers = frozenset(ledger.group(self.victim, REFUSED[0])[:4])

    def deliver(self, vault: SimVault, event: ev.Event) -> None:
        match event:
            case ev.Asked(_, token, OfferCheckpoint(checkpoint)) if (
                checkpoint.value.epoch in REFUSED
                and self.hits(vault, checkpoint.value.vault)
            ):
                self._do(vault, fx.Refuse(token, Refusal.DENIED, "not you"))
            case ev.Asked(_, token, SubmitAnswer(answer)) if (
                answer.value.epoch in REFUSED
                and self.hits(vault, answer.value.checkpoint.vault)
            ):
                self._do(vault, fx.Refuse(token, Refusal.DENIED, "not you"))
            case _:
                super().deliver(vault, event)

    def hits(self, vault: SimVault, of: VaultId) -> bool:
        return of == self.victim and vault.id in self.refusers


def test_a_vault_that_its_neighbours_boycott_is_certified_and_paid_all_the_same() -> (
    None
):
    world = Boycott(11, seed=3, params=sim_params(group_size=5))
    deals_on(world, 3)
    world.victim = next(iter(world.ledger.deals.values())).holders[0].vault
    world.at(world.params.epoch_start(REFUSED[0] - 1) + 5, world.begin)
    world.run_to_epoch(11)
    victim = world.vaults[world.victim]
    assert set(REFUSED) <= victim.certified()
    kept = [s.certificate for s in victim.saved if isinstance(s, CertificateKept)]
    ours = [one for one in kept if one.checkpoint.value.vault == victim.id]
    refused = [one for one in ours if one.epoch in REFUSED]
    assert len(refused) == len(REFUSED)
    for certificate in refused:
        signers = {vote.signer for vote in certificate.votes}
        assert not signers & world.refusers
        assert signers - set(victim.me.ledger.group(victim.id, certificate.epoch))
    assert newest_totals(world) == expected_totals(world, end_epoch=8)
