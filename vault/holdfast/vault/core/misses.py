"""What neighbours sign when a vault did not prove an epoch, and the majority's word.

A neighbour never signs both a vote and a miss of one vault and epoch, and signs only
what it could have seen: it knew the beacon in time, and so could the vault.
"""

from typing import Final

from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.faults import MISS, Miss, MissCertificate, Witness
from holdfast.protocol.keys import verify
from holdfast.protocol.placement import majority
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId
from holdfast.vault.core.effects import Effect, Refuse, Reply, Save, WakeAt
from holdfast.vault.core.events import Asked
from holdfast.vault.core.fault_messages import TellMiss
from holdfast.vault.core.letters import Letters
from holdfast.vault.core.liveness import Liveness
from holdfast.vault.core.messages import Noted
from holdfast.vault.core.miss_book import MissBook
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.saved import MissGiven, Restored
from holdfast.vault.core.timing import miss_start
from holdfast.vault.core.watching import Watching

NEW_EPOCHS: Final = 4
"""So long after it joined, a vault is not blamed: it may have no checkpoint yet."""

OVERDUE_MIN: Final = 2
"""So many may be blamed, however few vaults we watch.

It only keeps a vault that is cut off itself from blaming others. A split that leaves
most of whom it watches in sight is the court's to see: by the two thirds certified.
"""

Key = tuple[VaultId, int]


