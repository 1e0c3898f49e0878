"""Spreads vault records: each round compares digests with a random peer.

The highest sequence wins. Rounds come fast after a start and after news, then
seldom. Records of strangers to the registry are kept within a small bound, so
that a vault can be reached before it is registered.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.record import SignedRecord, VaultRecord, check_record
from holdfast.protocol.units import VaultId
from holdfast.vault.core.effects import Call, Effect, Reply, Save, WakeAt
from holdfast.vault.core.events import Peer
from holdfast.vault.core.messages import Gossip, GossipReply
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.saved import RecordKnown, Restored

DIGESTS_MAX: Final = 4096
RECORDS_MAX: Final = 512
STRANGERS_MAX: Final = 256
FAST_SECONDS: Final = 0.25
REST_SECONDS_MAX: Final = 60.0
CALL_SECONDS: Final = 5.0


class Gossiping:
    """The machine that knows everybody's records."""

    def __init__(self, me: Myself, seeds: int, restored: Restored) -> None:
        self._me = me
        self._seeds = seeds
        self._records = {record.value.vault: record for record in restored.records}
        self._rest = min(float(me.params.epoch_seconds), REST_SECONDS_MAX)
        self._interval = FAST_SECONDS
        self._next = 0.0
        self._rounds = 0
        self.own_sequence_seen = 0

    def record(self, vault: VaultId) -> VaultRecord | None:
        """Return the newest record known of a vault."""
        known = self._records.get(vault)
        return known.value if known else None

    def records(self) -> tuple[SignedRecord, ...]:
        """Return every record known."""
        return tuple(self._records.values())

    def publish(self, record: SignedRecord, now: float) -> list[Effect]:
        """Take our own new record and spread it soon."""
        self._records[self._me.id] = record
        self._hurry(now)
        return [Save(RecordKnown(record)), WakeAt(self._next)]

    def step(self, now: float, entropy: bytes) -> list[Effect]:
        """Begin a round when it is time."""
        if now < self._next:
            return []
        self._rounds += 1
        self._next = now + self._interval
        self._interval = min(2 * self._interval, self._rest)
        request = Gossip(self._digests(entropy))
        peers = self._choose(entropy)
        calls = [Call(peer, request, CALL_SECONDS) for peer in peers]
        return [*calls, WakeAt(self._next)]

    def asked(self, token: int, request: Gossip, now: float) -> list[Effect]:
        """Take pushed records and tell a caller what it lacks."""
        saves = self._learn(request.records, now)
        if request.push_only:
            return [*saves, Reply(token, GossipReply(()))]
        known = dict(request.known)
        ours = self._within(request.known)
        newer = [
            self._records[vault]
            for vault in ours
            if self._records[vault].value.sequence > known.get(vault, -1)
        ]
        wanted = [
            vault for vault, sequence in request.known if self._lacks(vault, sequence)
        ]
        reply = GossipReply(tuple(newer[:RECORDS_MAX]), tuple(wanted[:RECORDS_MAX]))
        return [*saves, Reply(token, reply)]

    def replied(self, peer: Peer, reply: GossipReply, now: float) -> list[Effect]:
        """Take what we lacked, and push what the peer wants."""
        effects = self._learn(reply.records, now)
        found = (self._records.get(vault) for vault in reply.wanted[:RECORDS_MAX])
        pushed = tuple(record for record in found if record)
        if pushed:
            effects.append(Call(peer, Gossip((), pushed, push_only=True), CALL_SECONDS))
        return effects

    def _learn(self, records: Iterable[SignedRecord], now: float) -> list[Effect]:
        effects: list[Effect] = []
        for record in records:
            vault, sequence = record.value.vault, record.value.sequence
            if vault == self._me.id:
                self.own_sequence_seen = max(self.own_sequence_seen, sequence)
            elif self._lacks(vault, sequence) and self._is_true(record):
                self._records[vault] = record
                effects.append(Save(RecordKnown(record)))
        if effects:
            self._hurry(now)
            effects.append(WakeAt(self._next))
        return effects

    def _lacks(self, vault: VaultId, sequence: int) -> bool:
        known = self._records.get(vault)
        if known is not None:
            return known.value.sequence < sequence
        if self._me.ledger.row(vault) is not None:
            return True
        strangers = sum(self._me.ledger.row(other) is None for other in self._records)
        return strangers < STRANGERS_MAX

    def _is_true(self, record: SignedRecord) -> bool:
        try:
            check_record(record, self._me.network)
        except ProtocolError:
            return False
        return True

    def _hurry(self, now: float) -> None:
        self._interval = FAST_SECONDS
        self._next = min(self._next, now + FAST_SECONDS)

    def _digests(self, entropy: bytes) -> tuple[tuple[VaultId, int], ...]:
        """Return the digests of all records, or of a random stretch of them."""
        vaults = sorted(self._records)
        if len(vaults) > DIGESTS_MAX:
            first = int.from_bytes(entropy[:8], "big") % (len(vaults) - DIGESTS_MAX + 1)
            vaults = vaults[first : first + DIGESTS_MAX]
        return tuple((v, self._records[v].value.sequence) for v in vaults)

    def _within(self, known: tuple[tuple[VaultId, int], ...]) -> list[VaultId]:
        """Return our vaults in the stretch that a caller's digests cover."""
        vaults = sorted(self._records)
        if len(known) < DIGESTS_MAX:
            return vaults
        first = bisect_left(vaults, known[0][0])
        end = bisect_left(vaults, known[-1][0])
        return vaults[first : end + 1]

    def _choose(self, entropy: bytes) -> list[Peer]:
        """Return whom to ask this round: a known vault, and at first the seeds."""
        others = [vault for vault in self._records if vault != self._me.id]
        chosen: list[Peer] = list(_drawn(others, entropy, 1))
        lonely = len(others) < 2 or self._rounds % 8 == 1
        if self._seeds and lonely:
            chosen.append(int.from_bytes(entropy[8:16], "big") % self._seeds)
        return chosen


def _drawn(vaults: list[VaultId], entropy: bytes, count: int) -> list[VaultId]:
    """Return `count` random vaults, in an order that the entropy fixes."""
    drawn = sorted(vaults, key=lambda vault: hashlib.sha256(entropy + vault).digest())
    return drawn[:count]
