"""What every command does for the owner's money when its own work is done.

It fetches back what ended deals did not spend, archives the proofs of a new
settlement, renews deals that the owner's policy says are due, and warns in one line.
None of it may make a command fail.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from holdfast.client import wording
from holdfast.client.bill_archive import BillArchive
from holdfast.client.core.renewal import (
    Account,
    BalanceWarning,
    MoneyWarning,
    Policy,
    warnings,
)
from holdfast.client.core.settings import NO_SETTINGS, Settings
from holdfast.client.deal_book import DealBook
from holdfast.client.deals_desk import DealsDesk
from holdfast.client.renewal_settings import policy_of
from holdfast.client.renewing import (
    PolicyError,
    Renewed,
    account_of,
    load_policy,
    renew_due,
)
from holdfast.client.storage import Storage
from holdfast.client.wording import UnreadableAmountError
from holdfast.protocol.errors import HoldfastError

BILLS: Final = "bills"
_SECONDS: Final = 5.0


async def upkeep(
    storage: Storage, home: Path, settings: Settings = NO_SETTINGS
) -> tuple[str, ...]:
    """Do it all, and return the lines to show; never raises an expected error.

    A policy in the settings goes before the one that `deal auto-renew` kept.
    """
    lines: list[str] = []
    book = storage.book
    try:
        epoch_seconds = book.directory.params.epoch_seconds
        policy = policy_of(settings, epoch_seconds) or load_policy(home)
    except (PolicyError, UnreadableAmountError) as error:
        policy, lines = None, [f"warning: {error}"]
    with contextlib.suppress(HoldfastError, OSError, TimeoutError):
        async with asyncio.timeout(_SECONDS):
            account = await account_of(book)
        # What is submitted to a ledger that answers is not cut off.
        if policy is not None:
            lines += await _renew(book, policy, account)
        await DealsDesk(book).refund()
        async with asyncio.timeout(_SECONDS):
            lines += await _warn(book, policy)
            archive = BillArchive(home / BILLS, book.directory.network)
            if await _is_settled_anew(book, archive):
                await _archive(book, archive)
    if book.returned:
        back = wording.hold(book.returned)
        lines.insert(0, f"{back} came back from deals that ended")
        book.returned = 0
    return tuple(lines)


async def _is_settled_anew(book: DealBook, archive: BillArchive) -> bool:
    settlement = await book.directory.ledger.settlement()
    kept = await asyncio.to_thread(archive.newest_period)
    return settlement is not None and settlement.statement.period > kept


async def _archive(book: DealBook, archive: BillArchive) -> None:
    # Once a period; it knows how committees are drawn, which no other command needs.
    from holdfast.client.bill_collecting import collect, keep_evidence  # noqa: PLC0415

    if await collect(book, archive):
        await keep_evidence(book, archive)


async def _renew(book: DealBook, policy: Policy, account: Account) -> list[str]:
    done = await renew_due(book, policy, account)
    lines = []
    for each in done:
        name = wording.short(each.deal.id)
        if isinstance(each, Renewed):
            locked = wording.hold(each.locked)
            until = f"{each.deal.end_epoch:,}"
            lines.append(
                f"renewed deal {name} until epoch {until}; {locked} locked for it"
            )
        else:
            lines.append(f"warning: deal {name} was not renewed: {each.reason}")
    return lines


async def _warn(book: DealBook, policy: Policy | None) -> list[str]:
    account = await account_of(book)
    held = []
    for deal in account.deals:
        seen = await asyncio.to_thread(book.journal.head, deal.id)
        if seen is not None and seen.head.value.count:
            held.append(deal.id)
    params = book.directory.params
    found = list(warnings(account, params, held, policy))
    return [warning_line(found, params.epoch_seconds)] if found else []


def warning_line(found: Sequence[MoneyWarning], epoch_seconds: int) -> str:
    """Return all warnings in one line: the first in full, the others counted."""
    first, *others = found
    more = f" (and {len(others)} more: `holdfast deal list`)" if others else ""
    return f"warning: {_line(first, epoch_seconds)}{more}"


def _line(warning: MoneyWarning, epoch_seconds: int) -> str:
    if isinstance(warning, BalanceWarning):
        has = wording.hold(warning.balance)
        short = wording.hold(warning.needed - warning.balance)
        return (
            f"the account's {has} do not renew the deals that end soon; "
            f"{short} more are needed: see `holdfast wallet address`"
        )
    name = wording.short(warning.deal)
    time = wording.span(warning.epochs_left * epoch_seconds)
    if warning.over:
        return (
            f"deal {name} has ended and may be deleted in {time}; "
            "`holdfast backup` stores its files again"
        )
    return f"deal {name} ends in {time}; `holdfast deal renew {name}` keeps it"
