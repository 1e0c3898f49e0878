"""The promises, checked against what really happened, not against what nodes say.

2 what was acknowledged is there; 3 the count is kept; 4 only proven storage is
paid; 5 nobody honest is ejected or slashed. A broken one is a sentence in `broken`.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from holdfast.ledger.core.operations import Settle
from holdfast.ledger.core.values import Listing
from holdfast.protocol.answer import Answer
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.deal import Deal
from holdfast.protocol.placement import majority
from holdfast.protocol.pricing import earned, stake_needed
from holdfast.protocol.takeover import SignedTakeover
from holdfast.protocol.units import ChunkId, DealId, Grains, VaultId
from holdfast.vault.core.effects import TakeOver
from holdfast.vault.core.saved import AuditEnded, Outcome
from simulation.detection import Detection
from simulation.sim_holder import PRICE
from simulation.sim_owner import Kept, SimOwner
from simulation.sim_vault import SimVault
from simulation.universe import Universe
from simulation.verdicts import Verdicts


@dataclass
class Figures:
    """What one story shows, beside its promises."""

    chunks: int = 0
    lost: int = 0
    excused: int = 0
    bought_epochs: int = 0
    below_n_epochs: int = 0
    restored: list[int] = field(default_factory=list)


class Promises:
    """Watches one universe; `broken` stays empty."""

    def __init__(self, universe: Universe, owners: list[SimOwner]) -> None:
        self.universe = universe
        self.owners = owners
        self.broken: list[str] = []
        self.figures = Figures()
        self.detection = Detection()
        self.verdicts = Verdicts(universe)
        self.opened = 0
        self._proved: dict[tuple[VaultId, int], Entries] = {}
        self._entitled: defaultdict[VaultId, Grains] = defaultdict(int)
        self._summed_epoch = 0
        self._dead: set[VaultId] = set()
        self._leaving: set[VaultId] = set()
        self._cut_off: dict[VaultId, int] = {}
        self._rotten: set[tuple[VaultId, ChunkId]] = set()
        self._lost: set[ChunkId] = set()
        self._overrun: set[ChunkId] = set()
        self._below: dict[DealId, int] = {}
        self._rebuilt: set[tuple[DealId, int, VaultId, VaultId]] = set()
        universe.watch = self._watch

    def died(self, vault: SimVault) -> None:
        self._dead.add(vault.id)

    def cut_off(self, vault: SimVault, until: int) -> None:
        """Take it that until some epoch a vault may be ejected for its absence."""
        self._cut_off[vault.id] = until

    def left(self, vault: SimVault) -> None:
        self._leaving.add(vault.id)

    def rotted(self, vault: SimVault, path: str) -> None:
        self._rotten.add((vault.id, ChunkId(bytes.fromhex(path.rpartition("/")[2]))))

    def _watch(self, kind: str, vault: SimVault, fact: Any) -> None:
        match kind:
            case "sealed" if fact.fault is None:
                answer: Answer = fact.answer.value
                stood = vault.node.answering.stood
                assert stood
                key = (vault.id, answer.epoch)
                self._proved[key] = stood.declared.entries
            case "read":
                self.detection.read(vault, fact)
            case "taken":
                self._taken_over(vault, *fact)
            case "Settle":
                self._settled(*fact)
            case _:
                pass

    # 2: what was acknowledged is there; 3: the count is kept.

    def look_at_data(self) -> None:
        epoch = self.universe.chain.epoch
        if self.universe.chain.broken:
            self.broken += [f"ledger: {text}" for text in self.universe.chain.broken]
            self.universe.chain.broken.clear()
        said = self.universe.consistency
        self.broken += said.broken
        said.broken.clear()
        said.forget_before(epoch - 4)
        for owner in self.owners:
            for kept in owner.deals.values():
                row = self.universe.chain.book.state.deal(kept.deal.id)
                assert row
                if epoch < row.deal.last_epoch(self.universe.params):
                    self._look_at_deal(kept, row.deal, epoch)

    def _look_at_deal(self, kept: Kept, deal: Deal, epoch: int) -> None:
        full, void = True, self._void_in(deal)
        for chunk in kept.acknowledged:
            if chunk not in self._lost and chunk not in void:
                full &= self._look_at_chunk(deal, chunk)
        if not kept.acknowledged:
            return
        if full and deal.id in self._below:
            self.figures.restored.append(epoch - self._below.pop(deal.id))
        elif not full:
            self._below.setdefault(deal.id, epoch)
            self.figures.below_n_epochs += 1

    def _look_at_chunk(self, deal: Deal, chunk: ChunkId) -> bool:
        whole = faulty = bad = 0
        for index, holder in enumerate(deal.holders):
            vault = self.universe.by_id[holder.vault]
            excused = self._is_faulty(vault, chunk)
            bad += excused
            if not vault.gone and vault.holder.has(deal.id, chunk, index):
                whole += 1
                self._rotten.discard((vault.id, chunk))
                faulty += excused and vault.id in self._dead
            else:
                faulty += excused
                if not excused and holder.since_epoch == deal.opened_epoch:
                    name = chunk.hex()[:16]
                    text = f"vault {vault.number} lost its shard of chunk {name}"
                    self.broken.append(f"{text} although nothing damaged it")
        if bad > deal.n - deal.k:
            # Once too many are dead or hostile, their replacements cannot help it.
            self._overrun.add(chunk)
        if whole < deal.k:
            self._lost.add(chunk)
            self.figures.lost += 1
            if faulty <= deal.n - deal.k and chunk not in self._overrun:
                name = chunk.hex()[:16]
                self.broken.append(
                    f"chunk {name} is lost: {whole} of {deal.k} shards are whole, "
                    f"and only {faulty} of {deal.n} holders were dead or hostile"
                )
            else:
                self.figures.excused += 1
        return whole == deal.n

    def _void_in(self, deal: Deal) -> set[ChunkId]:
        """Return what an honest holder was shown that it never was a chunk."""
        found: set[ChunkId] = set()
        for holder in deal.holders:
            vault = self.universe.by_id[holder.vault]
            if vault.hostile or vault.gone:
                continue
            if holding := vault.holder.driver.holdings.deals.get(deal.id):
                found |= holding.void
        return found

    def _is_faulty(self, vault: SimVault, chunk: ChunkId) -> bool:
        rotten = (vault.id, chunk) in self._rotten
        return vault.hostile or vault.gone or vault.id in self._dead or rotten

    # 4: only proven storage is paid.

    def look_at_tokens(self) -> None:
        state = self.universe.chain.book.state
        self.verdicts.look()
        self.broken += self.verdicts.broken
        self.verdicts.broken.clear()
        if state.settled is None:
            return
        params = self.universe.params
        end = params.first_epoch(state.settled.period + 1)
        for epoch in range(self._summed_epoch, end):
            for vault in self.universe.vaults:
                self._entitle(vault, epoch)
        self._summed_epoch = max(end, self._summed_epoch)
        for row in state.vaults():
            if row.claimed > self._entitled[row.vault]:
                number = self.universe.by_id[row.vault].number
                self.broken.append(
                    f"vault {number} was paid {row.claimed} grains by period "
                    f"{state.settled.period}, but earned {self._entitled[row.vault]}"
                )
        books = state.books
        if books.earned > sum(self._entitled.values()):
            self.broken.append(f"{books.earned} grains were earned without proofs")

    def _entitle(self, vault: SimVault, epoch: int) -> None:
        entries = self._proved.pop((vault.id, epoch), None)
        if entries is None and self._can_buy(vault, epoch):
            stood = vault.node.checkpoints._signed
            entries = stood.declared.entries if stood else None
            self.figures.bought_epochs += entries is not None
        for entry in entries.items if entries else ():
            row = self.universe.chain.book.state.deal(entry.deal)
            if row is None or not _held(row.deal, entry.index, vault.id, epoch):
                continue
            if (
                row.deal.opened_epoch
                <= epoch
                < row.deal.last_epoch(self.universe.params)
            ):
                grains = earned(entry.present_bytes, PRICE)
                self._entitled[vault.id] += grains

    def _taken_over(
        self, vault: SimVault, order: TakeOver, claim: SignedTakeover | None
    ) -> None:
        """Entitle a vault to what rebuilding a lost slot is worth, once."""
        slot = (order.deal.id, order.index, order.lost, vault.id)
        if claim is None or claim.value.full is None or slot in self._rebuilt:
            return
        self._rebuilt.add(slot)
        held = claim.value.full.head.value.held_bytes
        price = self.universe.params.rebuild_price
        self._entitled[vault.id] += stake_needed(held, price)

    def candidates(self) -> list[int]:
        """Return how many vaults rebuilt a slot, for each slot that any did."""
        slots = Counter(slot[:3] for slot in self._rebuilt)
        return [*slots.values()]

    def _can_buy(self, vault: SimVault, epoch: int) -> bool:
        """Tell whether hostile neighbours decided this audit on their own."""
        if not vault.hostile:
            return False
        group = vault.me.ledger.group(vault.id, epoch)
        hostile = sum(self.universe.by_id[other].hostile for other in group)
        return bool(group) and hostile >= majority(len(group))

    # 5: nobody honest is ejected, nobody without a case file.

    def _settled(self, operation: Settle, fault: str | None) -> None:
        if fault is None:
            ejections = operation.certificate.statement.ejections
            epoch, cut_off = self.universe.chain.epoch, self._cut_off.items()
            away = {vault for vault, until in cut_off if epoch <= until}
            self.verdicts.settled(ejections, self._dead | away)
            self.broken += self.verdicts.broken
            self.verdicts.broken.clear()

    # What else is worth knowing.

    def certified_share(self) -> float:
        """Return which share of honest vaults' audits ended with a certificate."""
        certified = audited = 0
        for vault in self.universe.vaults:
            if vault.hostile or vault.id in self._dead:
                continue
            for saved in vault.saves.everything():
                if isinstance(saved, AuditEnded) and saved.outcome is not Outcome.VOID:
                    audited += 1
                    certified += saved.outcome is Outcome.CERTIFIED
        return certified / audited if audited else 1.0

    def acknowledged(self) -> int:
        deals = (kept for owner in self.owners for kept in owner.deals.values())
        return sum(len(kept.acknowledged) for kept in deals)

    def active(self) -> int:
        rows = self.universe.chain.book.state.vaults()
        return sum(row.listing is Listing.ACTIVE for row in rows)


def _held(deal: Deal, index: int, vault: VaultId, epoch: int) -> bool:
    """Tell whether a vault held an index in an epoch, from the ledger's rows alone."""
    now = deal.holders[index]
    if epoch >= now.since_epoch:
        return now.vault == vault
    return any(
        past.vault == vault and past.since_epoch <= epoch < past.until_epoch
        for past in deal.past
        if past.index == index
    )
