"""One vault at its audit: a checkpoint that stands, held data, an answer to send."""

from audit_parties import Parties, of_kind, only
from holdfast.protocol.answer import Answer, answer_id
from holdfast.protocol.checkpoint import VOTE, Vote
from holdfast.protocol.judgement import seal
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.answering import Answering
from holdfast.vault.core.checkpointing import Checkpointing
from holdfast.vault.core.declared import Declared, Stood
from holdfast.vault.core.events import AnswerSealed, LeavesRead
from holdfast.vault.core.messages import SubmitAnswer, Voted
from holdfast.vault.core.saved import Restored
from simulation.fake_data import FakeHeld
from simulation.world import sim_params

EPOCH = 6


class Audited:
    """One vault whose checkpoint of EPOCH stands, and its held data."""

    def __init__(
        self,
        stood_epoch: int = EPOCH,
        vaults: int = 10,
        params: NetworkParams | None = None,
    ) -> None:
        self.parties = Parties(vaults, params or sim_params())
        self.parties.reach(EPOCH)
        fake = self.parties.deal(1, [0, 1, 2, 3])
        me = self.parties.me
        self.held = FakeHeld(me.id)
        self.held.deals[fake.deal.id] = fake
        entries = self.held.entries()
        signed = self.parties.checkpoint(me.keys, stood_epoch, entries)
        assert fake.head
        declared = Declared(entries, {fake.deal.id: fake.head})
        standing = self.parties.standing(signed)
        restored = Restored(stood=(Stood(standing, declared),))
        self.machine = Answering(me, Checkpointing(me, restored), restored)
        self.now = self.parties.at(EPOCH, 0.01)
        self.answer: Signed[Answer] | None = None

    @property
    def group(self) -> tuple[VaultId, ...]:
        return self.parties.ledger.group(self.parties.me.id, EPOCH)

    def submitted(self) -> list[fx.Effect]:
        """Run up to where the answer is sent."""
        read = only(self.machine.step(self.now), fx.ReadLeaves)
        leaves = self.held.read(read.wanted)
        order = self.machine.read(LeavesRead(self.now, EPOCH, leaves))
        work = only(order, fx.SealAnswer)
        sealed = seal(work.answer, work.question, self.parties.me.pair)
        assert sealed.fault is None
        self.answer = sealed.answer
        return self.machine.sealed(
            AnswerSealed(self.now, EPOCH, sealed.answer, sealed.fault)
        )

    def vote(self, by: VaultId) -> Voted:
        assert self.answer
        digest = self.answer.value.checkpoint.digest()
        vote = Vote(self.parties.me.id, EPOCH, digest, answer_id(self.answer))
        pair = self.parties.by_id[by].identity
        signed = VOTE.sign(vote, self.parties.params.network_id, pair)
        return Voted(signed.signature)


def request_of(effects: list[fx.Effect]) -> SubmitAnswer:
    request = of_kind(effects, fx.Call)[0].request
    assert isinstance(request, SubmitAnswer)
    return request
