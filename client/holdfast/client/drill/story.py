"""The drill's story: four of a deal's holders are lost or damaged, the owner is away.

Nobody helps the network: it finds them, judges them, and keeps the count. Every
sentence that claims something is checked.
"""

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from holdfast.client import wording
from holdfast.client.contract_books import ContractBooks
from holdfast.client.demo.comparison import compare
from holdfast.client.demo.frozen_copy import freeze
from holdfast.client.demo.page import Page
from holdfast.client.drill.damage import delete_half, flip_a_byte_in_each
from holdfast.client.drill.disks import Disks
from holdfast.client.drill.evidence import (
    case_files,
    earned_total,
    judged_offline,
)
from holdfast.client.drill.slashes import show_slashes
from holdfast.client.drill.timeline import Moment, NeverSettledError, Timeline, look
from holdfast.client.local_layout import EVM, SQLITE
from holdfast.client.local_network import LocalNetwork
from holdfast.client.profile import Profile
from holdfast.client.session import AsyncClient
from holdfast.ledger.errors import LedgerError
from holdfast.ledger.joining import join
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.port import Ledger, Listing
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import MIB, DealId, VaultId

VAULTS: Final = 14
FILES_BYTES: Final = 48 * MIB
PATIENCE_EPOCHS: Final = 120
_LOOK_SECONDS: Final = 0.5
_PASSPHRASE: Final = "only for this drill"  # noqa: S105 # it protects nothing of value


@frozen
class Stage:
    """Where the drill happens."""

    directory: Path

    @property
    def copy(self) -> Path:
        """The files that are backed up."""
        return self.directory / "files"

    @property
    def home(self) -> Path:
        """The owner's profile."""
        return self.directory / "home"

    @property
    def other_home(self) -> Path:
        """The profile of the new machine."""
        return self.directory / "other-home"

    @property
    def restored(self) -> Path:
        """Where the files come back to."""
        return self.directory / "restored"

    @property
    def cases(self) -> Path:
        """Where case files are kept."""
        return self.directory / "cases"


@frozen
class Victims:
    """Who is hit: two are killed, one loses half, one has bits turned."""

    dead: tuple[VaultId, VaultId]
    halved: VaultId
    flipped: VaultId

    @property
    def all(self) -> tuple[VaultId, ...]:
        """All four."""
        return (*self.dead, self.halved, self.flipped)


