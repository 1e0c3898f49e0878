"""Vaults around one registry, for tests of single machines of the audit side."""

from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.core.values import Beacon, Listing, RegisteredVault
from holdfast.protocol.checkpoint import (
    CHECKPOINT,
    VOTE,
    Checkpoint,
    Entries,
    Signature,
    SignedCheckpoint,
    StandingCheckpoint,
    StorageCertificate,
    Vote,
    checkpoint_of,
)
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import AccountId, Digest, VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.checkpointing import acknowledgement_message
from holdfast.vault.core.myself import Myself
from simulation.fake_data import FakeDeal, open_deal
from simulation.world import sim_params

NOBODY = AccountId(bytes(20))
E = TypeVar("E", bound=fx.Effect)


@cache
def keys_of(number: int) -> NodeKeys:
    return NodeKeys(number.to_bytes(32, "big"))


def account_of(keys: NodeKeys) -> AccountId:
    return AccountKey.from_secret(keys.account_secret).id


def row_of(keys: NodeKeys, number: int, **changes: object) -> RegisteredVault:
    values: dict[str, object] = {
        "vault": keys.vault_id,
        "number": number,
        "identity_key": keys.identity.public,
        "bls_key": keys.bls_public,
        "account": NOBODY,
        "payout": NOBODY,
        "stake": 1 << 40,
        "committed_bytes": 0,
        "listing": Listing.ACTIVE,
        "joined_epoch": -2,
        "left_epoch": None,
        "claimed": 0,
        "changed": number,
    }
    return RegisteredVault(**(values | changes))  # type: ignore[arg-type]


@dataclass
class Parties:
    """Some vaults, the ledger's state that they share, and their seconds."""

    count: int
    params: NetworkParams = field(default_factory=sim_params)
    accounts_certify: bool = False

    def __post_init__(self) -> None:
        self.keys = [keys_of(number) for number in range(self.count)]
        self.by_id = {keys.vault_id: keys for keys in self.keys}
        self.ledger = LedgerState(self.params, accounts_certify=self.accounts_certify)
        rows = tuple(
            row_of(keys, number, account=account_of(keys))
            for number, keys in enumerate(self.keys)
        )
        self.ledger.absorb(LedgerNews(0, -1, vaults=rows))
        self.ledger.followed(self.by_id)

    @property
    def me(self) -> Myself:
        return Myself(self.keys[0], self.ledger)

    def reach(self, epoch: int) -> None:
        """Let the ledger have every beacon up to `epoch`."""
        beacons = tuple(
            Beacon(e, Digest(bytes([e % 256, e // 256]) * 16)) for e in range(epoch + 1)
        )
        self.ledger.absorb(LedgerNews(epoch + 1, epoch, beacons))

    def at(self, epoch: int, part: float = 0.0) -> float:
        """Return a second: a part of the way into an epoch."""
        return self.params.epoch_start(epoch) + part * self.params.epoch_seconds

    def deal(self, number: int, holders: list[int], epoch: int = 0) -> FakeDeal:
        """Open a deal on the ledger with these parties, with one chunk in it."""
        ids = [self.keys[holder].vault_id for holder in holders]
        fake = open_deal(number, ids, epoch, 1 << 20, end_epoch=1000)
        fake.grow(self.params.network_id, [number])
        self.ledger.absorb(LedgerNews(0, -1, deals=(fake.deal,)))
        return fake

    def checkpoint(
        self, keys: NodeKeys, epoch: int, entries: Entries
    ) -> SignedCheckpoint:
        value = checkpoint_of(keys.vault_id, epoch, entries)
        return CHECKPOINT.sign(value, self.params.network_id, keys.identity)

    def acknowledgement(self, by: VaultId, checkpoint: Checkpoint) -> bytes:
        message = acknowledgement_message(self.me, checkpoint)
        return self.by_id[by].identity.sign(message)

    def standing(self, signed: SignedCheckpoint) -> StandingCheckpoint:
        value = signed.value
        group = self.ledger.group(value.vault, value.epoch)
        return StandingCheckpoint(
            signed, tuple(Signature(v, self.acknowledgement(v, value)) for v in group)
        )

    def certificate(
        self, keys: NodeKeys, epoch: int, entries: Entries
    ) -> StorageCertificate:
        """Return what the whole group would have signed."""
        signed = self.checkpoint(keys, epoch, entries)
        named = Digest(bytes(32))
        vote = Vote(keys.vault_id, epoch, signed.value.digest(), named)
        message = VOTE.message(vote, self.params.network_id)
        group = self.ledger.group(keys.vault_id, epoch)
        votes = tuple(Signature(v, self.by_id[v].identity.sign(message)) for v in group)
        return StorageCertificate(epoch, signed, named, votes)


def of_kind(effects: list[fx.Effect], kind: type[E]) -> list[E]:
    """Return the effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def only(effects: list[fx.Effect], kind: type[E]) -> E:
    """Return the one effect of a kind."""
    (found,) = of_kind(effects, kind)
    return found
