"""An owner's deals: on the ledger, and what their holders say of them.

Opening is crash-safe: a deal's nonce is journalled before anything is asked, and used
again until the ledger has the deal or its quotes are over.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from holdfast.client.core.deal_choice import (
    Offer,
    Standing,
    candidates,
    choose_holders,
    demerits,
    escrow_of,
)
from holdfast.client.core.deal_state import DealState, HolderWord, deal_state
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.journal import Journal, Opening
from holdfast.client.network_directory import NetworkDirectory, hosts_of
from holdfast.client.network_errors import (
    BalanceShortError,
    DealUnreadableError,
    NetworkError,
    TooFewVaultsError,
    VaultMisbehavedError,
)
from holdfast.ledger.core.errors import hold
from holdfast.ledger.core.operations import Close, Extend, Open
from holdfast.ledger.errors import LedgerError
from holdfast.ledger.port import LedgerAccount
from holdfast.protocol.deal import (
    GRANT,
    QUOTE,
    Deal,
    Grant,
    Purpose,
    SignedGrant,
    SignedQuote,
    deal_id,
)
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import Manifest, ManifestEntry, SignedHead
from holdfast.protocol.pricing import escrow_needed
from holdfast.protocol.units import DealId, Grains, VaultId

_GRANT_SECONDS: Final = 3600
_QUOTE_SECONDS: Final = 5.0
_STATE_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 0.5
_OPENING_EPOCHS_MAX: Final = 8


@frozen
class Terms:
    """What a deal is to be: k-of-n, bytes for each holder, the first unpaid epoch."""

    k: int
    n: int
    capacity: int
    end_epoch: int


class DealBook:
    """The deals of one account."""

    def __init__(
        self,
        directory: NetworkDirectory,
        account: LedgerAccount,
        keys: OwnerKeys,
        journal: Journal,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.directory = directory
        self.account = account
        self.keys = keys
        self.journal = journal
        self._entropy = entropy
        self.returned: Grains = 0
        """What came back so far of the escrow of deals that ended."""

    async def deals(self) -> tuple[Deal, ...]:
        """Return all deals of the account, oldest first."""
        return await self.directory.ledger.deals_of(self.account.id)

    async def open(self, terms: Terms, without: Collection[VaultId] = ()) -> Deal:
        """Open a deal with the best vaults that offer, none of them in `without`.

        Raises TooFewVaultsError, BalanceShortError, or the ledger's error.
        """
        opening = await self._begin()
        found = await self._on_ledger(opening.deal)
        if found is None:
            quotes = await self.quotes(opening.deal, terms, without)
            await self._check_balance(escrow_of(quotes, self.directory.epoch()))
            await self.account.submit(
                Open(
                    opening.nonce,
                    self.keys.deal_pair(opening.nonce).public,
                    terms.k,
                    terms.capacity,
                    terms.end_epoch,
                    quotes,
                )
            )
            found = await self._on_ledger(opening.deal)
            assert found is not None, "the ledger lost a deal it had just opened"
        await asyncio.to_thread(self.journal.end_opening, opening.nonce)
        return found

    async def _begin(self) -> Opening:
        """Return an opening that was not finished, or journal a new one."""
        epoch = self.directory.epoch()
        for opening in self.journal.openings():
            if epoch - opening.epoch <= _OPENING_EPOCHS_MAX:
                return opening
            await asyncio.to_thread(self.journal.end_opening, opening.nonce)
        nonce = self._entropy(32)
        opening = Opening(nonce, deal_id(self.account.id, nonce), epoch)
        await asyncio.to_thread(self.journal.begin_opening, opening)
        return opening

    async def _on_ledger(self, deal: DealId) -> Deal | None:
        found = await self.directory.ledger.deals((deal,))
        return found[0] if found else None

    async def quotes(
        self, deal: DealId, terms: Terms, without: Collection[VaultId] = ()
    ) -> tuple[SignedQuote, ...]:
        """Return the quotes that a deal with these terms would be opened with now.

        Raises TooFewVaultsError.
        """
        directory = self.directory
        await directory.refresh()
        asked = candidates(directory.active(), deal, terms.n, without)
        await directory.find(asked)
        laggards = await asyncio.to_thread(self.journal.laggards)
        answers = await asyncio.gather(
            *(self._offer(vault, deal, terms, laggards.get(vault)) for vault in asked)
        )
        offers = [answer for answer in answers if isinstance(answer, Offer)]
        reasons = [str(answer) for answer in answers if not isinstance(answer, Offer)]
        shared = directory.params.development
        chosen = choose_holders(offers, terms.n, shared_payouts=shared)
        if len(chosen) < terms.n:
            raise TooFewVaultsError(terms.n, len(chosen), reasons)
        return tuple(offer.quote for offer in chosen)

    async def _offer(
        self, vault: VaultId, deal: DealId, terms: Terms, left_behind: int | None
    ) -> Offer | NetworkError:
        row = self.directory.row(vault)
        record = self.directory.record(vault)
        try:
            quote, standing = await asyncio.gather(
                self._quote(vault, deal, terms), self._standing(vault, left_behind)
            )
        except NetworkError as error:
            return error
        assert row is not None
        assert record is not None
        doubts = demerits(standing, self.directory.epoch())
        return Offer(quote, row.payout, hosts_of(record), doubts)

    async def _standing(
        self, vault: VaultId, left_behind: int | None
    ) -> Standing | None:
        try:
            async with asyncio.timeout(_QUOTE_SECONDS):
                said = await self.directory.link(vault).describe()
        except (NetworkError, TimeoutError):
            return None
        return Standing(
            said.standing,
            said.held_bytes,
            said.missing_shards,
            said.last_certified_epoch,
            left_behind,
        )

    async def _quote(self, vault: VaultId, deal: DealId, terms: Terms) -> SignedQuote:
        link = self.directory.link(vault)
        try:
            async with asyncio.timeout(_QUOTE_SECONDS):
                quote = await link.quote(deal, terms.capacity, terms.end_epoch)
        except TimeoutError as error:
            raise VaultMisbehavedError(vault, "took too long to quote") from error
        said = quote.value
        asked = (deal, vault, terms.capacity, terms.end_epoch)
        if (said.deal, said.vault, said.capacity, said.end_epoch) != asked:
            raise VaultMisbehavedError(vault, "quoted for something else")
        row = self.directory.row(vault)
        assert row is not None
        try:
            QUOTE.verify(quote, self.directory.network, row.identity_key)
        except ProtocolError as error:
            raise VaultMisbehavedError(vault, "did not sign its quote") from error
        return quote

    async def _check_balance(self, needed: int) -> None:
        account = await self.directory.ledger.account(self.account.id)
        if account.balance < needed:
            short = needed - account.balance
            raise BalanceShortError(
                needed,
                account.balance,
                f"this takes {hold(needed)} in escrow and the account has "
                f"{hold(account.balance)}; nothing was spent; send it {hold(short)} "
                "or more, or pay for less time",
            )

    async def extend(self, deal: Deal, capacity: int, end_epoch: int) -> Deal:
        """Give a deal a larger capacity or a later end; all holders must agree.

        Raises NetworkError when one does not, BalanceShortError, or a LedgerError.
        """
        terms = Terms(deal.k, deal.n, capacity, end_epoch)
        await self.directory.find([holder.vault for holder in deal.holders])
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(self._quote_or_error(holder.vault, deal.id, terms))
                for holder in deal.holders
            ]
        answers = [task.result() for task in asked]
        quotes: list[SignedQuote] = []
        for answer in answers:
            if isinstance(answer, NetworkError):
                raise answer
            quotes.append(answer)
        prices = tuple(holder.price for holder in deal.holders)
        now = self.directory.epoch()
        before = escrow_needed(deal.capacity, prices, max(deal.end_epoch - now, 0))
        after = escrow_needed(capacity, prices, max(end_epoch - now, 0))
        await self._check_balance(max(after - before, 0))
        await self.account.submit(Extend(deal.id, capacity, end_epoch, tuple(quotes)))
        return await self._reread(deal)

    async def _quote_or_error(
        self, vault: VaultId, deal: DealId, terms: Terms
    ) -> SignedQuote | NetworkError:
        try:
            return await self._quote(vault, deal, terms)
        except NetworkError as error:
            return error

    async def close(self, deal: Deal) -> Deal:
        """End a deal with the current period; what it holds is lost after a while."""
        await self.account.submit(Close(deal.id))
        return await self._reread(deal)

    async def _reread(self, deal: Deal) -> Deal:
        found = await self._on_ledger(deal.id)
        assert found is not None, "the ledger lost a deal"
        return found

    def grant(self, deal: Deal, vault: VaultId, purpose: Purpose) -> SignedGrant:
        """Return leave to use a deal at one vault for about an hour."""
        params = self.directory.params
        expires = self.directory.epoch() + 2 + _GRANT_SECONDS // params.epoch_seconds
        return GRANT.sign(
            Grant(deal.id, vault, purpose.value, expires),
            self.directory.network,
            self.keys.deal_pair(deal.nonce),
        )

    async def state(self, deal: Deal, *, everybody: bool = False) -> DealState:
        """Ask the holders how far a deal is.

        Waits for all that answer soon; for the slow ones only with `everybody`. What
        this client saw acknowledged itself counts too. A holder may have been replaced
        since `deal` was read: the state is that of the deal as the ledger has it now.
        Raises NoSeedAnswersError only.
        """
        state = await self._state(deal, patient=everybody)
        if len(state.answered) == deal.n and not state.doubted:
            return state
        fresh: Deal | None = None
        with contextlib.suppress(LedgerError):
            fresh = await self._on_ledger(deal.id)
        if fresh is None or fresh.holders == deal.holders:
            return state
        return await self._state(fresh, patient=everybody)

    async def _state(self, deal: Deal, *, patient: bool) -> DealState:
        await self.directory.refresh_if_unknown(
            [holder.vault for holder in deal.holders]
        )
        words = await self._words(deal, patient=patient)
        seen = self.journal.head(deal.id)
        state = deal_state(
            deal,
            [*words, *([HolderWord(-1, seen, None)] if seen else [])],
            self.directory.network,
            self.directory.identities,
        )
        if state.full and state.full != seen:
            await asyncio.to_thread(self.journal.keep_head, state.full)
        return state

    async def _words(self, deal: Deal, *, patient: bool) -> list[HolderWord]:
        tasks = [
            asyncio.create_task(self._word(deal, index)) for index in range(deal.n)
        ]
        waiting: set[asyncio.Task[HolderWord | None]] = set(tasks)
        words: list[HolderWord] = []
        seconds: float = _STATE_SECONDS
        try:
            while waiting:
                done, waiting = await asyncio.wait(
                    waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
                )
                words += [word for task in done if (word := task.result())]
                if not done:
                    break
                if len(words) >= deal.k and not patient:
                    seconds = _GRACE_SECONDS
        finally:
            for task in waiting:
                task.cancel()
        return words

    async def _word(self, deal: Deal, index: int) -> HolderWord | None:
        vault = deal.holders[index].vault
        try:
            link = self.directory.link(vault)
            grant = self.grant(deal, vault, Purpose.READ)
            return await link.deal_state(index, grant)
        except NetworkError:
            return None

    async def manifest(
        self, deal: Deal, head: SignedHead | None, sources: Iterable[int]
    ) -> Manifest:
        """Return the manifest under a head, from the cache or one of the `sources`.

        Raises DealUnreadableError when none of them has it.
        """
        if head is None:
            return Manifest(deal.k, deal.n)
        digest = head.value.digest()
        cached = await asyncio.to_thread(self.journal.manifest, deal.id, digest)
        if cached is not None:
            manifest = await asyncio.to_thread(_checked, deal, head, cached)
            if manifest is not None:
                return manifest
        for index in sources:
            vault = deal.holders[index].vault
            try:
                grant = self.grant(deal, vault, Purpose.READ)
                entries = await self.directory.link(vault).manifest(grant, digest)
            except NetworkError:
                continue
            manifest = await asyncio.to_thread(_checked, deal, head, entries)
            if manifest is not None:
                await asyncio.to_thread(
                    self.journal.keep_manifest, deal.id, digest, entries
                )
                return manifest
        raise DealUnreadableError(
            deal.id, deal.k, 0, [holder.vault for holder in deal.holders]
        )


def _checked(
    deal: Deal, head: SignedHead, entries: Sequence[ManifestEntry]
) -> Manifest | None:
    """Return the manifest of these entries if it is what the head names."""
    manifest = Manifest(deal.k, deal.n, tuple(entries))
    said = head.value
    try:
        made = (manifest.root, len(manifest.entries), manifest.held_bytes)
    except (ProtocolError, ValueError):
        return None
    return manifest if made == (said.root, said.count, said.held_bytes) else None
