"""`benchmarks/run.py` as it is called, with a stand-in for restic."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FIELDS = {"workload", "system", "metric", "unit", "median", "min", "max", "runs"}
SECONDS_MAX = 120

# What a backup program does, in a folder; `{after}` is what is wrong with it.
RESTIC = """#!{python}
import os, pathlib, shutil, sys, time
words = sys.argv[1:]
kept = pathlib.Path(words[words.index("--repo") + 1])
act = words[words.index("--password-file") + 2]
if act == "init":
    kept.mkdir()
elif act == "backup":
    source = pathlib.Path(words[-1])
    shutil.copytree(source, kept / source.relative_to("/"), dirs_exist_ok=True)
elif act == "restore":
    target = pathlib.Path(words[-1])
    shutil.copytree(kept, target)
{after}
"""


class Run:
    """Runs the benchmarks with a `restic` of the test's own."""

    def __init__(self, top: Path, after: str = "") -> None:
        self.top = top
        program = top / "bin" / "restic"
        program.parent.mkdir()
        program.write_text(RESTIC.format(python=sys.executable, after=after))
        program.chmod(0o755)

    def command(self, only: str) -> list[str]:
        words = ["--size", "8", "--runs", "2", "--systems", "restic", "--only", only]
        out = ["--out", str(self.top / "out"), "--name", "today"]
        return [sys.executable, str(BENCHMARKS / "run.py"), *words, *out]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "PATH": f"{self.top / 'bin'}:{os.environ['PATH']}",
            "TMPDIR": str(self.top),
        }

    def run(self, only: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(only),
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
        )

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(
            (self.top / "out" / "today.json").read_text()
        )
        return rows


def test_a_run_writes_a_row_for_each_figure(tmp_path: Path) -> None:
    run = Run(tmp_path)
    done = run.run("mixed,small,ledger")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = run.rows()
    assert all(row.keys() == FIELDS for row in rows)
    assert all(row["min"] <= row["median"] <= row["max"] for row in rows)
    assert all(row["runs"] == 2 for row in rows)
    found = {(row["workload"], row["system"], row["metric"]) for row in rows}
    common = {"upload_MBps", "download_MBps", "cpu_seconds_per_GiB", "peak_rss_MiB"}
    small = {"upload_files_per_s", "download_files_per_s"}
    assert {("small-2000", "restic", metric) for metric in common | small} <= found
    mixed = common | {"unchanged_backup_s"}
    assert {("mixed-1GiB", "restic", metric) for metric in mixed} <= found
    assert ("ledger", "holdfast", "operations_per_s") in found
    assert "<svg" in (tmp_path / "out" / "today.svg").read_text()
    assert "small-2000" in done.stdout


def test_what_comes_back_otherwise_has_failed_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    changed = (
        "if act == 'restore':\n"
        "    for file in list(target.rglob('1-*'))[:1]:\n"
        "        file.write_bytes(b'lost')"
    )
    run = Run(tmp_path, changed)
    done = run.run("small,ledger")
    assert done.returncode == 1
    assert "failed: small-2000 (restic)" in done.stdout
    metrics = {(row["system"], row["metric"]) for row in run.rows()}
    assert ("restic", "failed") in metrics
    assert ("holdfast", "operations_per_s") in metrics


def test_a_stopped_run_leaves_no_process_and_keeps_what_it_measured(
    tmp_path: Path,
) -> None:
    stuck = (
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "if act == 'backup' and (here / 'out' / 'today.json').exists():\n"
        "    (here / 'stuck').write_text(str(os.getpid()))\n"
        "    os.kill(os.getppid(), __import__('signal').SIGTERM)\n"
        "    time.sleep(600)"
    )
    run = Run(tmp_path, stuck)
    done = run.run("mixed,small")
    assert done.returncode == 128 + signal.SIGTERM, done.stdout + done.stderr
    assert {row["workload"] for row in run.rows()} == {"mixed-1GiB"}
    pid = int((tmp_path / "stuck").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not list(tmp_path.glob("holdfast-bench-*"))


def test_the_bare_pipeline_uploads(tmp_path: Path) -> None:
    file = tmp_path / "random"
    file.write_bytes(os.urandom(3 << 20))
    words = [str(file), "--k", "1", "--n", "2", "--runs", "1"]
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "bare_pipeline.py"), *words],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )
    assert "MB/s" in done.stdout


def test_workloads_that_there_are_not_are_refused(tmp_path: Path) -> None:
    done = Run(tmp_path).run("small,everything")
    assert done.returncode == 2
    assert "everything: there are only" in done.stderr