@dataclass(slots=True)
class Drill:
    """One run: the network, where its files are, what is printed and what happened."""

    network: LocalNetwork
    stage: Stage
    page: Page
    timeline: Timeline
    ledger: str = SQLITE
    patience_seconds: float = 0.0
    _joined: Ledger | None = None
    disks: Disks = field(init=False)

    def __post_init__(self) -> None:
        self.disks = Disks(self._directory)

    async def close(self) -> None:
        """Let go of the ledger."""
        if self._joined is not None:
            await self._joined.close()

    async def tell(self, source: Path, epoch_seconds: int) -> None:
        """Tell the whole story."""
        self.patience_seconds = PATIENCE_EPOCHS * epoch_seconds
        freeze(source, self.stage.copy, FILES_BYTES)
        await self._start(epoch_seconds)
        phrase, deals = await self._back_up()
        before = await self._proved(deals)
        victims = _victims(before, deals)
        self._strike(victims, before)
        healed = await self._healed(victims, deals)
        hurt = (victims.halved, victims.flipped)
        for text, true in self.disks.claims(hurt, before.deals, healed.deals):
            self.page.claim(text, true)
        await self._judge(victims)
        if self.ledger == EVM:
            await self._slashed(victims)
        await self._paid(victims, before, healed, deals)
        await self._restore(phrase)

    async def _start(self, epoch_seconds: int) -> None:
        what = "A chain" if self.ledger == EVM else "A ledger"
        self.page.step(f"{what} and {VAULTS} vaults, each a process of its own")
        status = await self.network.up(VAULTS, epoch_seconds, ledger=self.ledger)
        self.page.claim("all of them serve", status.healthy)

    async def _back_up(self) -> tuple[str, tuple[DealId, ...]]:
        self.page.step("A backup, after which its owner goes away")
        network = self.network.network_file
        profile, phrase = Profile.create(self.stage.home, network, _PASSPHRASE)
        client = await AsyncClient.connect(profile, profile.unlock(_PASSPHRASE))
        async with client:
            await client.faucet()
            result = await client.backup([self.stage.copy])
            deals = await client.deals()
        sent = wording.size(result.bytes_uploaded)
        self.page.say(
            f"{sent} of ciphertext, in {wording.count(len(deals), 'deal')} of "
            f"{deals[-1].deal.k}-of-{deals[-1].deal.n}; from here on nobody but the "
            "network itself does anything."
        )
        return phrase, tuple(status.deal.id for status in deals)

    async def _proved(self, deals: Sequence[DealId]) -> Moment:
        """Wait until every holder was paid once."""

        def paid(moment: Moment) -> bool:
            holders = moment.holders
            return all(moment.earned(vault) for vault in holders)

        return await self._until(deals, paid, "every holder is paid")

    def _strike(self, victims: Victims, before: Moment) -> None:
        self.page.step("Four holders are hit")
        self.disks.remember(victims.all)
        for vault in victims.dead:
            self.network.stop_vault(vault.hex(), kill=True)
            self._note(before.epoch, f"vault {vault.hex()[:12]} is killed, for good")
        deleted = delete_half(self._directory(victims.halved))
        self._note(
            before.epoch,
            f"vault {victims.halved.hex()[:12]} loses {deleted} shards, half of all",
        )
        flipped = flip_a_byte_in_each(self._directory(victims.flipped))
        self._note(
            before.epoch,
            f"vault {victims.flipped.hex()[:12]} has a byte turned in each of its "
            f"{flipped} shards",
        )

    async def _healed(self, victims: Victims, deals: Sequence[DealId]) -> Moment:
        self.page.step("What the network does about it")
        hurt = {victims.halved, victims.flipped}
        found: set[VaultId] = set()

        def whole(moment: Moment) -> bool:
            holders = moment.holders
            found.update(vault for vault in hurt if moment.missing(vault))
            found.update(hurt - holders)
            replaced = not holders & set(victims.dead)
            gone = all(
                moment.listing(vault) is Listing.EJECTED for vault in victims.dead
            )
            complete = all(moment.missing(vault) == 0 for vault in holders)
            return gone and replaced and found == hurt and complete

        moment = await self._until(deals, whole, "the count is restored")
        self.page.claim(
            "both dead vaults were thrown out",
            all(moment.listing(v) is Listing.EJECTED for v in victims.dead),
        )
        self.page.claim("both damaged vaults noticed, and are whole again", True)
        self.page.claim(
            "every deal has all its holders, all of them alive",
            all(_alive(moment, vault) for vault in moment.holders),
        )
        return moment

    async def _judge(self, victims: Victims) -> None:
        self.page.step("The case files, judged again offline")
        self.stage.cases.mkdir(exist_ok=True)
        for vault in victims.dead:
            path = self.stage.cases / f"{vault.hex()[:12]}.case"
            verdict = judged_offline(await case_files(self.network, vault), path)
            self.page.claim(f"vault {vault.hex()[:12]}: {verdict.text}", verdict.guilty)

    async def _paid(
        self,
        victims: Victims,
        before: Moment,
        healed: Moment,
        deals: Sequence[DealId],
    ) -> None:
        self.page.step("Who is paid now")
        new = healed.holders - before.holders
        baseline = {vault: healed.earned(vault) for vault in new}

        def paid(moment: Moment) -> bool:
            return all(moment.earned(vault) > baseline[vault] for vault in new)

        await self._until(deals, paid, "the new holders are paid")
        names = ", ".join(vault.hex()[:12] for vault in sorted(new))
        self.page.claim(f"the new holders earn: {names}", bool(new))
        await self._never_paid_again(victims, deals)

    async def _never_paid_again(
        self, victims: Victims, deals: Sequence[DealId]
    ) -> None:
        last = await self._look(deals)
        totals = [await earned_total(self.network, vault) for vault in victims.dead]
        settled = last.status.ledger.settled_period or 0

        def settled_again(moment: Moment) -> bool:
            return (moment.status.ledger.settled_period or 0) > settled

        await self._until(deals, settled_again, "another period is settled")
        after = [await earned_total(self.network, vault) for vault in victims.dead]
        self.page.claim(
            "the dead ones earn nothing any more", totals == after and None not in after
        )

    async def _restore(self, phrase: str) -> None:
        self.page.step("A new machine, with nothing but the 24 words")
        profile, _ = Profile.create(
            self.stage.other_home, self.network.network_file, _PASSPHRASE, phrase
        )
        client = await AsyncClient.connect(profile, profile.unlock(_PASSPHRASE))
        async with client:
            report = await client.restore("latest", self.stage.restored)
        found = compare(
            self.stage.copy, self.stage.restored / self.stage.copy.relative_to("/")
        )
        for difference in found.differences[:10]:
            self.page.say(difference)
        self.page.claim(
            f"{wording.count(found.files, 'file')} came back, every byte the same",
            report.complete and found.same and found.files > 0,
        )

    async def _slashed(self, victims: Victims) -> None:
        file = NetworkFile.load(self.network.network_file)
        async with ContractBooks(file) as books:
            await show_slashes(books, victims.dead, self.page)

    async def _look(self, deals: Sequence[DealId]) -> Moment:
        if self._joined is None:
            file = NetworkFile.load(self.network.network_file)
            self._joined = await join(file)
        return await look(self.network, self._joined, deals)

    async def _until(
        self, deals: Sequence[DealId], true: Callable[[Moment], bool], what: str
    ) -> Moment:
        """Look again and again until `true`; print what happens on the way."""
        deadline = time.monotonic() + self.patience_seconds
        while True:
            try:
                moment = await self._look(deals)
            except LedgerError as error:
                self.page.say(str(error))
            else:
                for happening in self.timeline.take(moment):
                    self._print(happening.seconds, happening.epoch, happening.text)
                if true(moment):
                    return moment
            if time.monotonic() > deadline:
                waited = wording.span(self.patience_seconds)
                raise NeverSettledError(f"after {waited} not yet: {what}")
            await asyncio.sleep(_LOOK_SECONDS)

    def _note(self, epoch: int, text: str) -> None:
        happening = self.timeline.note(epoch, text)
        self._print(happening.seconds, happening.epoch, happening.text)

    def _print(self, seconds: float, epoch: int, text: str) -> None:
        self.page.output.say(f"   {seconds:6.1f} s  epoch {epoch:>4}  {text}")
        self.page.output.event("happened", seconds=seconds, epoch=epoch, text=text)

    def _directory(self, vault: VaultId) -> Path:
        return self.network.layout.vault(self.network.found(vault.hex()))


async def tell(
    source: Path, directory: Path, page: Page, epoch_seconds: int, ledger: str = SQLITE
) -> Timeline:
    """Run the drill in `directory`; all processes end with it, whatever happens."""
    stage, timeline = Stage(directory), Timeline()
    async with LocalNetwork(directory / "network", tied=True) as network:
        drill = Drill(network, stage, page, timeline, ledger)
        try:
            await drill.tell(source, epoch_seconds)
        except NeverSettledError as error:
            page.claim(str(error), False)
        finally:
            await drill.close()
    shutil.rmtree(stage.restored, ignore_errors=True)
    return timeline


def _alive(moment: Moment, vault: VaultId) -> bool:
    states = {one.vault.vault: one.state for one in moment.status.vaults}
    return states.get(vault.hex()) == "serving"


def _victims(moment: Moment, deals: Sequence[DealId]) -> Victims:
    """Return the first four holders of the newest deal: they hold the data as it is."""
    first, second, third, fourth, *_ = moment.deals[deals[-1]].holders
    return Victims((first.vault, second.vault), third.vault, fourth.vault)
