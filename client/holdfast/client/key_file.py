"""The key file: JSON with one slot for each passphrase, written atomically.

It holds the master key sealed, never in the clear. Losing it costs nothing to who
has the recovery phrase.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from holdfast.client.core.errors import KeyFileError, WrongPassphraseError
from holdfast.client.core.key_slots import (
    DEFAULT_STRENGTH,
    KeySlot,
    Strength,
    open_slots,
    seal_slot,
)
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.durable_file import write_durably

Entropy = Callable[[int], bytes]
VERSION: Final = 1
SLOTS_MAX: Final = 8
LABEL_CHARACTERS_MAX: Final = 64
_FORMAT: Final = "holdfast key file"
_FILE_BYTES_MAX: Final = 65536


def create_key_file(
    path: Path,
    master: bytes,
    passphrase: str,
    *,
    label: str = "",
    strength: Strength = DEFAULT_STRENGTH,
    entropy: Entropy = os.urandom,
) -> None:
    """Write a new key file; raises KeyFileError if there is one already."""
    _check_new([], passphrase)
    slot = seal_slot(master, passphrase, label, strength, entropy)
    try:
        write_durably(path, _encode([slot]), replace=False)
    except FileExistsError as error:
        raise KeyFileError(
            f"{path} is there already; move it away if you really want a new key"
        ) from error


def open_key_file(path: Path, passphrase: str) -> OwnerKeys:
    """Return the owner's keys, or raise KeyFileError or WrongPassphraseError."""
    _, master = open_slots(_read(path), passphrase)
    return OwnerKeys(master)


def list_labels(path: Path) -> tuple[str, ...]:
    """Return the label of each passphrase's slot, or raise KeyFileError."""
    return tuple(slot.label for slot in _read(path))


def add_passphrase(
    path: Path,
    passphrase: str,
    new: str,
    *,
    label: str = "",
    strength: Strength = DEFAULT_STRENGTH,
    entropy: Entropy = os.urandom,
) -> None:
    """Let `new` open the file too; raises KeyFileError or WrongPassphraseError."""
    slots = _read(path)
    _, master = open_slots(slots, passphrase)
    if len(slots) >= SLOTS_MAX:
        raise KeyFileError(f"a key file has at most {SLOTS_MAX} passphrases")
    _check_new(slots, new)
    slots.append(seal_slot(master, new, _checked_label(label), strength, entropy))
    write_durably(path, _encode(slots))


def change_passphrase(
    path: Path,
    passphrase: str,
    new: str,
    *,
    strength: Strength = DEFAULT_STRENGTH,
    entropy: Entropy = os.urandom,
) -> None:
    """Put `new` in place of `passphrase`; nothing that is stored changes."""
    slots = _read(path)
    place, master = open_slots(slots, passphrase)
    _check_new(slots, new)
    slots[place] = seal_slot(master, new, slots[place].label, strength, entropy)
    write_durably(path, _encode(slots))


def remove_passphrase(path: Path, passphrase: str, name: str) -> str:
    """Take out the passphrase named by its number, from 1, or its label.

    `passphrase` is another one of the file, so the last one always stays and somebody
    knows it. Returns the label. Raises KeyFileError or WrongPassphraseError.
    """
    slots = _read(path)
    used, _ = open_slots(slots, passphrase)
    place = _place_of(slots, name)
    if len(slots) == 1:
        raise KeyFileError("this is the last passphrase; add another one first")
    if place == used:
        raise KeyFileError(
            "this is the passphrase that you just gave; remove it with another one"
        )
    label = slots.pop(place).label
    write_durably(path, _encode(slots))
    return label


def _place_of(slots: list[KeySlot], name: str) -> int:
    numbers = {str(place + 1): place for place in range(len(slots))}
    labelled = [place for place, slot in enumerate(slots) if slot.label == name]
    if len(labelled) == 1:
        return labelled[0]
    if name in numbers and not labelled:
        return numbers[name]
    problem = "several passphrases are" if labelled else "no passphrase is"
    raise KeyFileError(f"{problem} named {name!r}; see `holdfast key list`")


def _check_new(slots: list[KeySlot], new: str) -> None:
    if not new:
        raise KeyFileError("a passphrase cannot be empty; nothing was changed")
    with suppress(WrongPassphraseError):
        open_slots(slots, new)
        raise KeyFileError("this passphrase opens the file already; choose another one")


def _checked_label(label: str) -> str:
    if len(label) > LABEL_CHARACTERS_MAX or not label.isprintable():
        raise KeyFileError(
            f"a label has at most {LABEL_CHARACTERS_MAX} characters in one line"
        )
    return label


def _encode(slots: list[KeySlot]) -> bytes:
    document = {
        "format": _FORMAT,
        "version": VERSION,
        "slots": [
            {
                "label": slot.label,
                "kdf": "argon2id",
                "operations": slot.strength.operations,
                "memory_bytes": slot.strength.memory_bytes,
                "salt": slot.salt.hex(),
                "nonce": slot.nonce.hex(),
                "sealed": slot.sealed.hex(),
            }
            for slot in slots
        ],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _read(path: Path) -> list[KeySlot]:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX)
    except FileNotFoundError as error:
        raise KeyFileError(
            f"there is no key file at {path}; run `holdfast init` or `holdfast recover`"
        ) from error
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return _decode(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyFileError(
            f"{path} is damaged or not a key file; recover with the 24-word phrase"
        ) from error


def _decode(document: dict[str, Any]) -> list[KeySlot]:
    if document["format"] != _FORMAT:
        raise ValueError("not a key file")
    if document["version"] != VERSION:
        raise KeyFileError(
            f"key files of version {document['version']} need a newer program"
        )
    slots = [_decode_slot(slot) for slot in document["slots"]]
    if not 0 < len(slots) <= SLOTS_MAX:
        raise ValueError("no slots")
    return slots


def _decode_slot(slot: dict[str, Any]) -> KeySlot:
    if slot["kdf"] != "argon2id":
        raise ValueError("unknown kdf")
    return KeySlot(
        label=str(slot["label"]),
        strength=Strength(int(slot["operations"]), int(slot["memory_bytes"])),
        salt=bytes.fromhex(slot["salt"]),
        nonce=bytes.fromhex(slot["nonce"]),
        sealed=bytes.fromhex(slot["sealed"]),
    )
