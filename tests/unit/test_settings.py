"""Settings of the command line: flags, variables, profiles, the file."""

import contextlib
import io
import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_stage import Stage
from holdfast.client.core.settings import (
    Setting,
    Settings,
    SettingsError,
    read_settings,
)
from holdfast.client.exit_codes import ExitCode
from holdfast.client.main import main
from holdfast.client.settings_file import key_lines, load_settings

FILE = """\
limit-upload = 500
default-profile = "desk"

[forget]
keep-daily = 7

[backup]
exclude = ["*.tmp"]
host = "box"

[profile.desk]
limit-upload = 100

[profile.desk.backup]
paths = ["/data", "~/letters"]
host = "desk"

[profile.away.backup]
limit-upload = 10
"""


def in_home(home: Path, text: str) -> Path:
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(text)
    return home


@pytest.fixture
def shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> object:
    """Runs `config show`; returns {(command, option): (value, origin)}."""
    for name in ("HOLDFAST_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    in_home(tmp_path, FILE)

    def show(*words: str) -> dict[tuple[str, str], tuple[object, str]]:
        capsys.readouterr()
        assert main(["config", "show", "--json", *words]) == ExitCode.OK
        found = json.loads(capsys.readouterr().out)["settings"]
        return {
            (" ".join(each["command"]), each["option"]): (
                each["value"],
                each["origin"],
            )
            for each in found
        }

    return show


def test_a_flag_goes_before_a_variable_that_before_the_profile_that_before_the_file(
    shown: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(shown)
    at = ("", "limit-upload")
    assert shown("--profile", "away")[at] == ("500", "file")
    assert shown()[at] == ("100", "profile")
    monkeypatch.setenv("HOLDFAST_LIMIT_UPLOAD", "50")
    assert shown()[at] == ("50", "environment")
    assert shown("--limit-upload", "5")[at] == (5, "flag")
    assert shown("version")["", "limit-download"] == (None, "default")


def test_every_option_has_a_variable_of_its_command_and_name(
    shown: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(shown)
    assert shown()["backup", "host"] == ("desk", "profile")
    monkeypatch.setenv("HOLDFAST_BACKUP_HOST", "of the environment")
    monkeypatch.setenv("HOLDFAST_AUDIT_DRILL_FILES", "3")
    found = shown()
    assert found["backup", "host"] == ("of the environment", "environment")
    assert found["audit drill", "files"] == ("3", "environment")


def test_paths_may_begin_with_a_tilde(shown: object, tmp_path: Path) -> None:
    assert callable(shown)
    paths = ["/data", str(tmp_path / "letters")]
    assert shown()["backup", "paths"] == (paths, "profile")


def test_a_command_does_what_the_file_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = in_home(tmp_path / "home", "[version]\nexit-codes = true\n")
    assert main(["--home", str(home), "version"]) == ExitCode.OK
    assert "a bug in Holdfast" in capsys.readouterr().out


def test_the_home_that_is_named_behind_the_command_is_the_one_whose_file_holds(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOLDFAST_HOME", str(in_home(tmp_path / "one", "quiet = true")))
    other = in_home(tmp_path / "other", "")
    assert main(["version"]) == ExitCode.OK
    assert capsys.readouterr().out == ""
    assert main(["version", "--home", str(other)]) == ExitCode.OK
    assert capsys.readouterr().out.startswith("holdfast ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[backup]\nexcludes = []", "line 2: `holdfast backup` has no option 'exclud"),
        ("[backup]\n\nexcludes = []", "did you mean 'exclude'?"),
        ("limit-uplaod = 1", "line 1: `holdfast` has no option 'limit-uplaod'"),
        ("limit-uplaod = 1", "did you mean 'limit-upload'?"),
        ("[bakcup]\nhost = 'x'", "[bakcup] is the name of no command; did you mean 'b"),
        ("[audit.dril]\nfiles = 1", "[audit.dril] is the name of no command"),
        ("[version.more]\nx = 1", "[version.more] is the name of no command"),
        ("[profile.a.backup]\nhosts='x'", "line 2"),
        ("[version]\nexit-codes = 1", "exit-codes is true or false"),
        ("limit-upload = [1, 2]", "is one value, not a list"),
        ("limit-upload = true", "is a text or a number"),
        ("limit-upload = -3", "-3 is not in the range"),
        ("limit-upload = -3", "(from "),
        ("limit-upload = -3", "config.toml, line 1)"),
        ("passphrase-file = 'near'", "a path from / or ~ on"),
        ("home = '/x'", "`holdfast` has no option 'home'"),
        ("profile = 'desk'", "profiles are tables"),
        ("default-profile = 'x'", "has no profile 'x'"),
        ("default-profile = 5", "is the name of a profile"),
        ("= 5", "is not TOML"),
        ("[version]\n[version]", "is not TOML"),
        ("x = " + "[" * 5000, "is not TOML"),
    ],
)
def test_what_the_file_cannot_mean_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    home = in_home(tmp_path / "home", text)
    assert main(["--home", str(home), "version"]) == ExitCode.USAGE
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


def test_a_wrong_value_of_the_environment_is_told_with_its_variable(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path))
    monkeypatch.setenv("HOLDFAST_LIMIT_UPLOAD", "fast")
    monkeypatch.setenv("HOLDFAST_JSON", "1")
    assert main(["version"]) == ExitCode.USAGE
    error = json.loads(capsys.readouterr().out)["error"]
    assert "(from the variable HOLDFAST_LIMIT_UPLOAD)" in error["message"]


def test_named_snapshots_are_forgotten_whatever_rules_the_file_has(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOLDFAST_HOME", str(in_home(tmp_path / "home", FILE)))
    (tmp_path / "file").touch()
    stage = Stage(capsys)
    first = stage.json("backup", tmp_path / "file", "--profile", "away")["snapshot"]
    second = stage.json("backup", tmp_path / "file")["snapshot"]
    by_rules = stage.json("forget", "--dry-run")
    assert (stage.code, by_rules["forgotten"]) == (ExitCode.OK, [])
    assert stage.json("forget", first)["forgotten"] == [first]
    left = stage.json("snapshots")["snapshots"]
    assert [each["id"] for each in left] == [second]


def test_a_stream_is_backed_up_whatever_paths_the_file_has(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "named").touch()
    home = in_home(tmp_path / "home", f"[backup]\npaths = ['{tmp_path}/named']")
    monkeypatch.setenv("HOLDFAST_HOME", str(home))
    stage = Stage(capsys)
    stage.run("backup")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"stream")))
    stage.run("backup", "--stdin", "--stdin-filename", "s")
    stage.run("backup", tmp_path)
    paths = [each["paths"] for each in stage.json("snapshots")["snapshots"]]
    assert paths == [[f"{tmp_path}/named"], ["/s"], [str(tmp_path)]]


