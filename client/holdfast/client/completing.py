"""Ids that a shell completes: of what the last commands saw, without any network.

`cache/ids.json` holds ids and times of snapshots, no names and no paths. Whatever
cannot be read completes nothing.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem

from holdfast.client import wording
from holdfast.client.core.settings import PROFILES
from holdfast.client.invocation import Invocation

if TYPE_CHECKING:
    from holdfast.client.core.snapshot import NamedSnapshot

_NAME: Final = "ids.json"
_SHOWN_MAX: Final = 200
_LATEST: Final = "latest"


def keep_snapshots(home: Path, snapshots: "Iterable[NamedSnapshot]") -> None:
    """Remember which snapshots there are; a disk that takes nothing is no matter."""
    _keep(home, [(each.id.hex(), each.snapshot.time_ns) for each in snapshots])


def add_snapshot(home: Path, snapshot: "NamedSnapshot") -> None:
    """Remember one more."""
    new = (snapshot.id.hex(), snapshot.snapshot.time_ns)
    _keep(home, [*_snapshots(home), new])


def _keep(home: Path, every: list[tuple[str, int]]) -> None:
    path = home / "cache" / _NAME
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps({"snapshots": every}), encoding="utf-8")
        temporary.replace(path)


def snapshots(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Return the ids of snapshots that begin so, the newest first, and `latest`."""
    items = [CompletionItem(_LATEST)] if _LATEST.startswith(begun) else []
    for name, time_ns in _snapshots(context.ensure_object(Invocation).home):
        if name.startswith(begun):
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(time_ns / 1e9))
            items.append(CompletionItem(name[: max(12, len(begun))], help=when))
    return items[:_SHOWN_MAX]


def _snapshots(home: Path) -> list[tuple[str, int]]:
    try:
        content = json.loads((home / "cache" / _NAME).read_bytes())
        pairs = [(str(name), int(when)) for name, when in content["snapshots"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    return sorted(pairs, key=lambda pair: -pair[1])


def profiles(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Return the profiles in config.toml that begin so."""
    import tomllib  # noqa: PLC0415 # commands that read no settings do without

    home = context.ensure_object(Invocation).home
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = tomllib.loads((home / "config.toml").read_text()).get(PROFILES)
        names = sorted(found) if isinstance(found, dict) else []
        return [CompletionItem(name) for name in names if name.startswith(begun)]
    return []


def deals(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Return the ids of deals that begin so."""
    return _of_cache(context, "SELECT deal FROM heads", begun)


def vaults(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Return the ids of vaults that begin so."""
    return _of_cache(context, "SELECT vault FROM records", begun)


def _of_cache(context: click.Context, query: str, begun: str) -> list[CompletionItem]:
    path = context.ensure_object(Invocation).home / "cache" / "network.db"
    names: list[str] = []
    with contextlib.suppress(sqlite3.Error, OSError, TypeError):
        if path.exists():
            address = f"{path.absolute().as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(address, uri=True)) as rows:
                names = [wording.short(each) for (each,) in rows.execute(query)]
    return [CompletionItem(name) for name in sorted(names) if name.startswith(begun)]
