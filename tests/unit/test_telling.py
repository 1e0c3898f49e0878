"""What a backup tells of its progress: one word at a time, and none after its end."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.archive import BackupProgress
from holdfast.client.backing_up import Teller
from holdfast.client.session_values import Progress
from holdfast.client.upload_options import UploadProgress
from sdk_on_market import client, files
from small_market import market

THREADS, WORDS = 4, 300


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class GrowingUpload:
    """An upload that has sent a byte more whenever it is asked."""

    def __init__(self) -> None:
        self.sent = 0

    @property
    def progress(self) -> UploadProgress:
        self.sent += 1
        return UploadProgress(self.sent, 0)


class Listener:
    """Hears progress, and whether a word came while another was still heard."""

    def __init__(self) -> None:
        self.ear = threading.Lock()
        self.heard: list[int] = []
        self.interrupted = False

    def __call__(self, progress: Progress) -> None:
        free = self.ear.acquire(blocking=False)
        self.interrupted |= not free
        self.heard.append(progress.bytes_uploaded)
        if free:
            self.ear.release()


def seen() -> BackupProgress:
    return BackupProgress(1, 1, 1, 1, 1, 1, 0, b"/")


def teller_of(listen: Any) -> Teller:
    teller = Teller(listen)
    upload: Any = GrowingUpload()
    teller.upload = upload
    return teller


@pytest.mark.usefixtures("restless")
def test_threads_tell_one_after_the_other_and_never_backwards() -> None:
    listener = Listener()
    teller = teller_of(listener)

    def tell() -> None:
        for _ in range(WORDS):
            teller(seen())

    threads = [threading.Thread(target=tell) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not listener.interrupted
    assert listener.heard == [*range(1, THREADS * WORDS + 1)]


def test_silence_waits_for_the_last_word_and_no_other_follows() -> None:
    speaking, let_go = threading.Event(), threading.Event()
    said: list[str] = []

    def listen(_progress: Progress) -> None:
        speaking.set()
        let_go.wait()
        said.append("a word")

    teller = teller_of(listen)

    def fall_silent() -> None:
        teller.fall_silent()
        said.append("silence")

    talks = threading.Thread(target=teller, args=(seen(),))
    talks.start()
    speaking.wait()
    silences = threading.Thread(target=fall_silent)
    silences.start()
    silences.join(0.05)  # it cannot come to its end yet
    let_go.set()
    talks.join()
    silences.join()
    teller(seen())
    assert said == ["a word", "silence"]


@pytest.mark.usefixtures("restless")
def test_a_backup_is_heard_to_its_end_word_by_word(tmp_path: Path) -> None:
    listener = Listener()

    async def story() -> None:
        source = files(tmp_path / "source", count=40, size=100_000)
        async with (
            market(tmp_path, 8) as place,
            client(place, tmp_path / "one") as one,
        ):
            await one.backup([source], progress=listener)
            count = len(listener.heard)
            await one.snapshots()
            assert count == len(listener.heard) > 0

    asyncio.run(story())
    assert not listener.interrupted
    assert listener.heard == sorted(listener.heard)
