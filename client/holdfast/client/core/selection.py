"""Some paths of a tree: everything below them, and what leads to them."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from holdfast.protocol.frozen import frozen


@frozen
class Selection:
    """Which names to take of a directory: all, or those on the way to a path."""

    whole: bool = False
    names: Mapping[bytes, "Selection"] = field(default_factory=dict)

    def below(self, name: bytes) -> "Selection | None":
        """Return what is selected of an entry, None if nothing."""
        return self if self.whole else self.names.get(name)


EVERYTHING: Final = Selection(whole=True)


def select(paths: Iterable[bytes]) -> Selection:
    """Return the selection of these absolute paths."""
    parts = []
    for path in paths:
        assert path.startswith(b"/"), "paths are absolute"
        parts.append(split_path(path))
    return _select(parts)


def _select(paths: list[list[bytes]]) -> Selection:
    if not all(paths):
        return EVERYTHING
    below: dict[bytes, list[list[bytes]]] = {}
    for path in paths:
        below.setdefault(path[0], []).append(path[1:])
    return Selection(names={name: _select(rest) for name, rest in below.items()})


def split_path(path: bytes) -> list[bytes]:
    """Return a path's components, without empty ones."""
    return [part for part in path.split(b"/") if part]
