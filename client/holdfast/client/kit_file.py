"""Writing the recovery kit's page to a file, and reading a kit from one."""

import html
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from holdfast.client.core.kit import read_kit
from holdfast.client.core.kit_bytes import Kit, KitReading
from holdfast.client.kit_page import CODE_END, CODE_START, KitDetails, render_kit_page
from holdfast.protocol.errors import HoldfastError

_FILE_BYTES_MAX: Final = 1 << 20
_CODE: Final = re.compile(
    f"{re.escape(CODE_START)}(.*?){re.escape(CODE_END)}", re.DOTALL
)


class KitFileError(HoldfastError):
    """The file of a recovery kit cannot be written or read."""


def write_kit(path: Path, kit: Kit, details: KitDetails) -> None:
    """Write the page, mode 0600, and read it back; it is durable on return.

    Raises KitFileError, also if the file is there already.
    """
    page = render_kit_page(kit, details).encode()
    # Not durable_file: a kit may go to a memory stick, which knows no hard links.
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise KitFileError(
            f"{path} is there already; name another file for the recovery kit"
        ) from error
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise KitFileError(
            f"{path} cannot be written: {error.strerror}; name another file"
        ) from error
    if read_kit_file(path).kit != kit:
        raise KitFileError(f"{path} does not read as it was written; do not rely on it")


def read_kit_file(path: Path) -> KitReading:
    """Return the kit of a text file, or of the page itself.

    Raises KitFileError, or KitError if the code cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX)
    except OSError as error:
        raise KitFileError(f"{path} cannot be read: {error.strerror}") from error
    return read_kit_text(data.decode("utf-8", errors="replace"))


def read_kit_text(text: str) -> KitReading:
    """Return the kit of typed or scanned text, or of the page's HTML, or KitError."""
    inside = _CODE.search(text)
    return read_kit(html.unescape(inside[1]) if inside else text)
