"""Where a passphrase comes from, and which way goes before which."""

import shlex
import sys
from pathlib import Path

import pytest
from click.core import ParameterSource

from holdfast.client import passphrases
from holdfast.client.invocation import Invocation
from holdfast.client.passphrases import PassphraseUnreadableError, from_command


def printing(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def test_a_command_says_the_passphrase_in_its_first_line() -> None:
    assert from_command(printing("print('open sesame\\nsecond')")) == "open sesame"


def test_a_command_gets_nothing_of_what_is_backed_up() -> None:
    code = "import sys; print(repr(sys.stdin.read()))"
    assert from_command(printing(code)) == "''"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (printing("import sys; sys.exit(3)"), "ended with code 3"),
        (printing("print()"), "printed nothing"),
        (printing("import os; os.write(1, b'\\xff')"), "not UTF-8"),
        ("/no/such/program", "No such file"),
        ("'unclosed", "No closing quotation"),
        ("", "failed"),
    ],
)
def test_a_command_that_cannot_say_it_is_an_expected_error(
    command: str, said: str
) -> None:
    with pytest.raises(PassphraseUnreadableError, match=said):
        from_command(command)


def test_a_flag_goes_before_the_environment_and_that_before_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("of the file\n")
    invocation = Invocation()
    invocation.remember("passphrase_file", file, ParameterSource.DEFAULT_MAP)
    assert invocation.passphrase() == "of the file"
    monkeypatch.setenv(passphrases.VARIABLE, "of the environment")
    assert invocation.passphrase() == "of the environment"
    flag = printing("print('of the flag')")
    invocation.remember("passphrase_command", flag, ParameterSource.COMMANDLINE)
    assert invocation.passphrase() == "of the flag"


def test_a_weaker_source_never_takes_the_place_of_a_stronger() -> None:
    invocation = Invocation()
    invocation.remember("limit_upload", 1, ParameterSource.COMMANDLINE)
    invocation.remember("limit_upload", 2, ParameterSource.ENVIRONMENT)
    invocation.remember("limit_upload", 3, ParameterSource.DEFAULT_MAP)
    assert invocation.limit_upload == 1
