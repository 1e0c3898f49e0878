"""What a network of 1,000 to 100,000 vaults of 10 TB costs, and how safe it is.

    python benchmarks/scale.py            # the tables of docs/scale.md
    python benchmarks/scale.py --measure  # with settlement trees built for real

Sizes are those of the real encodings; durability is a Markov chain, solved exactly,
and a Monte-Carlo run of the same rules beside it.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from scale_durability import Repair, loss_a_year, loss_by_chance
from scale_messages import (
    answer_bytes,
    certificate_bytes,
    depth,
    entry_bytes,
    miss_bytes,
)
from scale_network import (
    DEALS_A_VAULT,
    HOURS_A_MONTH,
    PARAMS,
    SIZES,
    TB,
    TOLD,
    VAULT_BYTES,
    K,
    N,
)

from holdfast.protocol.settlement import EJECTIONS_MAX, Totals
from holdfast.protocol.units import (
    DealId,
    VaultId,
)

# The share of vaults that leave for good in a month: what operators paid to stay may
# do; the assumption of Storj's whitepaper v3, §3.4 (2018); and, as if nobody ever came
# back, the sessions seen in IPFS: 87.6 % end within 8 hours (Trautwein et al., 2022).
CHURN: Final = {
    "2 % a month": 0.02,
    "10 % a month (Storj whitepaper)": 0.10,
    "50 % a month": 0.50,
}
IPFS_SESSION_HOURS: Final = 8 / -math.log(1 - 0.876)


def deals_of(vaults: int) -> int:
    """Return how many deals fill so many vaults."""
    return vaults * DEALS_A_VAULT // N


def tree_seconds(vaults: int) -> tuple[float, int]:
    """Build a settlement tree of so many vaults; return CPU seconds and leaves."""
    earned = {VaultId(i.to_bytes(32, "big")): i for i in range(vaults)}
    spent = {DealId(i.to_bytes(32, "big")): i for i in range(deals_of(vaults))}
    started = time.process_time()
    totals = Totals(earned, spent)
    assert totals.tree().root
    return time.process_time() - started, vaults + len(spent)


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
                depth(leaves),
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
            "processor time to build",
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
