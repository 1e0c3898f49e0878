"""What a network of 1,000 to 100,000 vaults of 10 TB costs, and how safe it is.

    python benchmarks/scale.py            # the tables of docs/scale.md
    python benchmarks/scale.py --measure  # with settlement trees built for real

Sizes are those of the real encodings; durability is a Markov chain, solved exactly,
and a Monte-Carlo run of the same rules beside it.
"""

import argparse
import math
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from holdfast.protocol.answer import ANSWER, Answer, EntryProof, LeafProof
from holdfast.protocol.checkpoint import (
    ENTRY,
    STORAGE_CERTIFICATE,
    Checkpoint,
    Entry,
    Signature,
    StandingCheckpoint,
    StorageCertificate,
)
from holdfast.protocol.chunk import ChunkHeader, ShardProof
from holdfast.protocol.faults import MISS_CERTIFICATE, MissCertificate, Witness
from holdfast.protocol.manifest import Head
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.settlement import EJECTIONS_MAX, Totals
from holdfast.protocol.signing import Signed
from holdfast.protocol.sums import SumNode
from holdfast.protocol.units import (
    DEAL_BYTES_MAX,
    LEAF_BYTES,
    MIB,
    ChunkId,
    DealId,
    Digest,
    VaultId,
)

TB: Final = 10**12
VAULT_BYTES: Final = 10 * TB
HOURS_A_MONTH: Final = 730.5
HOURS_A_YEAR: Final = 12 * HOURS_A_MONTH
SIZES: Final = (1_000, 10_000, 100_000)
PARAMS: Final = NetworkParams("scale", 1, 0)
K, N = PARAMS.policy_k, PARAMS.policy_n
DEALS_A_VAULT: Final = math.ceil(VAULT_BYTES / DEAL_BYTES_MAX)
TOLD: Final = 4
CHUNKS_A_DEAL: Final = DEAL_BYTES_MAX // (8 * MIB // K)

# The share of vaults that leave for good in a month: what operators paid to stay may
# do; the assumption of Storj's whitepaper v3, §3.4 (2018); and, as if nobody ever came
# back, the sessions seen in IPFS: 87.6 % end within 8 hours (Trautwein et al., 2022).
CHURN: Final = {
    "2 % a month": 0.02,
    "10 % a month (Storj whitepaper)": 0.10,
    "50 % a month": 0.50,
}
IPFS_SESSION_HOURS: Final = 8 / -math.log(1 - 0.876)

HASH: Final = bytes(32)
SIGNATURE: Final = bytes(64)


@dataclass(frozen=True, slots=True)
class Repair:
    """How long a lost place stays empty, in hours.

    A vault that is away misses 24 epochs, waits for the next period's committee and
    its settlement, then is rebuilt; `urgent` is the early start at k + 1 live holders.
    """

    rebuild_hours: float

    @property
    def usual(self) -> float:
        """The mean from a loss to the place taken over and recorded."""
        verdict = PARAMS.missed_unreachable + PARAMS.period_epochs / 2 + 3
        return verdict + self.rebuild_hours

    @property
    def urgent(self) -> float:
        """The mean until the shards exist again when only k + 1 holders live."""
        return 2 + self.rebuild_hours


def loss_a_year(monthly: float, repair: Repair, k: int = K, n: int = N) -> float:
    """Return the probability that a deal loses data within a year.

    States 0 … n−k count lost holders, n−k+1 is the loss. Each live holder leaves at
    a constant rate; each lost place is filled after an exponential time.
    """
    rate = -math.log(1 - monthly) / HOURS_A_MONTH
    states = n - k + 1
    flow = np.zeros((states + 1, states + 1))
    for lost in range(states):
        flow[lost, lost + 1] = (n - lost) * rate
        if lost:
            # What is urgent begins at once for all, and so also ends about together.
            urgent = n - lost <= k + 1
            flow[lost, lost - 1] = 1 / repair.urgent if urgent else lost / repair.usual
        flow[lost, lost] = -flow[lost].sum()
    return float(_exponential(flow * HOURS_A_YEAR)[0, states])


def _exponential(matrix: np.ndarray) -> np.ndarray:
    """Return e to a matrix: a series of a small part of it, squared up again.

    Rates of very different size make squaring lose digits, so it is done with
    nonnegative numbers only (uniformization): nothing is ever subtracted.
    """
    fastest = float(-matrix.diagonal().min())
    halvings = max(0, math.ceil(math.log2(fastest)) + 8)
    step = matrix / 2**halvings
    size = fastest / 2**halvings
    stochastic = np.eye(len(matrix)) + step / size
    term = np.eye(len(matrix)) * math.exp(-size)
    total = term.copy()
    for power in range(1, 30):
        term = term @ stochastic * (size / power)
        total += term
    for _ in range(halvings):
        total = total @ total
    return total


