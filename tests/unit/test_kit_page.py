"""The recovery kit's page and file."""

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from holdfast.client.core.kit import make_kit, print_kit
from holdfast.client.core.kit_bytes import KitEndpoint, KitError
from holdfast.client.core.phrase import phrase_from_key
from holdfast.client.kit_file import (
    KitFileError,
    read_kit_file,
    read_kit_text,
    write_kit,
)
from holdfast.client.kit_page import KitDetails, render_kit_page
from holdfast.protocol.units import NetworkId

KIT = make_kit(
    bytes(range(32)),
    NetworkId(b"\x5a" * 32),
    KitEndpoint("192.0.2.1:7400", bytes(16)),
    [KitEndpoint("<b>&seed:7447", bytes(16))],
)
DETAILS = KitDetails("harbour", "0x" + "ab" * 20, date(2026, 11, 20))


class Tags(HTMLParser):
    """Collects the tags with their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    return tags


def test_the_page_shows_the_code_with_line_numbers_and_as_a_qr_code() -> None:
    page = parsed(render_kit_page(KIT, DETAILS))
    for number, line in enumerate(print_kit(KIT), 1):
        assert f"{number:>2}:  {line}" in page.text
    assert [tag for tag, _ in page.tags].count("svg") == 1
    for said in ("2026-11-20", "harbour", DETAILS.account, "192.0.2.1:7400"):
        assert said in page.text


def test_the_page_needs_nothing_else() -> None:
    page = render_kit_page(KIT, DETAILS)
    assert not {tag for tag, _ in parsed(page).tags} & {"script", "link", "img", "a"}
    assert "url(" not in page
    assert "@import" not in page
    names = {name for _, attributes in parsed(page).tags for name in attributes}
    assert not names & {"src", "href", "style", "xlink:href"}


def test_everything_from_outside_is_escaped_and_cut() -> None:
    evil = '</pre><script>alert("1")</script>&amp;'
    details = KitDetails(evil, evil, date(2026, 1, 2), title=evil * 50)
    page = render_kit_page(KIT, details)
    assert "script" not in {tag for tag, _ in parsed(page).tags}
    assert evil in parsed(page).text
    assert "<b>&seed:7447" in parsed(page).text
    assert max(map(len, re.findall(r"<dd>(.*?)</dd>", page))) < 400
    assert read_kit_text(page).kit == KIT


def test_the_words_are_there_only_when_asked_for() -> None:
    words = phrase_from_key(KIT.master).split()
    with_words = KitDetails("n", "a", date(2026, 1, 2), words=True)
    shown = parsed(render_kit_page(KIT, with_words)).text
    assert re.findall(r"^ ?\d+ ([a-z]+)$", shown, re.MULTILINE) == words
    assert "24 words" in shown
    assert f" {words[-1]}\n" not in parsed(render_kit_page(KIT, DETAILS)).text


def test_a_written_kit_reads_from_its_page_and_from_its_text(tmp_path: Path) -> None:
    path = tmp_path / "kit.html"
    write_kit(path, KIT, DETAILS)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_kit_file(path).kit == KIT
    text = tmp_path / "kit.txt"
    text.write_text(parsed(path.read_text("utf-8")).text, encoding="utf-8")
    assert read_kit_file(text).kit == KIT


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "kit.html"
    path.write_text("mine")
    with pytest.raises(KitFileError, match="there already"):
        write_kit(path, KIT, DETAILS)
    assert path.read_text() == "mine"


def test_files_that_cannot_be_written_or_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(KitFileError, match="cannot be written"):
        write_kit(tmp_path / "none" / "kit.html", KIT, DETAILS)
    with pytest.raises(KitFileError, match="cannot be read"):
        read_kit_file(tmp_path)
    binary = tmp_path / "binary"
    binary.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(KitError):
        read_kit_file(binary)
