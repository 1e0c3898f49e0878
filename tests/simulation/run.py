"""Plays many stories: `python -m simulation.run --seeds 1-2000 --vaults 20`.

Every finished seed is one line of JSON; those that are there already are skipped,
so an interrupted run goes on where it was. Ctrl-C ends it at once and loses only
the stories that are being played.
"""

import argparse
import gc
import json
import logging
import multiprocessing
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from simulation.drama import Drama
from simulation.report import line_of, summary
from simulation.stand_ins import stand_ins
from simulation.story import story_of

FOLDER = Path("build/simulation")


def play(seed: int, vaults: int, epochs: int) -> dict[str, Any]:
    """Play one story and return its line."""
    began = time.process_time()
    with stand_ins():
        story = story_of(seed, vaults, epochs)
        drama = Drama(story, look_every=1 if vaults <= 50 else 8)
        try:
            drama.play()
        except Exception as error:  # noqa: BLE001 # other stories go on
            where = traceback.extract_tb(error.__traceback__)[-1]
            text = (
                f"{type(error).__name__}: {error}, line {where.lineno} of {where.name}"
            )
            drama.promises.broken.append(f"the story broke off with {text}")
        line = line_of(story, drama, time.process_time() - began)
    del drama
    gc.collect()
    return line


def main() -> int:
    asked = _arguments()
    path = asked.folder / f"{asked.vaults}x{asked.epochs}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {line["seed"]: line for line in _read(path)}
    todo = [seed for seed in asked.seeds if seed not in done]
    for stop in (signal.SIGINT, signal.SIGTERM):  # a shell's background ignores SIGINT
        signal.signal(stop, signal.default_int_handler)
    say(f"{len(asked.seeds) - len(todo)} stories are there, {len(todo)} to play")
    try:
        with path.open("a") as file:
            for line in _play_all(todo, asked):
                done[line["seed"]] = line
                file.write(json.dumps(line) + "\n")
                file.flush()
                _tell(line)
    except KeyboardInterrupt:
        say("\nstopped; what is finished is kept, the same command goes on")
    chosen = [done[seed] for seed in asked.seeds if seed in done]
    say(summary(chosen))
    return 1 if any(line["broken"] for line in chosen) else 0


def _play_all(todo: list[int], asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    one = partial(play, vaults=asked.vaults, epochs=asked.epochs)
    context = multiprocessing.get_context("spawn")
    with context.Pool(asked.processes, _begin_worker, maxtasksperchild=20) as pool:
        yield from pool.imap_unordered(one, todo)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable(logging.CRITICAL)
    # Stories make few cycles and much that lives long: it is cleared away after each.
    gc.freeze()
    gc.disable()


def _tell(line: dict[str, Any]) -> None:
    verdict = f"BROKEN: {line['broken'][0]}" if line["broken"] else "kept"
    text = f"seed {line['seed']}  story {line['story']}  {line['cpu_seconds']} s"
    say(f"{text}  {verdict}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield finished stories; a line that was cut short is played again."""
    if not path.exists():
        return
    for text in path.read_text().splitlines():
        try:
            yield json.loads(text)
        except json.JSONDecodeError:
            continue


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    try:
        return range(int(first), int(last or first) + 1)
    except ValueError as error:
        raise argparse.ArgumentTypeError("seeds are FIRST-LAST") from error


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=_seeds, required=True)
    parser.add_argument("--vaults", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
