"""The reference of all commands: complete, up to date, and readable by `man`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from holdfast.client.command_line import LazyGroup
from holdfast.client.exit_codes import ExitCode
from holdfast.client.main import SECTIONS, holdfast, main
from holdfast.client.reference import CommandEntry, Reference, reference_of
from holdfast.client.reference_man import man_pages, roff
from holdfast.client.reference_markdown import markdown_of

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"


@pytest.fixture(scope="module")
def reference() -> Reference:
    assert isinstance(holdfast, LazyGroup)
    return reference_of(holdfast)


def entries(reference: Reference) -> list[CommandEntry]:
    return [each for _, commands in reference.sections for each in commands]


def test_the_page_in_the_docs_is_what_the_commands_say(reference: Reference) -> None:
    assert PAGE.read_text() == markdown_of(reference), "run `make reference`"


def test_every_command_has_an_entry_that_says_what_it_does(
    reference: Reference,
) -> None:
    found = entries(reference)
    names = {each.words[0] for each in found}
    assert names == {name for section in SECTIONS.values() for name in section}
    assert all(each.paragraphs for each in found)
    assert ("audit", "drill") in {each.words for each in found}


def test_no_two_options_share_a_variable(reference: Reference) -> None:
    options = [option for each in entries(reference) for option in each.options]
    variables = [each.variable for each in (*options, *reference.shared)]
    named = [variable for variable in variables if variable]
    assert len(set(named)) == len(named)
    assert all(re.fullmatch(r"HOLDFAST_[A-Z0-9_]+", each) for each in named)


def test_every_row_of_a_table_has_its_three_cells(reference: Reference) -> None:
    rows = [
        line for line in markdown_of(reference).splitlines() if line.startswith("| `")
    ]
    assert len(rows) > 100
    assert all(len(re.split(r"(?<!\\)\|", row)) == 5 for row in rows)


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff here")
def test_groff_has_nothing_to_say_against_the_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reference", "--man", str(tmp_path)]) == ExitCode.OK
    assert "pages" in capsys.readouterr().out
    run = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", *sorted(tmp_path.iterdir())],
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stderr == ""


def test_there_is_a_page_for_each_command(reference: Reference) -> None:
    pages = man_pages(reference, "1.2.3")
    assert len(pages) == len(entries(reference)) + 1
    assert "Holdfast 1.2.3" in pages["holdfast-audit-drill.1"]
    assert ".SH EXIT STATUS" in pages["holdfast.1"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (".TH", r"\&.TH"),
        ("'quoted", r"\&'quoted"),
        ("a-b\\c", r"a\-b\ec"),
        ("`x` …", r"\(gax\(ga \[u2026]"),
    ],
)
def test_no_text_is_taken_for_an_order_to_roff(text: str, written: str) -> None:
    assert roff(text) == written
