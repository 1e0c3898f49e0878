"""Holders that follow the protocol, as values: a world for the upload machine."""

from dataclasses import dataclass, field

from holdfast.client.core.upload import (
    DealUpload,
)
from holdfast.client.core.upload_events import (
    Countersigned,
    DropShards,
    Effect,
    Event,
    FullReceiptFailed,
    FullReceiptKept,
    HeadAcknowledged,
    HolderLost,
    HolderOpened,
    KeepFullReceipt,
    NewerHeadShown,
    Proposal,
    ProposalFailed,
    ProposeHead,
    ReceiptCame,
    SendShard,
    ShardsMissed,
    ShardStored,
)
from holdfast.client.core.upload_terms import (
    Footing,
    UploadLimits,
    UploadTerms,
    standing_on,
)
from holdfast.protocol.deal import Deal, Holder, deal_id
from holdfast.protocol.keys import NodeKeys, SigningPair
from holdfast.protocol.manifest import NO_HEAD, Head, Manifest, SignedHead
from holdfast.protocol.receipt import (
    RECEIPT,
    FullReceipt,
    Receipt,
    SignedReceipt,
    check_full_receipt,
)
from holdfast.protocol.units import (
    GIB,
    MIB,
    AccountId,
    ChunkId,
    Digest,
    NetworkId,
    VaultId,
)

NETWORK = NetworkId(b"\x21" * 32)
PAIR = SigningPair(b"\x22" * 32)
OWNER = AccountId(b"\x23" * 20)
K, N = 2, 4
KEYS = [NodeKeys(bytes([number]) * 32) for number in range(1, N + 1)]
IDENTITIES: dict[VaultId, bytes] = {
    keys.vault_id: keys.identity.public for keys in KEYS
}
DEAL = Deal(
    id=deal_id(OWNER, b"\x24" * 32),
    owner=OWNER,
    nonce=b"\x24" * 32,
    deal_key=PAIR.public,
    k=K,
    holders=tuple(Holder(keys.vault_id, 1, 0) for keys in KEYS),
    capacity=GIB,
    opened_epoch=0,
    end_epoch=100,
    escrow=0,
)
LIMITS = UploadLimits(
    head_bytes=3 * MIB,
    window_bytes=MIB,
    patience_seconds=30.0,
    away_seconds=10.0,
    retry_seconds=1.0,
)


def chunk(number: int) -> ChunkId:
    return ChunkId(number.to_bytes(32, "big"))


def length(number: int) -> int:
    return MIB // 2 + number % 7


@dataclass
class WorldHolder:
    """One holder: what it has, what it signed, as the vault's rules say."""

    index: int
    staged: set[ChunkId] = field(default_factory=set)
    durable: set[ChunkId] = field(default_factory=set)
    manifests: dict[Digest, Manifest] = field(default_factory=dict)
    signed: dict[Digest, SignedReceipt] = field(default_factory=dict)
    newest: SignedHead | None = None
    full: FullReceipt | None = None

    @property
    def newest_value(self) -> Head | None:
        return self.newest.value if self.newest else None

    @property
    def pending(self) -> Countersigned | None:
        if self.newest is None:
            return None
        if self.full and self.full.head.value.sequence >= self.newest.value.sequence:
            return None
        return Countersigned(self.newest, self.signed[self.newest.value.digest()])

    def judge(
        self, proposal: Proposal
    ) -> SignedReceipt | tuple[ChunkId, ...] | Countersigned | None:
        head = proposal.head.value
        digest = head.digest()
        if digest in self.signed:
            return self.signed[digest]
        if not self._follows(head, proposal.conflict):
            if self.newest is None:
                return None
            return Countersigned(self.newest, self.signed[self.newest.value.digest()])
        if proposal.base != NO_HEAD and proposal.base not in self.manifests:
            return None
        before = (
            Manifest(K, N)
            if proposal.base == NO_HEAD
            else self.manifests[proposal.base]
        )
        manifest = before.changed(proposal.change)
        assert (manifest.root, manifest.held_bytes) == (head.root, head.held_bytes)
        lacking = tuple(
            entry.chunk
            for entry in manifest.entries
            if entry.chunk not in self.durable | self.staged
        )
        if lacking:
            return lacking
        self.durable |= {entry.chunk for entry in manifest.entries}
        self.staged -= self.durable
        return self._sign(proposal.head, manifest)

    def _follows(self, head: Head, conflict: tuple[Countersigned, ...]) -> bool:
        newest = self.newest_value
        if newest and head.sequence <= newest.sequence:
            return False
        expected = (
            newest.sequence + 1 if newest else 1,
            newest.digest() if newest else NO_HEAD,
        )
        if (head.sequence, head.predecessor) == expected:
            return True
        digests = {said.head.value.digest() for said in conflict}
        reached = self.full.head.value.sequence if self.full else 0
        return (
            len(digests) == 2
            and {said.head.value.sequence for said in conflict} == {head.sequence - 1}
            and head.predecessor in digests
            and reached < head.sequence - 1
        )

    def _sign(self, head: SignedHead, manifest: Manifest) -> SignedReceipt:
        keys = KEYS[self.index]
        digest = head.value.digest()
        receipt = RECEIPT.sign(
            Receipt(DEAL.id, head.value.sequence, digest, self.index, keys.vault_id, 7),
            NETWORK,
            keys.identity,
        )
        self.newest = head
        self.manifests[digest] = manifest
        self.signed[digest] = receipt
        return receipt

    def keep(self, full: FullReceipt) -> bool:
        check_full_receipt(full, DEAL, NETWORK, IDENTITIES)
        if full.head.value.digest() not in self.manifests:
            return False
        if self.full is None or (
            full.head.value.sequence > self.full.head.value.sequence
        ):
            self.full = full
        return True

    def crash(self) -> None:
        self.staged.clear()


