"""What a finished story leaves behind, as one line, and what many lines add up to."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from simulation.drama import Drama
from simulation.story import Story

Line = Mapping[str, Any]


def line_of(story: Story, drama: Drama, cpu_seconds: float) -> dict[str, Any]:
    """Return a finished story's figures; everything but the time is reproducible."""
    promises, universe = drama.promises, drama.universe
    droppers = promises.detection.droppers.values()
    books = universe.chain.book.state.books
    settled = universe.chain.book.state.settled
    return {
        "seed": story.seed,
        "vaults": story.vaults,
        "epochs": story.epochs,
        "story": universe.chronicle.digest(),
        "facts": universe.chronicle.facts,
        "broken": promises.broken,
        "hostile": Counter(kind for _, kind, _ in story.masks),
        "acknowledged": promises.acknowledged(),
        "lost": promises.figures.lost,
        "excused": promises.figures.excused,
        "ejected": len(promises.verdicts.ejected),
        "judged_offline": promises.verdicts.judged,
        "false_ejections": promises.verdicts.false,
        "bought_epochs": promises.figures.bought_epochs,
        "restored": promises.figures.restored,
        "droppers": len(droppers),
        "found": sum(one.found for one in droppers),
        "predicted": round(sum(one.predicted for one in droppers), 4),
        "audits_until_found": [one.audits for one in droppers if one.found],
        "repair_bytes": universe.repair_bytes,
        "unrebuilt": universe.unrebuilt,
        "candidates": promises.candidates(),
        "certified": round(promises.certified_share(), 4),
        "settled_period": settled.period if settled else -1,
        "minted": books.minted,
        "earned": books.earned,
        "claimed": books.claimed,
        "slashed": books.slashed,
        "messages": sum(universe.calls.values()),
        "cpu_seconds": round(cpu_seconds, 2),
    }


def summary(lines: Iterable[Line]) -> str:
    """Return what many stories show, a line for each thing worth knowing."""
    known = list(lines)
    if not known:
        return "no story has been played yet"

    def total(name: str) -> int:
        return sum(line[name] for line in known)

    restored = sorted(epochs for line in known for epochs in line["restored"])
    audits = [count for line in known for count in line["audits_until_found"]]
    candidates = [count for line in known for count in line["candidates"]]
    found, predicted = total("found"), sum(line["predicted"] for line in known)
    deviation = math.sqrt(max(predicted, 1))
    broken = [line["seed"] for line in known if line["broken"]]
    share = sum(line["certified"] for line in known) / len(known)
    return "\n".join(
        (
            f"stories                 {len(known)}, {total('messages'):,} messages",
            f"broken promises         {len(broken)} stories {broken[:20]}",
            f"chunks acknowledged     {total('acknowledged'):,}",
            f"chunks lost             {total('lost')}, excused {total('excused')}",
            f"vaults ejected          {total('ejected')}",
            f"judged again offline    {total('judged_offline')} guilty",
            f"honest vaults ejected   {total('false_ejections')}",
            f"droppers                {total('droppers')}, found {found}",
            f"droppers predicted      {predicted:.1f} ± {deviation:.1f}",
            f"audits until found      {_spread(audits)}",
            f"epochs below n shards   {_spread(restored)}",
            f"bytes moved for repair  {total('repair_bytes'):,}",
            f"vaults rebuilt a slot   {_spread(candidates)}",
            f"shards not rebuilt      {total('unrebuilt')}",
            f"epochs bought           {total('bought_epochs')} (hostile majority)",
            f"honest epochs certified {100 * share:.2f} %",
            f"grains earned           {total('earned'):,}",
            f"grains claimed          {total('claimed'):,}",
            f"grains slashed          {total('slashed'):,}",
            f"CPU seconds             {total('cpu_seconds'):,.0f}",
        )
    )


def _spread(values: list[int]) -> str:
    if not values:
        return "none"
    ordered = sorted(values)
    middle, high = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
    return f"median {middle}, 95 % within {high}, most {ordered[-1]} ({len(ordered)})"
