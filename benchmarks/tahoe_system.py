"""Tahoe-LAFS on this machine: an introducer, eight servers and a client, 4-of-8.

It is GPL, so it is only ever run as a program, from an environment of its own:

    python3 -m venv build/tahoe && build/tahoe/bin/pip install tahoe-lafs

Files go in and out over the client's web interface, four at a time. It stores all of a
workload, as the others do, in two runs at the most, because each takes it minutes.
"""

import http.client
import itertools
import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from owner import Spent
from proc_figures import cpu_seconds_of, peak_rss_mib_of
from retiring import retire

PROGRAM: Final = Path(__file__).parents[1] / "build/tahoe/bin/tahoe"
SERVERS: Final = 8
SERVER: Final = "server"
AT_ONCE: Final = 4
START_SECONDS_MAX: Final = 180.0
_POLICY: Final = ("--shares-needed=4", "--shares-happy=8", "--shares-total=8")


class Tahoe:
    """A grid of its own."""

    name = "tahoe-lafs"
    runs_max = 2

    def __init__(self, top: Path) -> None:
        self._top = top
        self._running: list[subprocess.Popen[bytes]] = []
        self._caps: list[tuple[Path, str]] = []
        top.mkdir()
        try:
            self._start_grid()
        except BaseException:
            self.close()
            raise

    def store(self, source: Path) -> Spent:
        files = [path for path in sorted(source.rglob("*")) if path.is_file()]
        return self._act(
            lambda: self._keep(zip(files, self._put_all(files), strict=True))
        )

    def restore(self, target: Path) -> Spent:
        return self._act(lambda: self._get_all(target))

    def drop(self) -> None:
        for shares in self._top.glob(f"{SERVER}-*/storage/shares/*"):
            retire(shares, self._top / "gone")
        self._caps = []

    def rebuild(self, _stored_bytes: int) -> float:
        """Delete the shares of one server; return the MB/s at which they come back.

        An earlier repair may have left copies of them on other servers, and a file of
        which all shares are somewhere is whole to Tahoe-LAFS: these are deleted, too.
        """
        servers = [self._top / f"{SERVER}-{n}/storage/shares" for n in range(SERVERS)]
        held = ([p for p in shares.rglob("*") if p.is_file()] for shares in servers)
        lost = next(filter(None, held))
        size = sum(path.stat().st_size for path in lost)
        names = {Path(*path.parts[-3:]) for path in lost}
        for shares, name in itertools.product(servers, names):
            (shares / name).unlink(missing_ok=True)
        began = time.perf_counter()
        for _, cap in self._caps:
            self._repair(cap)
        return size / (time.perf_counter() - began) / 1e6

    def close(self) -> None:
        for child in self._running:
            child.send_signal(signal.SIGTERM)
        for child in self._running:
            child.wait()
        shutil.rmtree(self._top, ignore_errors=True)

    def _keep(self, caps: Iterable[tuple[Path, str]]) -> None:
        self._caps = list(caps)

    def _act(self, act: Callable[[], None]) -> Spent:
        pids = [child.pid for child in self._running]
        cpu, wall = cpu_seconds_of(pids), time.perf_counter()
        act()
        seconds = time.perf_counter() - wall
        return Spent(seconds, cpu_seconds_of(pids) - cpu, peak_rss_mib_of(pids[-1]))

    def _put_all(self, files: list[Path]) -> list[str]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self._put, files))

    def _put(self, path: Path) -> str:
        with path.open("rb") as file:
            return self._ask("PUT", "/uri", file, path.stat().st_size).read().decode()

    def _get_all(self, target: Path) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda kept: self._get(target, *kept), self._caps))

    def _get(self, target: Path, path: Path, cap: str) -> None:
        inside = target / path.relative_to("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        with inside.open("wb") as file:
            shutil.copyfileobj(self._ask("GET", f"/uri/{cap}"), file, 1 << 20)

    def _repair(self, cap: str) -> None:
        asked = f"/uri/{cap}?t=check&repair=true&output=JSON"
        said = json.loads(self._ask("POST", asked).read())
        if not (said["repair-attempted"] and said["repair-successful"]):
            raise RuntimeError("Tahoe-LAFS did not repair a file")

    def _ask(
        self, method: str, path: str, body: object = None, body_bytes: int = 0
    ) -> http.client.HTTPResponse:
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        headers = {"Content-Length": str(body_bytes)} if body else {}
        line.request(method, path, body, headers)  # type: ignore[arg-type] # a file
        reply = line.getresponse()
        if reply.status >= 300:
            raise RuntimeError(f"{method}: {reply.status} {reply.read()[:200]!r}")
        return reply

    def _start_grid(self) -> None:
        self._make("create-introducer", "introducer")
        self._run("introducer")
        furl_file = self._top / "introducer/private/introducer.furl"
        _wait_for(furl_file.exists, "the introducer")
        introducer = f"--introducer={furl_file.read_text().strip()}"
        for number in range(SERVERS):
            name = f"{SERVER}-{number}"
            self._make("create-node", name, introducer, "--webport=none", *_POLICY)
            self._run(name)
        self._port = _free_port()
        web = f"--webport=tcp:{self._port}:interface=127.0.0.1"
        self._make("create-client", "client", introducer, web, *_POLICY)
        self._run("client")
        _wait_for(self._is_ready, "the grid")

    def _make(self, what: str, name: str, *more: str) -> None:
        where: tuple[str, ...] = ()
        if what != "create-client":
            port = _free_port()
            where = (
                f"--port=tcp:{port}:interface=127.0.0.1",
                f"--location=tcp:127.0.0.1:{port}",
            )
        words = [str(PROGRAM), what, *where, *more, str(self._top / name)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)

    def _run(self, name: str) -> None:
        with (self._top / f"{name}.log").open("wb") as log:
            words = [str(PROGRAM), "run", str(self._top / name)]
            # It ends when its input does, so that it does not outlive us.
            pipe = subprocess.PIPE
            child = subprocess.Popen(words, stdin=pipe, stdout=log, stderr=log)
        self._running.append(child)

    def _is_ready(self) -> bool:
        try:
            found = json.loads(self._ask("GET", "/?t=json").read())
        except OSError:
            return False
        said = [server["connection_status"].lower() for server in found["servers"]]
        connected = [status for status in said if status.startswith("connected")]
        return len(connected) == SERVERS


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait_for(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start in {START_SECONDS_MAX:.0f} s")
        time.sleep(0.2)
