"""Renewing deals: by hand, or by the policy kept in `renewal.json` of the profile."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from holdfast.client.core.renewal import (
    Account,
    Policy,
    due,
    epochs_of,
    extension_cost,
    running,
)
from holdfast.client.deal_book import DealBook
from holdfast.client.deals_desk import default_epochs
from holdfast.client.durable_file import write_durably
from holdfast.client.network_errors import NetworkError
from holdfast.ledger.errors import LedgerError
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import Grains

NAME: Final = "renewal.json"
_VERSION: Final = 1


class PolicyError(HoldfastError):
    """A renewal policy cannot be, or its file cannot be read or written."""


@frozen
class Renewed:
    """A deal that now ends later, and the grains that were locked for it."""

    deal: Deal
    locked: Grains


@frozen
class NotRenewed:
    """A deal that could not be renewed, and why."""

    deal: Deal
    reason: str


def load_policy(home: Path) -> Policy | None:
    """Return the profile's policy, None without one; raises PolicyError."""
    path = home / NAME
    try:
        content = json.loads(path.read_bytes())
        if content["version"] != _VERSION:
            raise PolicyError(f"{path} is of a newer version of Holdfast")
        most = content["spend_max_grains"]
        return Policy(
            int(content["term_seconds"]),
            int(content["before_seconds"]),
            None if most is None else int(most),
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PolicyError(
            f"{path} is damaged; set the policy again with `holdfast deal auto-renew`"
        ) from error


def save_policy(home: Path, policy: Policy | None) -> None:
    """Keep a policy, or none from now on; raises PolicyError."""
    path = home / NAME
    try:
        if policy is None:
            path.unlink(missing_ok=True)
            return
        content = {
            "version": _VERSION,
            "term_seconds": policy.term_seconds,
            "before_seconds": policy.before_seconds,
            "spend_max_grains": policy.spend_max,
        }
        write_durably(path, json.dumps(content, indent=2).encode() + b"\n")
    except OSError as error:
        raise PolicyError(f"{path} cannot be written: {error.strerror}") from error


async def account_of(book: DealBook) -> Account:
    """Return what the ledger says of the owner now."""
    ledger = book.directory.ledger
    row = await ledger.account(book.account.id)
    return Account(row.balance, await book.deals(), book.directory.epoch())


async def renew_due(
    book: DealBook, policy: Policy, account: Account
) -> tuple[Renewed | NotRenewed, ...]:
    """Renew what the policy says is due and holds something; never raises for one."""
    params = book.directory.params
    end = account.epoch + epochs_of(policy.term_seconds, params)
    done: list[Renewed | NotRenewed] = []
    for deal in due(account, params, policy):
        cost = extension_cost(deal, account.epoch, end)
        if policy.spend_max is not None and cost > policy.spend_max:
            reason = "it would lock more than the policy allows"
            done.append(NotRenewed(deal, reason))
        elif await _holds_something(book, deal):
            done.append(await renew(book, deal, end))
    return tuple(done)


async def renew_named(
    book: DealBook, deals: Sequence[Deal], epochs: int | None
) -> tuple[Renewed | NotRenewed, ...]:
    """Renew these deals, or all that run: `epochs` from now, or as a new deal is."""
    account = await account_of(book)
    time = epochs or default_epochs(book.directory.params)
    chosen = deals or [
        deal for deal in running(account) if await _holds_something(book, deal)
    ]
    return tuple([await renew(book, deal, account.epoch + time) for deal in chosen])


async def renew(book: DealBook, deal: Deal, end_epoch: int) -> Renewed | NotRenewed:
    """Let a deal end in `end_epoch`, if all its holders and the account agree."""
    if end_epoch <= deal.end_epoch:
        return NotRenewed(deal, f"it runs until epoch {deal.end_epoch:,} already")
    cost = extension_cost(deal, book.directory.epoch(), end_epoch)
    try:
        return Renewed(await book.extend(deal, deal.capacity, end_epoch), cost)
    except (NetworkError, LedgerError) as error:
        return NotRenewed(deal, str(error))


async def _holds_something(book: DealBook, deal: Deal) -> bool:
    state = await book.state(deal)
    if state.head is None:
        return not state.is_certain
    return state.head.value.count > 0