def test_help_works_with_a_broken_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = in_home(tmp_path / "home", "= = =")
    assert main(["--home", str(home), "version", "--help"]) == ExitCode.OK
    assert "Print the version" in capsys.readouterr().out


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "config.toml").write_bytes(data)
    with contextlib.suppress(SettingsError):
        load_settings(home)


NAMES = st.text("abc-", min_size=1, max_size=4)


ROWS = st.dictionaries(NAMES, st.integers(), min_size=1, max_size=3)


@given(st.dictionaries(NAMES, ROWS, max_size=3))
def test_every_key_is_found_in_its_line(tables: dict[str, dict[str, int]]) -> None:
    text = "".join(
        f"[{table}]\n" + "".join(f"{key} = {value}\n" for key, value in rows.items())
        for table, rows in tables.items()
    )
    assert tomllib.loads(text) == tables
    lines = dict(key_lines(text))
    for table, rows in tables.items():
        for key, value in rows.items():
            assert text.splitlines()[lines[table, key] - 1] == f"{key} = {value}"


@given(
    st.lists(
        st.tuples(
            st.sampled_from([(), ("audit",), ("audit", "drill"), ("backup",)]),
            st.sampled_from(["", "one", "two"]),
            st.integers(0, 3),
        )
    )
)
def test_what_is_found_is_the_strongest_that_fits(
    said: list[tuple[tuple[str, ...], str, int]],
) -> None:
    every = tuple(Setting(words, "x", value, name) for words, name, value in said)
    found = Settings("f", every, "one").find(("audit", "drill"), ["x"])
    fitting = [
        each
        for each in every
        if each.profile in {"", "one"} and each.command != ("backup",)
    ]
    if found is None:
        assert not fitting
        return
    strength = [(each.profile == "one", len(each.command)) for each in fitting]
    assert (found.profile == "one", len(found.command)) == max(strength)


def test_an_unknown_profile_without_any_file_is_refused(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings()
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings(tmp_path, "desk")


def test_profiles_do_not_see_each_other() -> None:
    document = tomllib.loads(FILE)
    settings = read_settings(document, {}, "f", "away")
    assert [each.key for each in settings.held if each.profile] == ["limit-upload"]
