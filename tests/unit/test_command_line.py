"""The frame of the command line: help, usage, JSON, errors, exit codes."""

import errno
import io
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from holdfast.client.command_line import LazyGroup
from holdfast.client.commands import version
from holdfast.client.exit_codes import ExitCode
from holdfast.client.explaining import explain
from holdfast.client.main import SECTIONS, holdfast, main
from holdfast.client.output import Output, table_lines
from holdfast.client.settings_use import leaves
from holdfast.protocol.errors import DecodingError, HoldfastError


@pytest.fixture(autouse=True)
def home_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong here must not be logged in the home of whoever runs the tests."""
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path))


def test_every_command_of_the_table_exists_and_says_what_the_table_says() -> None:
    assert isinstance(holdfast, LazyGroup)
    for section in SECTIONS.values():
        for name in section:
            command = holdfast.get_command(None, name)  # type: ignore[arg-type] # unused
            assert command is not None
            assert command.help


def test_help_imports_no_command_and_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from holdfast.client.main import main\n"
        "assert main(['--help']) == 0\n"
        "heavy = ('grpc', 'numpy', 'rich', 'nacl', 'eth_account', 'asyncio')\n"
        "found = [name for name in heavy if name in sys.modules]\n"
        "commands = 'holdfast.client.commands.'\n"
        "found += [name for name in sys.modules if name.startswith(commands)]\n"
        "assert not found, found\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "holdfast demo" in run.stdout


def test_json_may_stand_before_or_after_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--json", "version"]) == 0
    before = capsys.readouterr().out
    assert main(["version", "--json"]) == 0
    assert capsys.readouterr().out == before
    assert set(json.loads(before)) == {"version"}


def test_an_unknown_option_is_a_usage_error_with_the_way_to_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["version", "--colour"]) == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert "--colour" in said.err
    assert "`holdfast version --help`" in said.err


def test_a_usage_error_is_one_json_document_when_json_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["nothing", "--json"]) == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.err == ""
    assert json.loads(said.out)["error"]["exit_code"] == 2


def test_every_exit_code_is_listed_with_a_meaning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["version", "--exit-codes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["exit_codes"]
    assert {int(code) for code in listed} == set(ExitCode)
    assert all(listed.values())
    assert version.command.help


def test_an_expected_error_is_told_without_a_trace(tmp_path: Path) -> None:
    class StrangeError(HoldfastError):
        """The moon is in the way."""

    told = explain(StrangeError(), tmp_path)
    assert (told.code, told.what) == (ExitCode.FAILED, "The moon is in the way")
    assert list(tmp_path.iterdir()) == []


def test_an_unexpected_error_leaves_its_trace_in_a_file_and_not_on_the_screen(
    tmp_path: Path,
) -> None:
    told = explain(ZeroDivisionError("in the middle of it"), tmp_path)
    log = tmp_path / "logs" / "errors.log"
    assert told.code == ExitCode.INTERNAL
    assert str(log) in told.next_step
    assert "in the middle of it" in log.read_text()
    assert "Traceback" not in told.what + told.next_step


def test_a_bug_is_not_hidden_by_the_errors_that_it_caused(tmp_path: Path) -> None:
    inner = ExceptionGroup("tasks", [DecodingError("garbage"), ZeroDivisionError()])
    told = explain(ExceptionGroup("outer", [HoldfastError("x"), inner]), tmp_path)
    assert told.code == ExitCode.INTERNAL


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_has_its_own_code(number: int, tmp_path: Path) -> None:
    told = explain(OSError(number, "full", "/somewhere/file"), tmp_path)
    assert told.code == ExitCode.DISK_FULL
    assert "/somewhere/file" in told.what


def test_in_json_only_documents_reach_standard_output() -> None:
    out, err = io.StringIO(), io.StringIO()
    output = Output(as_json=True, verbose=True, out=out, err=err)
    output.say("for people")
    output.detail("for curious people")
    output.warn("a warning")
    output.table(("a",), [(1,)])
    output.event("progress", kind="file", path=Path("x"), id=b"\x01")
    output.result({"ok": True})
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert lines == [
        {"event": "progress", "kind": "file", "path": "x", "id": "01"},
        {"ok": True},
    ]
    assert err.getvalue() == ""


def test_quiet_prints_errors_only() -> None:
    out, err = io.StringIO(), io.StringIO()
    output = Output(quiet=True, out=out, err=err)
    output.say("a line")
    output.table(("a",), [(1,)])
    output.error("it broke", "half of it", "mend it", "broken", ExitCode.FAILED)
    assert out.getvalue() == ""
    assert err.getvalue() == "holdfast: it broke\n  kept: half of it\n  next: mend it\n"


def test_a_table_lines_its_columns_up() -> None:
    assert table_lines(("name", ">size"), [("a", 5), ("longer", 1234)]) == [
        "name    size",
        "──────  ────",
        "a          5",
        "longer  1234",
    ]


def test_no_command_imports_what_only_its_work_needs() -> None:
    """All but `ledger`, which is another program's, so that help comes at once."""
    program = (
        "import sys, click\n"
        "from holdfast.client.main import holdfast\n"
        "root = click.Context(holdfast)\n"
        "names = set(holdfast.list_commands(root)) - {'ledger'}\n"
        "for name in names: holdfast.get_command(root, name)\n"
        "heavy = ('grpc', 'numpy', 'rich', 'nacl', 'eth_account', 'py_ecc', 'web3',\n"
        "    'sqlite_utils', 'Crypto', 'google.protobuf')\n"
        "found = [name for name in heavy if name in sys.modules]\n"
        "assert not found, found\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


def test_every_command_of_ours_takes_the_options_of_all_commands() -> None:
    assert isinstance(holdfast, LazyGroup)
    names = {"--home", "--profile", "--json", "--quiet", "--verbose", "--limit-upload"}
    others = {("vault",), ("ledger", "init"), ("ledger", "serve")}
    root = click.Context(holdfast, info_name="holdfast")
    for words, command in leaves(holdfast, root):
        taken = {name for each in command.params for name in each.opts}
        assert words in others or names <= taken, words