class World:
    """Holders, one upload machine, and the effects that have not happened yet."""

    def __init__(self, holders: list[WorldHolder] | None = None) -> None:
        self.holders = holders or [WorldHolder(index) for index in range(N)]
        self.now = 0.0
        self.todo: list[Effect] = []
        self.seen: list[Effect] = []
        self.open: set[int] = set()
        self.acknowledged: set[ChunkId] = set()
        self.machine: DealUpload

    def begin(self, footing: Footing | None = None) -> None:
        terms = UploadTerms(DEAL, NETWORK, PAIR, IDENTITIES, LIMITS)
        start = footing or standing_on(None, Manifest(K, N))
        self.machine = DealUpload(terms, start, self.now)
        self.todo = []
        self.open = set()

    def tell(self, event: Event) -> None:
        for effect in self.machine.receive(event):
            self.seen.append(effect)
            self._check(effect)
            if isinstance(effect, SendShard | ProposeHead | KeepFullReceipt):
                self.todo.append(effect)

    def _check(self, effect: Effect) -> None:
        match effect:
            case SendShard(index, which):
                assert index in self.open
                assert which not in self.acknowledged
            case HeadAcknowledged(full, chunks):
                check_full_receipt(full, DEAL, NETWORK, IDENTITIES)
                keepers = [each for each in self.holders if each.full == full]
                assert len(keepers) >= N - K + 1
                for each in self.holders:
                    assert each.durable >= set(chunks)
                self.acknowledged |= set(chunks)
            case DropShards(which):
                for each in self.holders:
                    assert which in each.durable | each.staged
            case _:
                pass

    def connect(self, index: int) -> None:
        if index not in self.open:
            self.open.add(index)
            staged = frozenset(self.holders[index].staged)
            self.tell(HolderOpened(index, staged, self.now))

    def lose(self, index: int, *, crash: bool) -> None:
        """Break the connection: what was under way there does not happen."""
        if crash:
            self.holders[index].crash()
        self.todo = [
            effect
            for effect in self.todo
            if not (isinstance(effect, SendShard) and effect.index == index)
        ]
        if index in self.open:
            self.open.discard(index)
            self.tell(HolderLost(index, "gone", self.now))

    def happen(self, place: int) -> None:
        """Let one of the effects under way reach its holder."""
        effect = self.todo.pop(place % len(self.todo))
        match effect:
            case SendShard(index, which):
                holder = self.holders[index]
                if which not in holder.durable:
                    holder.staged.add(which)
                self.tell(ShardStored(index, which, self.now))
            case ProposeHead(index, proposal):
                if index not in self.open:
                    self.tell(ProposalFailed(index, "away", self.now))
                    return
                self._answer(index, self.holders[index].judge(proposal))
            case KeepFullReceipt(index, full):
                if index in self.open and self.holders[index].keep(full):
                    digest = full.head.value.digest()
                    self.tell(FullReceiptKept(index, digest, self.now))
                else:
                    self.tell(FullReceiptFailed(index, "away", self.now))

    def _answer(
        self,
        index: int,
        answer: SignedReceipt | tuple[ChunkId, ...] | Countersigned | None,
    ) -> None:
        match answer:
            case None:
                self.tell(ProposalFailed(index, "refused", self.now))
            case tuple():
                self.tell(ShardsMissed(index, answer, self.now))
            case Countersigned():
                self.tell(NewerHeadShown(index, answer, self.now))
            case _:
                self.tell(ReceiptCame(index, answer, self.now))
