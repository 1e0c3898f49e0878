"""From a challenge to the leaves it asks for, and from those to an answer."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from holdfast.protocol.answer import Answer, EntryProof, LeafProof
from holdfast.protocol.challenge import Challenge
from holdfast.protocol.checkpoint import Entry, StandingCheckpoint
from holdfast.protocol.frozen import frozen
from holdfast.vault.core.declared import Declared


@frozen
class WantedLeaf:
    """One challenged leaf: byte `offset` of the manifest byte space of an entry.

    `entry` counts in the answer's entry proofs.
    """

    entry: int
    held: Entry
    offset: int


def wanted_leaves(asked: Challenge, entries: Sequence[Entry]) -> tuple[WantedLeaf, ...]:
    """Return the leaves that the challenge asks of a checkpoint with these entries.

    Entries count in the order in which the challenge first meets them.
    """
    ends = list(accumulate(entry.present_bytes for entry in entries))
    proofs: dict[int, int] = {}
    wanted = []
    for offset in asked.offsets():
        place = bisect_right(ends, offset)
        entry = entries[place]
        inside = offset - (ends[place] - entry.present_bytes)
        proof = proofs.setdefault(place, len(proofs))
        wanted.append(WantedLeaf(proof, entry, entry.place_of(inside)))
    return tuple(wanted)


def entry_proof(declared: Declared, place: int) -> EntryProof:
    """Return the proof of one entry, with the head that it follows."""
    entry = declared.entries.items[place]
    head = declared.heads[entry.deal]
    return EntryProof(entry, place, declared.tree.path(place), head)


def assemble(
    epoch: int,
    standing: StandingCheckpoint,
    declared: Declared,
    wanted: Sequence[WantedLeaf],
    leaves: Sequence[LeafProof],
) -> Answer:
    """Return the answer that shows these leaves."""
    used = dict.fromkeys(leaf.held.deal for leaf in wanted)
    proofs = tuple(entry_proof(declared, declared.place(deal)) for deal in used)
    return Answer(epoch, standing, proofs, tuple(leaves))
