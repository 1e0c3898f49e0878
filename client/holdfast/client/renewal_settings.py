"""The renewal policy as users write it: in options, or in the settings for good."""

from holdfast.client import wording
from holdfast.client.core.renewal import Policy
from holdfast.client.core.settings import Settings
from holdfast.client.renewing import PolicyError

COMMAND = ("deal", "auto-renew")


def read_policy(
    term: str, before: str, spend_max: str | None, epoch_seconds: int
) -> Policy:
    """Return the policy that "1y", "30d" and "12.5" mean.

    Raises PolicyError or UnreadableAmountError.
    """
    most = wording.read_hold(spend_max) if spend_max else None
    span = wording.read_span(term, epoch_seconds) * epoch_seconds
    early = wording.read_span(before, epoch_seconds) * epoch_seconds
    try:
        return Policy(span, early, most)
    except ValueError as error:
        raise PolicyError(str(error)) from error


def policy_of(settings: Settings, epoch_seconds: int) -> Policy | None:
    """Return the policy in the table [deal.auto-renew], None without one.

    Raises PolicyError or UnreadableAmountError.
    """
    found = (settings.find(COMMAND, [key]) for key in ("for", "before", "spend-max"))
    term, before, most = (None if one is None else str(one.value) for one in found)
    if term is None and before is None:
        return None
    if term is None or before is None:
        raise PolicyError(f"{settings.path}: [deal.auto-renew] needs for and before")
    return read_policy(term, before, most, epoch_seconds)
