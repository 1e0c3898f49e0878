"""What a shell is offered: commands, options, and ids that the cache knows."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from command_stage import Stage
from holdfast.client import completing
from holdfast.client.exit_codes import ExitCode
from holdfast.client.journal import Journal
from holdfast.client.main import main

Completed = Callable[[str], list[str]]


@pytest.fixture
def completed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Completed:
    """Returns what bash is offered for the last of some words."""
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path))

    def complete(words: str) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setenv("_HOLDFAST_COMPLETE", "bash_complete")
            patch.setenv("COMP_WORDS", f"holdfast {words}")
            patch.setenv("COMP_CWORD", str(len(words.split(" "))))
            capsys.readouterr()
            with pytest.raises(SystemExit):
                main([])
        lines = capsys.readouterr().out.split()
        return [line.removeprefix("plain,") for line in lines]

    return complete


def test_commands_and_their_options_are_completed(completed: Completed) -> None:
    assert completed("sna") == ["snapshots"]
    assert completed("schedule in") == ["install"]
    assert completed("backup --excl") == ["--exclude", "--exclude-file"]
    assert "--limit-upload" in completed("--limit")
    assert completed("completion z") == ["zsh"]


def test_a_broken_file_of_settings_stops_no_completion(
    completed: Completed, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text("= = =")
    assert completed("backup --one") == ["--one-file-system"]


def test_profiles_are_completed(completed: Completed, tmp_path: Path) -> None:
    assert completed("backup --profile ") == []
    text = "[profile.desk]\nquiet = true\n[profile.away]\nquiet = true\n"
    (tmp_path / "config.toml").write_text(text)
    assert completed("backup --profile ") == ["away", "desk"]
    assert completed("--profile d") == ["desk"]
    (tmp_path / "config.toml").write_text("profile = 5")
    assert completed("--profile d") == []


def test_snapshots_are_completed_once_they_were_made_or_listed(
    completed: Completed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("content")
    stage = Stage(capsys)
    made = stage.json("backup", tmp_path / "file")["snapshot"]
    assert completed("restore ") == ["latest", made[:12]]
    (tmp_path / "cache" / "ids.json").unlink()
    assert completed("restore ") == ["latest"]
    stage.run("snapshots")
    assert completed("restore ") == ["latest", made[:12]]
    assert completed(f"ls {made[:3]}") == [made[:12]]
    assert completed(f"tag add x {made[:20]}") == [made[:20]]
    kept = (tmp_path / "cache" / "ids.json").read_text()
    assert "file" not in kept, "only ids and times are kept in the clear"


def test_deals_and_vaults_are_completed_of_the_cache(
    completed: Completed, tmp_path: Path
) -> None:
    assert completed("deal show ") == []
    Journal(tmp_path / "cache" / "network.db").close()
    with sqlite3.connect(tmp_path / "cache" / "network.db") as rows:
        rows.execute("INSERT INTO heads VALUES (?, '', '')", (b"\xab" * 32,))
        rows.execute("INSERT INTO records VALUES (?, '')", (b"\xcd" * 32,))
    rows.close()
    assert completed("deal show ") == ["ab" * 6]
    assert completed("audit vault c") == ["cd" * 6]
    assert completed("audit vault a") == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.binary(), st.just(b"[" * 100_000), st.just(b'{"snapshots": [[1]]}'))
)
def test_garbage_in_the_cache_completes_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "cache" / "ids.json").write_bytes(data)
    assert completing._snapshots(tmp_path) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_calls_the_program(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == ExitCode.OK
    script = capsys.readouterr().out
    assert f"_HOLDFAST_COMPLETE={shell}_complete" in script
    if path := shutil.which(shell):
        run = subprocess.run([path, "-n"], input=script, text=True, check=False)
        assert run.returncode == 0


def test_completing_a_command_imports_no_other(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from holdfast.client.main import main\n"
        "try: main([])\n"
        "except SystemExit: pass\n"
        "prefix = 'holdfast.client.commands.'\n"
        "found = [name for name in sys.modules if name.startswith(prefix)]\n"
        "assert not found, found\n"
    )
    variables = {
        "_HOLDFAST_COMPLETE": "bash_complete",
        "COMP_WORDS": "holdfast b",
        "COMP_CWORD": "1",
        "HOLDFAST_HOME": str(tmp_path),
    }
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=variables,
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["plain,backup", "plain,bill"]
