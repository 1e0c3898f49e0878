"""Named objects: what `put` stored, in a table of sorted pages.

The root lists the pages, each a blob; changing an object rewrites one page. An
object's data are blobs like a file's, so an object and a file share them.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from holdfast.client.core.blobs import BLOB_LIST_CODEC, BlobId, BlobList
from holdfast.client.core.errors import ObjectNameError, ObjectUnknownError
from holdfast.protocol.encoding import BYTES32, U64, Format, sequence, text
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import KIB

OBJECT_NAME_BYTES_MAX: Final = 1024
METADATA_MAX: Final = 64
_KEY_BYTES_MAX: Final = 128
_VALUE_BYTES_MAX: Final = 2048
_PAGE_BYTES_TARGET: Final = 256 * KIB
_PAGE_OBJECTS_MAX: Final = 8192


@frozen
class Metadatum:
    """One key and value that the owner attached to an object."""

    key: str
    value: str


@frozen
class ObjectEntry:
    """A named object: bytes, when it was stored (ns since 1970), where its data are."""

    name: str
    size: int
    time_ns: int
    content: BlobList
    metadata: tuple[Metadatum, ...] = ()


def check_object_name(name: str, metadata: Sequence[Metadatum] = ()) -> None:
    """Raise ObjectNameError unless an object may have this name and metadata."""
    if not name or _size(name) > OBJECT_NAME_BYTES_MAX:
        raise ObjectNameError("an object's name has 1 to 1024 bytes of UTF-8")
    if len(metadata) > METADATA_MAX or any(
        _size(item.key) > _KEY_BYTES_MAX or _size(item.value) > _VALUE_BYTES_MAX
        for item in metadata
    ):
        raise ObjectNameError(
            "an object has at most 64 metadata, keys of 128 bytes, values of 2048"
        )


def _size(value: str) -> int:
    try:
        return len(value.encode())
    except UnicodeEncodeError as error:
        raise ObjectNameError("an object's name and metadata are Unicode") from error


@frozen
class ObjectPage:
    """A page's first name and its blob; it reaches to the next page's first name."""

    first: str
    blob: BlobId


OBJECT_PAGE: Final = Format(
    ObjectPage, kind=77, version=1, first=text(OBJECT_NAME_BYTES_MAX), blob=BYTES32
)
_METADATUM: Final = Format(
    Metadatum,
    kind=78,
    version=1,
    key=text(_KEY_BYTES_MAX),
    value=text(_VALUE_BYTES_MAX),
)
OBJECT_ENTRY: Final = Format(
    ObjectEntry,
    kind=79,
    version=1,
    name=text(OBJECT_NAME_BYTES_MAX),
    size=U64,
    time_ns=U64,
    content=BLOB_LIST_CODEC,
    metadata=sequence(_METADATUM.bare(), METADATA_MAX),
)


@frozen
class _Entries:
    entries: tuple[ObjectEntry, ...]


_ENTRIES: Final = Format(
    _Entries,
    kind=80,
    version=1,
    entries=sequence(OBJECT_ENTRY.bare(), _PAGE_OBJECTS_MAX),
)

Load = Callable[[BlobId], bytes]
Store = Callable[[bytes], BlobId]


def find_object(pages: Sequence[ObjectPage], name: str, load: Load) -> ObjectEntry:
    """Return the object of this name, or raise ObjectUnknownError."""
    if pages:
        for entry in _ENTRIES.decode(load(pages[_page_of(pages, name)].blob)).entries:
            if entry.name == name:
                return entry
    raise ObjectUnknownError(f"there is no object {name!r}")


def list_objects(
    pages: Sequence[ObjectPage], prefix: str, load: Load
) -> Iterator[ObjectEntry]:
    """Yield the objects whose names start with `prefix`, in order of name."""
    for page in pages[_page_of(pages, prefix) :] if pages else ():
        for entry in _ENTRIES.decode(load(page.blob)).entries:
            if entry.name.startswith(prefix):
                yield entry
            elif entry.name > prefix:
                return


def update_objects(
    pages: Sequence[ObjectPage],
    changes: Mapping[str, ObjectEntry | None],
    load: Load,
    store: Store,
) -> tuple[ObjectPage, ...]:
    """Return the pages with `changes` made; None deletes, also what is not there."""
    touched: dict[int, dict[str, ObjectEntry | None]] = {}
    for name, entry in changes.items():
        assert entry is None or entry.name == name
        touched.setdefault(_page_of(pages, name) if pages else 0, {})[name] = entry
    result: list[ObjectPage] = []
    for place, page in enumerate(pages):
        if place in touched:
            entries = _ENTRIES.decode(load(page.blob)).entries
            result += _pages_of(entries, touched[place], store)
        else:
            result.append(page)
    if not pages and touched:
        result += _pages_of((), touched[0], store)
    return tuple(result)


def _page_of(pages: Sequence[ObjectPage], name: str) -> int:
    return max(0, bisect_right(pages, name, key=lambda page: page.first) - 1)


def _pages_of(
    entries: Sequence[ObjectEntry],
    changes: Mapping[str, ObjectEntry | None],
    store: Store,
) -> list[ObjectPage]:
    merged: dict[str, ObjectEntry | None] = {entry.name: entry for entry in entries}
    merged.update(changes)
    kept = [entry for _, entry in sorted(merged.items()) if entry is not None]
    pages: list[ObjectPage] = []
    part: list[ObjectEntry] = []
    size = 0
    for entry in kept:
        part.append(entry)
        size += len(OBJECT_ENTRY.encode(entry))
        if size >= _PAGE_BYTES_TARGET or len(part) == _PAGE_OBJECTS_MAX:
            pages.append(_stored(part, store))
            part, size = [], 0
    if part:
        pages.append(_stored(part, store))
    return pages


def _stored(entries: list[ObjectEntry], store: Store) -> ObjectPage:
    blob = store(_ENTRIES.encode(_Entries(tuple(entries))))
    return ObjectPage(entries[0].name, blob)
