"""The demo's story, from an empty directory to files that came back.

Every sentence that claims something is checked, and the story goes on with what
is true; it stops only when a step cannot be done at all.
"""

import asyncio
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdfast.client.session import AsyncClient

from holdfast.client import wording
from holdfast.client.demo.comparison import Comparison, compare
from holdfast.client.demo.frozen_copy import BYTES_MAX, FrozenCopy, freeze
from holdfast.client.demo.page import Page
from holdfast.client.demo.searching import files_with, samples_of
from holdfast.client.local_health import NetworkStatus, VaultStatus
from holdfast.client.local_network import LocalNetwork
from holdfast.client.profile import Profile
from holdfast.client.session_values import BackupResult, DealStatus
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.verify import verify
from holdfast.protocol.errors import HoldfastError

VAULTS: Final = 12
_PASSPHRASE: Final = "only for this demo"  # noqa: S105 # it protects nothing of value
_OTHER_PASSPHRASE: Final = "on another machine"  # noqa: S105 # likewise
_AUDIT_SECONDS: Final = 90.0
_LOOK_SECONDS: Final = 0.5
# The copy, twice that on the vaults, and the restored files; some for the rest.
_ROOM_FACTOR: Final = 4.2


class NoRoomError(HoldfastError):
    """The disk has too little room for the demo."""

    def __init__(self, directory: Path, needed: int, free: int) -> None:
        super().__init__(
            f"the demo needs {wording.size(needed)} in {directory}, where "
            f"{wording.size(free)} are free"
        )
        self.needed = needed
        self.free = free


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo happens."""

    directory: Path

    @property
    def copy(self) -> Path:
        """The frozen copy of the files."""
        return self.directory / "files"

    @property
    def network(self) -> Path:
        """The ledger and the vaults."""
        return self.directory / "network"

    @property
    def home(self) -> Path:
        """The profile that backs up."""
        return self.directory / "home"

    @property
    def other_home(self) -> Path:
        """The profile of the new machine."""
        return self.directory / "other-home"

    @property
    def restored(self) -> Path:
        """Where the files come back to."""
        return self.directory / "restored"


async def tell(source: Path, stage: Stage, page: Page, epoch_seconds: int) -> None:
    """Tell the whole story; all processes end with it, whatever happens."""
    copy = _freeze(source, stage, page)
    async with LocalNetwork(stage.network, tied=True) as network:
        await _start(network, page, epoch_seconds)
        phrase, deal = await _back_up(network, stage, copy, page)
        await _wait_for_pay(network, deal, page)
        _search(network, stage, page)
        await _lose_vaults(network, deal, page)
        await _restore(network, stage, phrase, page)
        _compare(stage, page)
        _verify(network, page)


def _freeze(source: Path, stage: Stage, page: Page) -> FrozenCopy:
    page.step(f"A copy of {source} that stands still")
    free = shutil.disk_usage(stage.directory).free
    copy = freeze(source, stage.copy, min(BYTES_MAX, int(free / _ROOM_FACTOR)))
    page.say(f"{wording.count(copy.files, 'file')}, {wording.size(copy.copied_bytes)}")
    if copy.left_out:
        page.say(f"left out to keep it small: {wording.count(copy.left_out, 'file')}")
    page.figure("files", copy.files)
    page.figure("bytes", copy.copied_bytes)
    return copy


async def _start(network: LocalNetwork, page: Page, epoch_seconds: int) -> None:
    page.step(f"A network on this machine: a ledger and {VAULTS} vaults")
    started = time.monotonic()
    status = await network.up(VAULTS, epoch_seconds)
    took = wording.span(time.monotonic() - started)
    page.say(
        f"each a process of its own, with a stake on the ledger; an epoch, after which "
        f"each must prove what it holds, takes {status.epoch_seconds} s"
    )
    page.claim(f"all {len(status.vaults)} vaults serve, after {took}", status.healthy)


async def _back_up(
    network: LocalNetwork, stage: Stage, copy: FrozenCopy, page: Page
) -> tuple[str, DealStatus]:
    page.step("A profile, tokens, and the first backup")
    profile, phrase = Profile.create(stage.home, network.network_file, _PASSPHRASE)
    client = await AsyncClient.connect(profile, profile.unlock(_PASSPHRASE))
    async with client:
        given = await client.faucet()
        page.say(f"the faucet of this development network gives {wording.hold(given)}")
        started = time.monotonic()
        result = await client.backup([stage.copy])
        seconds = time.monotonic() - started
        deals = await client.deals()
    _report_backup(result, deals, copy, seconds, page)
    return phrase, deals[0]


def _report_backup(
    result: BackupResult,
    deals: Sequence[DealStatus],
    copy: FrozenCopy,
    seconds: float,
    page: Page,
) -> None:
    stats = result.snapshot.snapshot.stats
    deal = deals[0].deal
    page.say(
        f"encrypted, cut into {deal.n} pieces of which any {deal.k} suffice, and sent "
        f"to {deal.n} vaults in {wording.span(seconds)}"
    )
    page.say(
        f"{wording.size(stats.bytes_seen)} of files became "
        f"{wording.size(stats.bytes_stored)} of sealed chunks "
        f"({wording.size(int(copy.copied_bytes / max(seconds, 0.001)))}/s)"
    )
    page.figure("backup_seconds", round(seconds, 3))
    page.figure("bytes_stored", stats.bytes_stored)
    page.claim(
        f"the backup holds every file of the copy: {stats.files + stats.others:,}",
        stats.files + stats.others == copy.files and not result.problems,
    )


async def _wait_for_pay(network: LocalNetwork, deal: DealStatus, page: Page) -> None:
    page.step("Audits: each epoch every vault proves random pieces to its neighbours")
    holders = [holder.vault.hex() for holder in deal.deal.holders]
    paid = await _paid_status(network, holders)
    rows = [vault for vault in paid.vaults if vault.vault.vault in holders]
    page.output.table(
        ("   vault", ">pieces", ">bytes", ">epochs proved", ">earned"),
        [_audit_row(vault) for vault in rows],
    )
    earned = sum(vault.earned or 0 for vault in paid.vaults)
    spent = paid.ledger.spent or 0
    page.claim(
        f"all {len(rows)} vaults that hold pieces proved them, and were paid for it",
        all(vault.certified_epochs and vault.earned for vault in rows),
    )
    idle = [vault for vault in paid.vaults if vault.vault.vault not in holders]
    page.claim(
        f"the {len(idle)} others hold nothing of it, and earned nothing",
        not any(vault.earned for vault in idle),
    )
    page.claim(
        f"the uploader was charged {wording.hold(spent)}, exactly what they earned",
        spent == earned > 0,
    )
    page.figure("earned_grains", earned)
    page.figure("spent_grains", spent)


async def _paid_status(network: LocalNetwork, holders: list[str]) -> NetworkStatus:
    """Return the first status in which every holder was paid, or the last in time."""
    deadline = time.monotonic() + _AUDIT_SECONDS
    while True:
        status = await network.status()
        mine = [vault for vault in status.vaults if vault.vault.vault in holders]
        paid = all(vault.earned for vault in mine)
        # A settlement made while the vaults are asked would be seen by some only.
        earned = sum(vault.earned or 0 for vault in status.vaults)
        if (paid and earned == status.ledger.spent) or time.monotonic() > deadline:
            return status
        await asyncio.sleep(_LOOK_SECONDS)


def _audit_row(vault: VaultStatus) -> tuple[object, ...]:
    return (
        f"   {vault.vault.vault[:12]}",
        f"{vault.shards or 0:,}",
        wording.size(vault.held_bytes or 0),
        vault.certified_epochs or 0,
        wording.hold(vault.earned or 0),
    )


def _search(network: LocalNetwork, stage: Stage, page: Page) -> None:
    page.step("What the vaults can read of it")
    samples = samples_of(stage.copy)
    here, _ = files_with(stage.copy, samples)
    there, searched = files_with(network.layout.directory / "vaults", samples)
    page.claim(
        f"{len(samples)} pieces of plain text from the files were looked for in "
        f"{wording.size(searched)} on the vaults' disks: found in {there} files there, "
        f"and in {here} of your own",
        len(samples) > 0 and here > 0 and there == 0,
    )


async def _lose_vaults(network: LocalNetwork, deal: DealStatus, page: Page) -> None:
    spare = deal.deal.n - deal.deal.k
    page.step(f"{spare} of the {deal.deal.n} holders lose power (SIGKILL)")
    # The first k hold the pieces as they are; without them all must be computed.
    for holder in deal.deal.holders[:spare]:
        vault, _ = network.stop_vault(holder.vault.hex(), kill=True)
        page.say(f"vault {vault.vault[:12]} is gone")
    status = await network.status()
    stopped = sum(vault.state == "stopped" for vault in status.vaults)
    page.claim(f"{stopped} vaults are down", stopped == spare)


async def _restore(
    network: LocalNetwork, stage: Stage, phrase: str, page: Page
) -> None:
    page.step("Another machine, which has nothing but the 24 words")
    profile, _ = Profile.create(
        stage.other_home, network.network_file, _OTHER_PASSPHRASE, phrase
    )
    client = await AsyncClient.connect(profile, profile.unlock(_OTHER_PASSPHRASE))
    async with client:
        started = time.monotonic()
        snapshots = await client.snapshots()
        report = await client.restore("latest", stage.restored)
        seconds = time.monotonic() - started
    page.say(
        f"found {wording.count(len(snapshots), 'snapshot')} and restored "
        f"{wording.count(report.files, 'file')}, {wording.size(report.bytes_written)}, "
        f"in {wording.span(seconds)}"
    )
    page.figure("restore_seconds", round(seconds, 3))
    page.claim("the restore is complete", report.complete and not report.failures)


def _compare(stage: Stage, page: Page) -> None:
    page.step("Every byte, mode, time and link, compared with the copy")
    found = compare(stage.copy, stage.restored / stage.copy.relative_to("/"))
    for difference in found.differences[:10]:
        page.say(difference)
    page.claim(
        f"{_things(found)} are the same: {wording.size(found.compared_bytes)}",
        found.same and found.files > 0,
    )


def _things(found: Comparison) -> str:
    files = wording.count(found.files, "file")
    directories = wording.count(found.directories, "directory", "directories")
    return f"{files}, {directories} and {wording.count(found.links, 'link')}"


def _verify(network: LocalNetwork, page: Page) -> None:
    page.step("The ledger's journal, from its first entry on")
    report = verify(LedgerDirectory(network.layout.ledger).journal)
    for problem in report.problems[:10]:
        page.say(problem)
    page.claim(
        f"its {report.entries} entries are an unbroken chain, and every balance "
        f"follows from them; no token came or went unseen",
        report.sound,
    )
