"""What a vault and its neighbours can show an auditor, honest or not, without a net."""

from collections.abc import Iterable
from dataclasses import replace

from audit_parties import Parties
from holdfast.client.core.auditing import AuditFinding, VaultAudit
from holdfast.ledger.core.questions import question_of
from holdfast.protocol.answer import Answer, answer_id
from holdfast.protocol.challenge import challenge
from holdfast.protocol.checkpoint import (
    VOTE,
    Signature,
    StorageCertificate,
    Vote,
)
from holdfast.protocol.faults import MISS, Miss, MissCertificate, Witness
from holdfast.protocol.judgement import fault_of, seal
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId
from holdfast.vault.core.challenged import assemble, wanted_leaves
from holdfast.vault.core.declared import Declared
from simulation.fake_data import FakeHeld

EPOCH = 6


class Shown:
    """Party 0 holds a deal with parties 1, 2, 3; ten vaults; `EPOCH` is over."""

    def __init__(self, vaults: int = 10) -> None:
        self.parties = Parties(vaults)
        self.parties.reach(EPOCH + 1)
        self.fake = self.parties.deal(1, [0, 1, 2, 3])
        self.held = FakeHeld(self.keys.vault_id)
        self.held.deals[self.fake.deal.id] = self.fake

    @property
    def keys(self) -> NodeKeys:
        return self.parties.keys[0]

    @property
    def vault(self) -> VaultId:
        return self.keys.vault_id

    @property
    def group(self) -> tuple[VaultId, ...]:
        return self.parties.ledger.group(self.vault, EPOCH)

    def answer(self, *, swap: bool = False, stood_epoch: int = EPOCH) -> Signed[Answer]:
        """Return the vault's answer; with `swap`, two of its leaves change places."""
        ledger, entries = self.parties.ledger, self.held.entries()
        signed = self.parties.checkpoint(self.keys, stood_epoch, entries)
        beacon = ledger.beacon(EPOCH)
        assert beacon
        leaves = ledger.params.leaves_per_audit
        network = ledger.network_id
        asked = challenge(network, EPOCH, beacon, signed.value, leaves)
        wanted = wanted_leaves(asked, entries.items)
        found = [leaf for leaf in self.held.read(wanted) if leaf]
        assert self.fake.head
        declared = Declared(entries, {self.fake.deal.id: self.fake.head})
        standing = self.parties.standing(signed)
        answer = assemble(EPOCH, standing, declared, wanted, found)
        if swap:
            changed = [replace(leaf, data=bytes(len(leaf.data))) for leaf in found]
            answer = replace(answer, leaves=tuple(changed))
        question = question_of(ledger, answer)
        assert question
        sealed = seal(answer, question, self.keys.identity)
        assert (fault_of(sealed.answer, question) is None) is (not swap)
        return sealed.answer

    def certificate(
        self, answer: Signed[Answer], voters: int = 8, epoch: int = EPOCH
    ) -> StorageCertificate:
        """Return the certificate that the first voters of the group made of it."""
        return self.voted_by(answer, self.group[:voters], epoch)

    def miss(self, reachable: int, witnesses: int = 5) -> MissCertificate:
        """Return what the first witnesses of the group signed of a missed epoch."""
        said = Miss(self.vault, EPOCH, reachable)
        message = MISS.message(said, self.parties.params.network_id)
        signed = tuple(
            Witness(v, reachable, self.parties.by_id[v].identity.sign(message))
            for v in self.group[:witnesses]
        )
        return MissCertificate(self.vault, EPOCH, signed)

    def voted_by(
        self, answer: Signed[Answer], voters: Iterable[VaultId], epoch: int = EPOCH
    ) -> StorageCertificate:
        """Return the certificate that these voters made of an answer."""
        signed = answer.value.standing.checkpoint
        vote = Vote(self.vault, epoch, signed.value.digest(), answer_id(answer))
        message = VOTE.message(vote, self.parties.params.network_id)
        votes = tuple(
            Signature(v, self.parties.by_id[v].identity.sign(message)) for v in voters
        )
        return StorageCertificate(epoch, signed, answer_id(answer), votes)

    def audit(self, epoch: int = EPOCH) -> VaultAudit:
        return VaultAudit(self.parties.ledger, self.vault, epoch)

    def found(
        self,
        answer: Signed[Answer] | None,
        certificate: StorageCertificate | None,
    ) -> AuditFinding:
        """Return the finding when the vault alone shows this."""
        audit = self.audit()
        audit.take(self.vault, answer, certificate)
        return audit.finding()
