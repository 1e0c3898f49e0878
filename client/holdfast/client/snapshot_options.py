"""The options by which commands choose snapshots: --host, --tag, --path."""

import os
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import click

from holdfast.client.core.snapshot_choice import GroupBy, SnapshotFilter
from holdfast.client.wording import UnreadableAmountError

T = TypeVar("T")

_OPTIONS: Final = (
    click.option("--host", "hosts", multiple=True, help="Only of this host."),
    click.option(
        "--tag",
        "tag_lists",
        multiple=True,
        help="Only with this tag, or with all of TAG,TAG; '' is without tags.",
    ),
    click.option(
        "--path", "with_paths", multiple=True, help="Only backups of this path."
    ),
)


def filtered(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command these options; it takes them together as `among`.

    Hosts and tags given several times are alternatives; all paths must be there.
    """

    @wraps(command)
    def wrapped(
        *args: Any,  # noqa: ANN401 # click's signature
        hosts: tuple[str, ...],
        tag_lists: tuple[str, ...],
        with_paths: tuple[str, ...],
        **kwargs: Any,  # noqa: ANN401 # likewise
    ) -> T:
        among = SnapshotFilter(
            hosts=frozenset(hosts),
            tags=tuple(frozenset(read_tags(tags)) for tags in tag_lists),
            paths=frozenset(_absolute(path) for path in with_paths),
        )
        return command(*args, among=among, **kwargs)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def read_tags(text: str) -> tuple[str, ...]:
    """Return the tags in "one,two"."""
    parts = (tag.strip() for tag in text.split(","))
    return tuple(dict.fromkeys(tag for tag in parts if tag))


def read_groups(text: str) -> tuple[GroupBy, ...]:
    """Return what "host,paths" names; "" is nothing: one group of all snapshots."""
    names = {each.value: each for each in GroupBy} | {"path": GroupBy.PATHS}
    parts = read_tags(text)
    for part in parts:
        if part not in names:
            raise UnreadableAmountError(
                f"{part!r} is none of host, paths and tags, by which to group"
            )
    return tuple(dict.fromkeys(names[part] for part in parts))


def _absolute(path: str) -> bytes:
    return os.fsencode(os.path.abspath(path))  # noqa: PTH100 # of bytes, too
