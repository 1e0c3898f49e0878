import json
import stat
from pathlib import Path

import pytest

from holdfast.client.core.errors import KeyFileError, WrongPassphraseError
from holdfast.client.core.key_slots import WEAKEST, Strength
from holdfast.client.key_file import (
    SLOTS_MAX,
    add_passphrase,
    change_passphrase,
    create_key_file,
    list_labels,
    open_key_file,
    remove_passphrase,
)
from holdfast.protocol.units import MIB

MASTER = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    create_key_file(path, MASTER, "first", label="laptop", strength=WEAKEST)
    return path


def test_the_passphrase_opens_the_key_file(path: Path) -> None:
    assert open_key_file(path, "first").master == MASTER


def test_a_new_key_file_asks_for_more_than_owasp_does(tmp_path: Path) -> None:
    create_key_file(tmp_path / "key.json", MASTER, "first")
    (slot,) = json.loads((tmp_path / "key.json").read_bytes())["slots"]
    made = Strength(slot["operations"], slot["memory_bytes"])
    assert made.operations >= 2
    assert made.memory_bytes >= 19 * MIB
    assert open_key_file(tmp_path / "key.json", "first").master == MASTER


def test_another_passphrase_does_not(path: Path) -> None:
    with pytest.raises(WrongPassphraseError, match="recovery phrase"):
        open_key_file(path, "second")


def test_the_file_is_for_its_owner_alone_and_hides_the_key(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert MASTER.hex() not in path.read_text()
    assert [entry.name for entry in path.parent.iterdir()] == ["key.json"]


def test_no_key_file_is_made_with_an_empty_passphrase(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="empty"):
        create_key_file(tmp_path / "key.json", MASTER, "", strength=WEAKEST)
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="there already"):
        create_key_file(path, bytes(32), "first", strength=WEAKEST)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["key.json"]


def test_a_second_passphrase_opens_it_too(path: Path) -> None:
    add_passphrase(path, "first", "second", label="desk", strength=WEAKEST)
    assert open_key_file(path, "first").master == MASTER
    assert open_key_file(path, "second").master == MASTER
    assert list_labels(path) == ("laptop", "desk")


def test_adding_needs_a_passphrase_that_opens(path: Path) -> None:
    with pytest.raises(WrongPassphraseError):
        add_passphrase(path, "wrong", "second", strength=WEAKEST)


def test_a_changed_passphrase_replaces_the_old_one(path: Path) -> None:
    change_passphrase(path, "first", "second", strength=WEAKEST)
    assert open_key_file(path, "second").master == MASTER
    with pytest.raises(WrongPassphraseError):
        open_key_file(path, "first")


@pytest.mark.parametrize("name", ["1", "laptop"])
def test_a_removed_passphrase_opens_nothing(path: Path, name: str) -> None:
    add_passphrase(path, "first", "second", label="desk", strength=WEAKEST)
    assert remove_passphrase(path, "second", name) == "laptop"
    assert open_key_file(path, "second").master == MASTER
    with pytest.raises(WrongPassphraseError):
        open_key_file(path, "first")


def test_the_last_passphrase_stays(path: Path) -> None:
    with pytest.raises(KeyFileError, match="last passphrase"):
        remove_passphrase(path, "first", "1")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("2", "just gave"),
        ("3", "no passphrase is"),
        ("desk", "several passphrases are"),
    ],
)
def test_only_another_passphrase_with_a_clear_name_is_removed(
    path: Path, name: str, why: str
) -> None:
    add_passphrase(path, "first", "second", label="desk", strength=WEAKEST)
    if name == "desk":
        add_passphrase(path, "first", "third", label="desk", strength=WEAKEST)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match=why):
        remove_passphrase(path, "second", name)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("new", "why"), [("", "empty"), ("first", "already"), ("second", "already")]
)
def test_a_new_passphrase_is_not_empty_and_not_an_old_one(
    path: Path, new: str, why: str
) -> None:
    add_passphrase(path, "first", "second", strength=WEAKEST)
    with pytest.raises(KeyFileError, match=why):
        add_passphrase(path, "first", new, strength=WEAKEST)
    with pytest.raises(KeyFileError, match=why):
        change_passphrase(path, "first", new, strength=WEAKEST)


@pytest.mark.parametrize("label", ["x" * 65, "two\nlines"])
def test_a_label_is_one_short_line(path: Path, label: str) -> None:
    with pytest.raises(KeyFileError, match="label"):
        add_passphrase(path, "first", "second", label=label, strength=WEAKEST)


def test_there_is_room_for_eight(path: Path) -> None:
    for number in range(SLOTS_MAX - 1):
        add_passphrase(path, "first", str(number), strength=WEAKEST)
    with pytest.raises(KeyFileError, match="at most 8"):
        add_passphrase(path, "first", "one more", strength=WEAKEST)


def test_one_letter_typed_two_ways_is_one_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    create_key_file(path, MASTER, "caf\u00e9", strength=WEAKEST)
    assert open_key_file(path, "cafe\u0301").master == MASTER


def test_a_missing_key_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="holdfast init"):
        open_key_file(tmp_path / "none.json", "first")


@pytest.mark.parametrize(
    "damage",
    [
        {"format": "something else"},
        {"slots": []},
        {"slots": [{}]},
        {"slots": "no list"},
    ],
)
def test_a_damaged_key_file_says_so(path: Path, damage: dict[str, object]) -> None:
    document = json.loads(path.read_text()) | damage
    path.write_text(json.dumps(document))
    with pytest.raises(KeyFileError, match="damaged"):
        open_key_file(path, "first")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"'])
def test_what_is_no_json_object_is_no_key_file(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(KeyFileError, match="damaged"):
        open_key_file(path, "first")


def test_a_key_file_cannot_ask_for_all_memory(path: Path) -> None:
    document = json.loads(path.read_text())
    document["slots"][0]["memory_bytes"] = 1 << 40
    path.write_text(json.dumps(document))
    with pytest.raises(KeyFileError):
        open_key_file(path, "first")


def test_a_newer_key_file_is_not_called_damaged(path: Path) -> None:
    document = json.loads(path.read_text()) | {"version": 2}
    path.write_text(json.dumps(document))
    with pytest.raises(KeyFileError, match="newer program"):
        open_key_file(path, "first")