class Misses:
    """The machine of what we sign, and of certificates in the making."""

    def __init__(
        self,
        me: Myself,
        watching: Watching,
        liveness: Liveness,
        book: MissBook,
        letters: Letters,
        restored: Restored,
    ) -> None:
        self._me = me
        self._watching = watching
        self._liveness = liveness
        self._book = book
        self._letters = letters
        self._given = {_key(given.miss): given.miss for given in restored.misses_given}
        self._witnesses: dict[Key, dict[VaultId, Witness]] = {}
        self._epoch = -1
        self._overdue: list[VaultId] | None = None

    def step(self, now: float) -> list[Effect]:
        """After the answers of an epoch are due, probe who gave none, then sign."""
        epoch, effects = self._me.epoch_at(now), list[Effect]()
        if epoch > self._epoch:
            effects += self._close(epoch, now)
        if self._overdue is not None:
            return effects + self._sign(epoch, now)
        deadline = self._watching.deadline_known(epoch)
        if not deadline or not self._saw_all(epoch, deadline):
            return effects
        begin = miss_start(self._me.params, deadline)
        if now < begin:
            return [*effects, WakeAt(begin)]
        self._overdue = self._find_overdue(epoch)
        for vault in self._overdue:
            group = self._me.ledger.group(vault, epoch)
            effects += self._liveness.probe(vault, group)
        return effects + self._sign(epoch, now)

    def asked(self, event: Asked, request: TellMiss) -> list[Effect]:
        """Take a fellow neighbour's miss, or refuse it."""
        try:
            key = self._check(request, event.now)
        except RefusedError as refused:
            return [Refuse(event.token, refused.kind, refused.reason)]
        saved = self._witness(key, request.signer, request.miss, event.now)
        return [*saved, Reply(event.token, Noted())]

    def _close(self, epoch: int, now: float) -> list[Effect]:
        """Begin an epoch; what is disputed of the one before is certified now."""
        self._epoch, self._overdue = epoch, None
        self._book.forget(epoch)
        effects: list[Effect] = []
        for key in list(self._witnesses):
            effects += self._certify(key, now, over=True)
            if key[1] < epoch - 1:
                del self._witnesses[key]
        self._given = {k: v for k, v in self._given.items() if k[1] >= epoch - 2}
        return effects

    def _saw_all(self, epoch: int, deadline: float) -> bool:
        """Return whether we and the others had all we need for this epoch, in time.

        Without the beacon before, no checkpoint for this epoch could be made.
        """
        params, ledger = self._me.params, self._me.ledger
        latest = params.epoch_start(epoch) + 3 * params.epoch_seconds / 4
        known = ledger.beacon(epoch) and ledger.beacon(epoch - 1)
        return known is not None and deadline <= latest

    def _find_overdue(self, epoch: int) -> list[VaultId]:
        """Return whom to blame; when it is most of them, the fault is not theirs.

        Then the network, the ledger or we are too slow, and probing all of them would
        only make it worse.
        """
        watched = self._me.ledger.watched_by(self._me.id, epoch)
        overdue = [
            vault
            for vault in watched
            if self._is_blamable(vault, epoch)
            and not self._watching.has_voted(vault, epoch)
        ]
        most = max(OVERDUE_MIN, len(watched) // 2)
        return overdue if len(overdue) <= most else []

    def _is_blamable(self, vault: VaultId, epoch: int) -> bool:
        row = self._me.ledger.row(vault)
        return row is not None and row.joined_epoch <= epoch - NEW_EPOCHS

    def _sign(self, epoch: int, now: float) -> list[Effect]:
        assert self._overdue is not None
        effects: list[Effect] = []
        for vault in list(self._overdue):
            reachable = self._liveness.reachable(vault)
            if reachable is not None:
                self._overdue.remove(vault)
                effects += self._give(vault, epoch, reachable=reachable, now=now)
        return effects

    def _give(
        self, vault: VaultId, epoch: int, *, reachable: bool, now: float
    ) -> list[Effect]:
        # After a restart the same word is repeated, whatever we hear now.
        signed = self._given.get((vault, epoch))
        if signed is None:
            miss = Miss(vault, epoch, int(reachable))
            signed = MISS.sign(miss, self._me.network, self._me.pair)
        if not self._watching.refrain(vault, epoch):
            return []
        self._given[vault, epoch] = signed
        group = self._me.ledger.group(vault, epoch)
        until = float(self._me.params.epoch_start(epoch + 2))
        self._letters.send(TellMiss(signed, self._me.id), group, until)
        witnessed = self._witness((vault, epoch), self._me.id, signed, now)
        return [Save(MissGiven(signed)), *witnessed]

    def _check(self, request: TellMiss, now: float) -> Key:
        miss, ledger = request.miss.value, self._me.ledger
        current = self._me.epoch_at(now)
        if not current - 1 <= miss.epoch <= current:
            raise RefusedError(Refusal.UNTIMELY, "that epoch is not the current one")
        group = ledger.group(miss.vault, miss.epoch)
        if not group:
            text = "the neighbours of this vault and epoch are not known here yet"
            raise RefusedError(Refusal.UNREADY, text)
        if self._me.id not in group or request.signer not in group:
            text = "one of the two vaults is not among the neighbours"
            raise RefusedError(Refusal.DENIED, text)
        message = MISS.message(miss, self._me.network)
        try:
            key = ledger.identities()[request.signer]
            verify(key, message, request.miss.signature)
        except ProtocolError as error:
            raise RefusedError(Refusal.DENIED, "the signature does not fit") from error
        return miss.vault, miss.epoch

    def _witness(
        self, key: Key, signer: VaultId, signed: Signed[Miss], now: float
    ) -> list[Effect]:
        witness = Witness(signer, signed.value.reachable, signed.signature)
        self._witnesses.setdefault(key, {}).setdefault(signer, witness)
        over = key[1] < self._me.epoch_at(now)
        return self._certify(key, now, over=over)

    def _certify(self, key: Key, now: float, *, over: bool) -> list[Effect]:
        """Certify when a majority agrees; after the epoch, also on the miss alone.

        A vault counts as reachable only if a majority says so: who is away must not
        be hurried to its case by one neighbour that pretends to have heard it.
        """
        vault, epoch = key
        witnesses = self._witnesses[key]
        needed = majority(len(self._me.ledger.group(vault, epoch)))
        for reachable in (1, 0):
            alike = [w for w in witnesses.values() if w.reachable == reachable]
            if len(alike) >= needed:
                return self._take(key, alike[:needed], now)
        if over and len(witnesses) >= needed:
            return self._take(key, list(witnesses.values()), now)
        return []

    def _take(self, key: Key, witnesses: list[Witness], now: float) -> list[Effect]:
        vault, epoch = key
        certificate = MissCertificate(vault, epoch, tuple(witnesses))
        held = self._watching.fullest_checkpoint(vault)
        return self._book.take(certificate, held, now)


def _key(signed: Signed[Miss]) -> Key:
    return signed.value.vault, signed.value.epoch
