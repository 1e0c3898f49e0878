"""When deals end, what their renewal costs, and what to warn of: arithmetic only."""

from collections.abc import Iterable, Iterator

from holdfast.protocol.deal import Deal
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.pricing import escrow_needed
from holdfast.protocol.units import DealId, Grains

_WEEK_SECONDS = 7 * 86400
_MONTH_SECONDS = 30 * 86400


@frozen
class Policy:
    """Renew deals by themselves: `before_seconds` of their end, for `term_seconds`.

    `spend_max` is what one renewal may lock at most; None is no limit.
    """

    term_seconds: int
    before_seconds: int
    spend_max: Grains | None = None

    def __post_init__(self) -> None:
        if not 0 < self.before_seconds < self.term_seconds:
            raise ValueError(
                "a deal is renewed some time before its end, and for longer than that: "
                "--for must be more than --before"
            )
        if self.spend_max is not None and self.spend_max <= 0:
            raise ValueError("a renewal costs more than nothing")


@frozen
class Account:
    """What an owner has: free grains and deals, seen in `epoch`."""

    balance: Grains
    deals: tuple[Deal, ...]
    epoch: int


def running(account: Account) -> tuple[Deal, ...]:
    """Return the deals that are neither closed nor over, the first to end first."""
    deals = (
        deal
        for deal in account.deals
        if deal.closed_epoch is None and account.epoch < deal.end_epoch
    )
    return tuple(sorted(deals, key=lambda deal: deal.end_epoch))


def due(account: Account, params: NetworkParams, policy: Policy) -> tuple[Deal, ...]:
    """Return the deals that the policy renews now, the first to end first."""
    before = epochs_of(policy.before_seconds, params)
    return tuple(
        deal for deal in running(account) if deal.end_epoch - account.epoch <= before
    )


def extension_cost(deal: Deal, epoch: int, end_epoch: int) -> Grains:
    """Return what is locked to let a deal end in `end_epoch`; never less than 0."""
    prices = tuple(holder.price for holder in deal.holders)
    before = escrow_needed(deal.capacity, prices, max(deal.end_epoch - epoch, 0))
    return max(escrow_needed(deal.capacity, prices, end_epoch - epoch) - before, 0)


def epochs_of(seconds: int, params: NetworkParams) -> int:
    """Return how many epochs cover so many seconds."""
    return -(-seconds // params.epoch_seconds)


@frozen
class EndingWarning:
    """A deal that ends in `epochs_left`, or ended and is kept unpaid that long."""

    deal: DealId
    epochs_left: int
    over: bool


@frozen
class BalanceWarning:
    """The account has less than the renewal of what ends within a month takes."""

    balance: Grains
    needed: Grains


MoneyWarning = EndingWarning | BalanceWarning


def warnings(
    account: Account,
    params: NetworkParams,
    held: Iterable[DealId],
    policy: Policy | None,
) -> Iterator[MoneyWarning]:
    """Yield what the owner should know now, the most urgent first.

    `held` are the deals that something is stored in; the others may end.
    """
    epoch, kept = account.epoch, frozenset(held)
    for deal in account.deals:
        last = deal.last_epoch(params)
        collected = deal.collectable_epoch(params)
        if deal.id in kept and deal.closed_epoch is None and last <= epoch < collected:
            yield EndingWarning(deal.id, collected - epoch, over=True)
    due_soon = [deal for deal in running(account) if deal.id in kept]
    for deal in due_soon:
        if deal.end_epoch - epoch < _notice(deal, params, policy):
            yield EndingWarning(deal.id, deal.end_epoch - epoch, over=False)
    needed = sum(
        extension_cost(deal, epoch, epoch + _term(deal, params, policy))
        for deal in due_soon
        if deal.end_epoch - epoch < _month(deal, params, policy)
    )
    if account.balance < needed:
        yield BalanceWarning(account.balance, needed)


def _term(deal: Deal, params: NetworkParams, policy: Policy | None) -> int:
    if policy is not None:
        return epochs_of(policy.term_seconds, params)
    return deal.end_epoch - deal.opened_epoch


def _notice(deal: Deal, params: NetworkParams, policy: Policy | None) -> int:
    """Return how many epochs before its end a deal is warned of.

    With a policy only when that should have renewed it long ago.
    """
    quarter = (deal.end_epoch - deal.opened_epoch) // 4
    week = min(epochs_of(_WEEK_SECONDS, params), quarter)
    if policy is None:
        return week
    return min(week, epochs_of(policy.before_seconds, params) // 2)


def _month(deal: Deal, params: NetworkParams, policy: Policy | None) -> int:
    half = (deal.end_epoch - deal.opened_epoch) // 2
    month = min(epochs_of(_MONTH_SECONDS, params), half)
    if policy is None:
        return month
    return max(month, 2 * epochs_of(policy.before_seconds, params))