def loss_by_chance(
    monthly: float, repair: Repair, deals: int, years: int, seed: int
) -> float:
    """Return the same by rolling dice, deal after deal, with fixed repair times."""
    dice = random.Random(seed)
    rate = -math.log(1 - monthly) / HOURS_A_MONTH
    losses = sum(_loses(dice, rate, repair, years * HOURS_A_YEAR) for _ in range(deals))
    return losses / (deals * years)


def _loses(dice: random.Random, rate: float, repair: Repair, hours: float) -> bool:
    now, filled = 0.0, list[float]()
    while True:
        now += dice.expovariate((N - len(filled)) * rate)
        filled = [at for at in filled if at > now]
        if now > hours:
            return False
        filled.append(now + repair.usual)
        if N - len(filled) <= K + 1:
            filled = [min(at, now + repair.urgent) for at in filled]
        if len(filled) > N - K:
            return True


def answer_bytes() -> int:
    """Return the size of one answer of a full vault: 256 leaves in 256 places."""
    leaves = PARAMS.leaves_per_audit
    nodes = (SumNode(HASH, 1),)
    shard = 8 * MIB // K
    header = ChunkHeader(K, N, 8 * MIB)
    entry = Entry(DealId(HASH), 0, Digest(HASH), 1, Digest(HASH), 1, 1)
    signatures = (Signature(VaultId(HASH), SIGNATURE),) * 5
    checkpoint = Signed(Checkpoint(VaultId(HASH), 1, Digest(HASH), 1, 1), SIGNATURE)
    head = Head(DealId(HASH), 1, Digest(HASH), Digest(HASH), 1, 1, bytes(256))
    proofs = min(leaves, DEALS_A_VAULT)
    value = Answer(
        1,
        StandingCheckpoint(checkpoint, signatures),
        (EntryProof(entry, 0, nodes * _depth(DEALS_A_VAULT), Signed(head, SIGNATURE)),)
        * proofs,
        (
            LeafProof(
                0,
                0,
                ChunkId(HASH),
                nodes * _depth(CHUNKS_A_DEAL),
                ShardProof(header, 0, (HASH,) * _depth(N)),
                (HASH,) * _depth(shard // LEAF_BYTES),
                bytes(LEAF_BYTES),
            ),
        )
        * leaves,
    )
    return len(ANSWER.encode(Signed(value, SIGNATURE)))


def certificate_bytes() -> int:
    """Return the size of a storage certificate with a bare majority's votes."""
    checkpoint = Signed(Checkpoint(VaultId(HASH), 1, Digest(HASH), 1, 1), SIGNATURE)
    votes = (Signature(VaultId(HASH), SIGNATURE),) * 5
    one = StorageCertificate(1, checkpoint, Digest(HASH), votes)
    return len(STORAGE_CERTIFICATE.encode(one))


def miss_bytes() -> int:
    """Return the size of a miss certificate."""
    witnesses = (Witness(VaultId(HASH), 0, SIGNATURE),) * 5
    return len(MISS_CERTIFICATE.encode(MissCertificate(VaultId(HASH), 1, witnesses)))


def entry_bytes() -> int:
    """Return the size of one checkpoint entry with nothing missing."""
    entry = Entry(DealId(HASH), 0, Digest(HASH), 1, Digest(HASH), 1, 1)
    return len(ENTRY.encode(entry))


def _depth(count: int) -> int:
    return max(math.ceil(math.log2(count)), 0)


def deals_of(vaults: int) -> int:
    """Return how many deals fill so many vaults."""
    return vaults * DEALS_A_VAULT // N


def tree_seconds(vaults: int) -> tuple[float, int]:
    """Build a settlement tree of so many vaults; return seconds and leaves."""
    earned = {VaultId(i.to_bytes(32, "big")): i for i in range(vaults)}
    spent = {DealId(i.to_bytes(32, "big")): i for i in range(deals_of(vaults))}
    started = time.perf_counter()
    totals = Totals(earned, spent)
    assert totals.tree().root
    return time.perf_counter() - started, vaults + len(spent)


def nines(probability: float) -> str:
    """Return a probability of loss as a number of nines of durability."""
    return "∞" if probability <= 0 else f"{-math.log10(probability):.1f}"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table in Markdown."""
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def durability() -> None:
    """Print nines a year for policies and churn rates."""
    print("### Durability of one deal\n")
    rows = []
    for name, monthly in CHURN.items():
        for k, n in ((2, 4), (4, 8), (8, 16), (10, 20)):
            slow, fast = Repair(24.0), Repair(6.0)
            rows.append(
                (
                    name,
                    f"{k}-of-{n}",
                    f"{loss_a_year(monthly, slow, k, n):.1e}",
                    nines(loss_a_year(monthly, slow, k, n)),
                    nines(loss_a_year(monthly, fast, k, n)),
                )
            )
    table(
        (
            "vaults leaving for good",
            "policy",
            "loss a year (rebuilt in 24 h)",
            "nines",
            "nines (in 6 h)",
        ),
        rows,
    )
    monthly, repair = 0.5, Repair(24.0)
    exact = loss_a_year(monthly, repair)
    dice = loss_by_chance(monthly, repair, deals=20_000, years=1, seed=1)
    print(
        f"Check at 50 % a month, 4-of-8: chain {exact:.1e}, dice with fixed repair "
        f"times {dice:.1e} (20,000 deals, seed 1): the chain is the pessimist.\n"
    )


def repair_traffic() -> None:
    """Print what churn costs each vault in bytes."""
    print("### Repair traffic\n")
    rows = []
    for name, monthly in CHURN.items():
        moved = monthly * VAULT_BYTES * K
        rate = moved * 8 / (HOURS_A_MONTH * 3600)
        rows.append((name, f"{moved / TB:.1f} TB", f"{rate / 1e6:.1f} Mbit/s"))
    moved = VAULT_BYTES * K / IPFS_SESSION_HOURS
    rows.append(
        (
            f"an IPFS session as a lifetime ({IPFS_SESSION_HOURS:.1f} h)",
            f"{moved * HOURS_A_MONTH / TB:,.0f} TB",
            f"{moved * 8 / 3600 / 1e9:.1f} Gbit/s: no such network can hold 10 TB each",
        )
    )
    table(("churn", "fetched by each vault a month", "as a steady rate"), rows)


def audits() -> None:
    """Print what a vault's audits cost, whatever the size of the network."""
    print("### Audits of a vault of 10 TB, in one epoch of an hour\n")
    answer, group = answer_bytes(), PARAMS.group_size
    sent = answer * group
    table(
        ("what", "bytes"),
        (
            ("one answer (256 leaves with their paths)", f"{answer:,}"),
            ("sent to 8 neighbours, and received from 8", f"{sent:,} each way"),
            ("the same as a steady rate", f"{sent * 8 / 3600 / 1e3:.0f} kbit/s"),
            ("a month", f"{sent * HOURS_A_MONTH / 1e9:.1f} GB each way"),
            ("a storage certificate", f"{certificate_bytes():,}"),
            ("a checkpoint entry that changed", f"{entry_bytes():,}"),
            ("a miss certificate (only when missed)", f"{miss_bytes():,}"),
        ),
    )
    leaves = PARAMS.leaves_per_audit
    table(
        ("share of bytes lost", "found in one epoch", "epochs until 99.9 %"),
        (
            (
                f"{share:.2%}",
                f"{1 - (1 - share) ** leaves:.1%}",
                f"{math.log(0.001) / (leaves * math.log(1 - share)):.1f}",
            )
            for share in (0.0001, 0.001, 0.01, 0.05, 0.5)
        ),
    )


def settlement(measure: bool) -> None:
    """Print what a period's settlement and the ledger's work are."""
    print("### A period's settlement, and the ledger\n")
    rows = []
    for vaults in SIZES:
        deals, leaves = deals_of(vaults), vaults + deals_of(vaults)
        certificates = vaults * PARAMS.period_epochs * certificate_bytes()
        entries = vaults * DEALS_A_VAULT * entry_bytes()
        took = "not built"
        if measure:
            seconds, built = tree_seconds(vaults)
            assert built == leaves
            took = f"{seconds:.1f} s"
        rows.append(
            (
                f"{vaults:,}",
                f"{deals:,}",
                _size(certificates),
                _size(entries),
                _size(leaves * (43 + 2 * 32)),
                _depth(leaves),
                took,
            )
        )
    table(
        (
            "vaults",
            "deals",
            "certificates",
            "entries, each once",
            "tree with leaves",
            "hashes in a proof",
            "built in",
        ),
        rows,
    )
    yearly: list[Sequence[object]] = []
    for vaults in SIZES:
        for name, monthly in tuple(CHURN.items())[:2]:
            lost = monthly * vaults / HOURS_A_MONTH * PARAMS.period_epochs
            cap = min(max(1, vaults * 2 // 100), EJECTIONS_MAX)
            # A vault that is gone misses about as many epochs before its verdict.
            missed = PARAMS.missed_unreachable + PARAMS.period_epochs // 2
            rumours = lost * missed * TOLD * miss_bytes()
            yearly.append(
                (
                    f"{vaults:,}",
                    name,
                    1,
                    f"≤ {vaults:,}",
                    f"{lost:.1f} (cap {cap:,})",
                    f"{lost * DEALS_A_VAULT:,.0f}",
                    _size(rumours),
                )
            )
    table(
        (
            "vaults",
            "churn",
            "settlements a period",
            "claims, when it suits",
            "ejections a period",
            "Replace operations a period",
            "rumours of misses, sent by each vault",
        ),
        yearly,
    )


def _size(count: float) -> str:
    for name, digits in (("B", 0), ("kB", 0), ("MB", 1)):
        if count < 1000:
            return f"{count:.{digits}f} {name}"
        count /= 1000
    return f"{count:.1f} GB"


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true")
    measure = parser.parse_args().measure
    parts: tuple[Callable[[], None], ...] = (durability, repair_traffic, audits)
    for part in parts:
        part()
    settlement(measure)


if __name__ == "__main__":
    main()
