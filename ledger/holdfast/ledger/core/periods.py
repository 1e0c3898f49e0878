"""What the ledger's state says about a period: its committee, and if it is settled."""

from holdfast.ledger.core.membership import committee_of
from holdfast.ledger.core.settlement_errors import UnsettledError
from holdfast.ledger.core.state import State
from holdfast.ledger.core.values import RegisteredVault


def committee(state: State, period: int) -> tuple[RegisteredVault, ...] | None:
    """Return a period's committee by rank, or None while it is not drawn.

    It is never drawn when the period's first epoch is void, and it is empty when
    nobody was registered.
    """
    beacon = state.beacon(state.params.first_epoch(period))
    if beacon is None:
        return None
    return committee_of(state.vaults(), state.params, period, beacon)


def require_settled(state: State, epoch: int) -> None:
    """Raise UnsettledError unless everything up to the epoch's period is settled.

    When everybody has left there is nobody who could settle, and what is locked
    must not stay so for ever: then an empty committee counts as a settlement.
    """
    period = state.params.period_of(epoch)
    if state.settled is not None and state.settled.period >= period:
        return
    current = state.params.period_of(state.head.epoch)
    if current <= period + 1 or committee(state, current) != ():
        raise UnsettledError(period)
