"""The demo's story, from an empty directory to files that came back.

Every sentence that claims something is checked, and the story goes on with what
is true; it stops only when a step cannot be done at all.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from holdfast.client import wording
from holdfast.client.contract_books import ContractBooks
from holdfast.client.demo import on_chain
from holdfast.client.demo.audits import watch_audits
from holdfast.client.demo.comparison import Comparison, compare
from holdfast.client.demo.frozen_copy import BYTES_MAX, FrozenCopy, freeze
from holdfast.client.demo.page import Page
from holdfast.client.demo.searching import files_with, samples_of
from holdfast.client.local_layout import EVM, SQLITE
from holdfast.client.local_network import LocalNetwork
from holdfast.client.profile import Profile
from holdfast.client.session import AsyncClient
from holdfast.client.session_values import BackupResult, DealStatus
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.verify import verify
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import VaultId

VAULTS: Final = 12
_PASSPHRASE: Final = "only for this demo"  # noqa: S105 # it protects nothing of value
_OTHER_PASSPHRASE: Final = "on another machine"  # noqa: S105 # likewise
# The copy, twice that on the vaults, and the restored files; some for the rest.
_ROOM_FACTOR: Final = 4.5
_ROOM_BYTES_MIN: Final = 32 << 20


class NoRoomError(HoldfastError):
    """The disk has too little room for the demo."""

    def __init__(self, directory: Path, needed: int, free: int) -> None:
        super().__init__(
            f"the demo needs {wording.size(needed)} in {directory}, where "
            f"{wording.size(free)} are free"
        )
        self.needed = needed
        self.free = free


@frozen
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


async def tell(
    source: Path, stage: Stage, page: Page, epoch_seconds: int, ledger: str = SQLITE
) -> None:
    """Tell the whole story; all processes end with it, whatever happens."""
    copy = _freeze(source, stage, page)
    async with LocalNetwork(stage.network, tied=True) as network:
        await _start(network, page, epoch_seconds, ledger)
        phrase, deals = await _back_up(network, stage, copy, page)
        if ledger == EVM:
            await _show_escrow(network, deals, page)
        await watch_audits(network, deals, page)
        if ledger == EVM:
            await _show_payments(network, page)
        _search(network, stage, page)
        await _lose_vaults(network, deals[-1], page)
        await _restore(network, stage, phrase, page)
        _compare(stage, page)
        if ledger == EVM:
            await _show_end(network, stage, page)
        else:
            _verify(network, page)


def _freeze(source: Path, stage: Stage, page: Page) -> FrozenCopy:
    page.step(f"A copy of {source} that stands still")
    free = shutil.disk_usage(stage.directory).free
    room = min(BYTES_MAX, int(free / _ROOM_FACTOR))
    if room < _ROOM_BYTES_MIN:
        needed = int(_ROOM_BYTES_MIN * _ROOM_FACTOR)
        raise NoRoomError(stage.directory, needed, free)
    copy = freeze(source, stage.copy, room)
    page.say(f"{wording.count(copy.files, 'file')}, {wording.size(copy.copied_bytes)}")
    if copy.left_out:
        page.say(f"left out to keep it small: {wording.count(copy.left_out, 'file')}")
    page.figure("files", copy.files)
    page.figure("bytes", copy.copied_bytes)
    return copy


async def _start(
    network: LocalNetwork, page: Page, epoch_seconds: int, ledger: str
) -> None:
    kept_by = "a chain (anvil) with the contracts" if ledger == EVM else "a ledger"
    page.step(f"A network on this machine: {kept_by}, and {VAULTS} vaults")
    started = time.monotonic()
    status = await network.up(VAULTS, epoch_seconds, ledger=ledger)
    took = wording.span(time.monotonic() - started)
    page.say(
        "Each is a process of its own, with its keys, its disk, and a stake on the "
        "ledger that it can lose. Time is cut into epochs, here of "
        f"{status.epoch_seconds} s: in each, a vault must prove what it holds."
    )
    page.claim(f"all {len(status.vaults)} vaults serve, after {took}", status.healthy)


async def _back_up(
    network: LocalNetwork, stage: Stage, copy: FrozenCopy, page: Page
) -> tuple[str, tuple[DealStatus, ...]]:
    page.step("A profile, tokens, and the first backup")
    page.say(
        "All keys of a profile follow from 24 words. A development network's tokens "
        "are worth nothing: its faucet gives some to everybody."
    )
    profile, phrase = Profile.create(stage.home, network.network_file, _PASSPHRASE)
    client = await AsyncClient.connect(profile, profile.unlock(_PASSPHRASE))
    async with client:
        given = await client.faucet()
        page.figure("faucet_grains", given)
        started = time.monotonic()
        result = await client.backup([stage.copy])
        seconds = time.monotonic() - started
        deals = await client.deals()
    _report_backup(result, deals, copy, seconds, page)
    return phrase, deals


def _report_backup(
    result: BackupResult,
    deals: Sequence[DealStatus],
    copy: FrozenCopy,
    seconds: float,
    page: Page,
) -> None:
    stats = result.snapshot.snapshot.stats
    deal = deals[-1].deal
    rate = wording.size(int(copy.copied_bytes / max(seconds, 0.001)))
    page.say(
        f"{wording.size(copy.copied_bytes)} were packed, compressed and encrypted to "
        f"{wording.size(result.bytes_uploaded)}, "
        f"cut into {deal.n} pieces of which any {deal.k} suffice, and sent to {deal.n} "
        f"vaults in {wording.span(seconds)} ({rate}/s)."
    )
    page.figure("backup_seconds", round(seconds, 3))
    page.figure("bytes_uploaded", result.bytes_uploaded)
    page.claim(
        f"the backup holds every file of the copy: {stats.files + stats.others:,}",
        stats.files + stats.others == copy.files and not result.problems,
    )


def _search(network: LocalNetwork, stage: Stage, page: Page) -> None:
    page.step("What the vaults can read of your files: nothing")
    samples = samples_of(stage.copy)
    if not samples:
        page.say("These files are too small to look for any of their text.")
        return
    here, _ = files_with(stage.copy, samples)
    there, searched = files_with(network.layout.directory / "vaults", samples)
    page.say(
        f"{len(samples)} pieces of the files were looked for in all "
        f"{wording.size(searched)} on the vaults' disks."
    )
    page.claim(
        f"they are in {wording.count(here, 'file')} of yours, and in {there} of theirs",
        here > 0 and there == 0,
    )


async def _lose_vaults(network: LocalNetwork, deal: DealStatus, page: Page) -> None:
    spare = deal.deal.n - deal.deal.k
    page.step(f"{spare} of the {deal.deal.n} holders lose power (SIGKILL)")
    # The first k hold the pieces as they are; without them all must be computed.
    for holder in deal.deal.holders[:spare]:
        vault, _ = network.stop_vault(holder.vault.hex(), kill=True)
        page.say(f"{vault.vault[:12]} is gone")
    status = await network.status()
    stopped = sum(vault.state == "stopped" for vault in status.vaults)
    page.claim(f"{stopped} of them are down, and stay down", stopped == spare)


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
        f"It found {wording.count(len(snapshots), 'snapshot')}, and restored "
        f"{wording.count(report.files, 'file')}, {wording.size(report.bytes_written)}, "
        f"in {wording.span(seconds)}."
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
        found.same and found.directories > 0,
    )


def _things(found: Comparison) -> str:
    files = wording.count(found.files, "file")
    directories = wording.count(found.directories, "directory", "directories")
    return f"{files}, {directories} and {wording.count(found.links, 'link')}"


async def _show_escrow(
    network: LocalNetwork, deals: Sequence[DealStatus], page: Page
) -> None:
    async with _books(network) as books:
        await on_chain.show_escrow(books, deals, page)


async def _show_payments(network: LocalNetwork, page: Page) -> None:
    vaults = (await network.status()).vaults
    due = [VaultId(bytes.fromhex(one.vault.vault)) for one in vaults if one.earned]
    async with _books(network) as books:
        await on_chain.show_certificates(books, page)
        await on_chain.show_claims(books, due, page)


async def _show_end(network: LocalNetwork, stage: Stage, page: Page) -> None:
    profile = Profile.load(stage.other_home)
    client = await AsyncClient.connect(profile, profile.unlock(_OTHER_PASSPHRASE))
    given = profile.network.params.faucet_grains
    async with client, _books(network) as books:
        await on_chain.show_refund(books, client, given, page)
        await on_chain.show_supply(books, page)


def _books(network: LocalNetwork) -> ContractBooks:
    return ContractBooks(NetworkFile.load(network.network_file))


def _verify(network: LocalNetwork, page: Page) -> None:
    page.step("The ledger's journal, from its first entry on")
    report = verify(LedgerDirectory(network.layout.ledger).journal)
    for problem in report.problems[:10]:
        page.say(problem)
    page.say(
        "Every operation on the ledger is a signed entry that names the one before it; "
        "whoever has the file can compute all balances again."
    )
    page.claim(
        f"its {report.entries} entries are a whole chain, and all balances follow",
        report.sound,
    )
