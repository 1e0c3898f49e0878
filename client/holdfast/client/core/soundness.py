"""How well stored data stand: what holders said and proved, judged without asking.

Broken is what cannot be read now; weak is what still can, but has lost some of its
safety. Everything else is sound.
"""

from collections.abc import Iterator
from enum import IntEnum

from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import DealId, VaultId


class Verdict(IntEnum):
    """How bad it is; the worst finding decides."""

    SOUND = 0
    WEAK = 1
    BROKEN = 2


class Kind(IntEnum):
    """What was found, from what is lost for good to what will need care."""

    DAMAGED = 1
    CHUNKS_MISSING = 2
    STATE_UNREADABLE = 3
    DEAL_UNREADABLE = 4
    MANIFEST_MISSING = 5
    DATA_UNREADABLE = 6
    DEAL_ENDED = 7
    HOLDER_SILENT = 8
    PROOF_OLD = 9
    DEAL_ENDING = 10

    @property
    def verdict(self) -> Verdict:
        """How bad it is."""
        broken = self <= Kind.DATA_UNREADABLE
        return Verdict.BROKEN if broken else Verdict.WEAK


@frozen
class Finding:
    """One thing that is wrong, in words, and the deal that it is about."""

    kind: Kind
    text: str
    deal: DealId | None = None


@frozen
class HolderCheck:
    """One holder of a deal; `endpoint` is where it was last heard of, or "".

    `informed` is whether it has the newest full receipt. `proved_epoch` is the newest
    epoch in which a majority of its neighbours certified that it holds everything it
    signed for; `covers` is whether that counts for the newest head, too.
    """

    index: int
    vault: VaultId
    answers: bool
    informed: bool
    proved_epoch: int | None
    covers: bool
    endpoint: str = ""


@frozen
class DealCheck:
    """One deal: what its head says, who holds it; bytes are each holder's.

    `listed` is whether the list of its chunks came and is what the head names;
    `needed` are those of its chunks that some snapshot or object needs, None when
    nobody can tell.
    """

    deal: Deal
    last_epoch: int
    sequence: int
    held_bytes: int
    chunks: int
    listed: bool
    needed: int | None
    holders: tuple[HolderCheck, ...]

    @property
    def live(self) -> int:
        """How many holders answer."""
        return sum(holder.answers for holder in self.holders)

    @property
    def losses_survived(self) -> int:
        """How many more holders may go before data are lost; negative: they are."""
        return self.live - self.deal.k

    @property
    def oldest_proof(self) -> int | None:
        """The epoch of the oldest among the holders' newest proofs; None if one lacks.

        Holders that do not answer are not asked for proofs.
        """
        epochs = [holder.proved_epoch for holder in self.holders if holder.answers]
        known = [epoch for epoch in epochs if epoch is not None]
        return min(known) if known and len(known) == len(epochs) else None


@frozen
class Terms:
    """What counts as late; all in epochs. `ending` is how soon an end is soon."""

    epoch: int
    proof_age_max: int
    ending: int


def terms_of(params: NetworkParams, epoch: int) -> Terms:
    """Return the network's terms: proofs fit its windows, ends come within a week."""
    week = 7 * 86400 // params.epoch_seconds
    return Terms(epoch, params.window_reachable, week)


def findings_of(check: DealCheck, terms: Terms) -> Iterator[Finding]:
    """Yield what is wrong with a deal, the worst first."""
    deal, name = check.deal, check.deal.id.hex()[:12]
    if check.needed == 0 and not check.chunks:
        return
    if check.losses_survived < 0:
        text = f"deal {name}: {deal.k} holders are needed and {check.live} answer"
        yield Finding(Kind.DEAL_UNREADABLE, text, deal.id)
    elif not check.listed:
        text = f"deal {name}: no holder brings the list of its chunks"
        yield Finding(Kind.MANIFEST_MISSING, text, deal.id)
    if terms.epoch >= check.last_epoch:
        text = (
            f"deal {name} ended with epoch {check.last_epoch}: its holders may delete "
            "it; a new backup stores it again"
        )
        yield Finding(Kind.DEAL_ENDED, text, deal.id)
        return
    for holder in check.holders:
        yield from _of_holder(name, holder, check, terms)
    left = check.last_epoch - terms.epoch
    if _is_soon(check, left, terms):
        text = (
            f"deal {name} ends in {left:,} epochs; "
            f"`holdfast deal extend {name} --for 1y` keeps it"
        )
        yield Finding(Kind.DEAL_ENDING, text, deal.id)


def _is_soon(check: DealCheck, left: int, terms: Terms) -> bool:
    """Return whether an end is near, also of deals that were short from the start."""
    whole = check.last_epoch - check.deal.opened_epoch
    return check.needed != 0 and left < min(terms.ending, whole // 4)


def _of_holder(
    name: str, holder: HolderCheck, check: DealCheck, terms: Terms
) -> Iterator[Finding]:
    deal, who = check.deal, f"deal {name}: holder {holder.vault.hex()[:12]}"
    if not holder.answers:
        yield Finding(Kind.HOLDER_SILENT, f"{who} does not answer", deal.id)
        return
    since = deal.holders[holder.index].since_epoch
    newest = max(since, -1 if holder.proved_epoch is None else holder.proved_epoch)
    if terms.epoch - newest > terms.proof_age_max:
        last = holder.proved_epoch
        proved = "never" if last is None else f"not since epoch {last:,}"
        yield Finding(Kind.PROOF_OLD, f"{who} proved {proved} what it holds", deal.id)
