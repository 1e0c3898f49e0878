"""Certificates of unsettled epochs, ours and those collected for the committee."""

from collections.abc import Iterable

from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.checkpoint import (
    Entries,
    StorageCertificate,
    check_certificate,
)
from holdfast.protocol.earnings import Proved
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core.messages import Certify, Counted
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.saved import CertificateCollected, Restored


@frozen
class Proof:
    """A certificate by its name, with its entries, known since a second."""

    name: Counted
    certificate: StorageCertificate
    entries: Entries
    since_seconds: float

    @property
    def proved(self) -> Proved:
        """What it proves."""
        name = self.name
        return Proved(name.epoch, name.vault, self.entries)


def name_of(certificate: StorageCertificate) -> Counted:
    """Return what a certificate is named by in a settlement."""
    value = certificate.checkpoint.value
    return Counted(value.vault, certificate.epoch, value.digest())


class ProofStore:
    """Verified certificates by name; entries that are equal are kept once."""

    def __init__(self, ledger: LedgerState, restored: Restored) -> None:
        self._ledger = ledger
        self._proofs: dict[Counted, Proof] = {}
        self._entries: dict[Digest, Entries] = {}
        self._order: dict[int, Proof] = {}
        self.changes = 0
        """How many were added: who looked at all need only look at those `after`."""
        for item in restored.collected:
            self._add(item.certificate, item.entries, item.seconds)
        for certificate in restored.certificates:
            entries = restored.entries.get(certificate.checkpoint.value.root)
            if entries is not None:
                self._add(certificate, entries, 0.0)

    def own(
        self, certificate: StorageCertificate, entries: Entries, now: float
    ) -> None:
        """Add our own certificate."""
        self._add(certificate, entries, now)

    def get(self, name: Counted) -> Proof | None:
        """Return the proof of that name."""
        return self._proofs.get(name)

    def between(self, first_epoch: int, end_epoch: int) -> list[Proof]:
        """Return the proofs of epochs [first, end), one for each vault and epoch.

        Should two majorities have signed for two checkpoints, the one known longer.
        """
        chosen: dict[tuple[int, VaultId], Proof] = {}
        for name, proof in self._proofs.items():
            if first_epoch <= name.epoch < end_epoch:
                chosen.setdefault((name.epoch, name.vault), proof)
        return [chosen[key] for key in sorted(chosen)]

    def after(self, change: int) -> list[Proof]:
        """Return the proofs that were added after the change of that number."""
        found: list[Proof] = []
        for number in reversed(self._order):
            if number <= change:
                break
            found.append(self._order[number])
        return found[::-1]

    def drop_before(self, epoch: int) -> None:
        """Forget what is settled."""
        self._proofs = {k: v for k, v in self._proofs.items() if k.epoch >= epoch}
        order = self._order.items()
        self._order = {n: p for n, p in order if p.name.epoch >= epoch}
        used = {p.certificate.checkpoint.value.root for p in self._proofs.values()}
        self._entries = {k: v for k, v in self._entries.items() if k in used}

    def collect(
        self, push: Certify, now: float, first_epoch: int, end_epoch: int
    ) -> list[CertificateCollected]:
        """Verify and add what a vault pushed; return what is new.

        Epochs outside [first, end) are passed over. Raises RefusedError when a
        certificate does not hold; what came before it in the list was added.
        """
        entries = {Digest(item.tree().root.hash): item for item in push.entries}
        new = []
        for certificate in push.certificates:
            if not first_epoch <= certificate.epoch < end_epoch:
                continue
            if name_of(certificate) in self._proofs:
                continue
            value = certificate.checkpoint.value
            shown = entries.get(value.root) or self._entries.get(value.root)
            self._check(certificate, shown)
            assert shown
            self._add(certificate, shown, now)
            new.append(CertificateCollected(certificate, shown, now))
        return new

    def _add(
        self, certificate: StorageCertificate, entries: Entries, now: float
    ) -> None:
        root = certificate.checkpoint.value.root
        shared = self._entries.setdefault(root, entries)
        name = name_of(certificate)
        proof = Proof(name, certificate, shared, now)
        if self._proofs.setdefault(name, proof) is proof:
            self.changes += 1
            self._order[self.changes] = proof

    def _check(self, certificate: StorageCertificate, entries: Entries | None) -> None:
        value = certificate.checkpoint.value
        ledger, epoch = self._ledger, certificate.epoch
        group = ledger.group(value.vault, epoch)
        if not group:
            raise RefusedError(
                Refusal.UNREADY, "the group of a certificate is not known here yet"
            )
        # Stand-ins are drawn only for the few certificates that they signed.
        theirs = any(vote.signer not in group for vote in certificate.votes)
        stand_ins = (
            ledger.stand_ins(value.vault, epoch, for_answer=True) if theirs else ()
        )
        network, known = ledger.network_id, ledger.identities()
        try:
            check_certificate(certificate, network, group, known, stand_ins)
        except ProtocolError as error:
            raise RefusedError(Refusal.DENIED, str(error)) from error
        if entries is None:
            text = "the entries of a certificate's checkpoint are missing"
            raise RefusedError(Refusal.INVALID, text)
        root = entries.tree().root
        if (root.sum, len(entries.items)) != (value.present_bytes, value.count):
            text = "a certificate's checkpoint contradicts its entries"
            raise RefusedError(Refusal.INVALID, text)


def push_of(proofs: Iterable[Proof]) -> Certify:
    """Return the message that hands these proofs to a committee member."""
    taken = tuple(proofs)
    entries = {p.certificate.checkpoint.value.root: p.entries for p in taken}
    certificates = tuple(proof.certificate for proof in taken)
    return Certify(certificates, tuple(entries.values()))
