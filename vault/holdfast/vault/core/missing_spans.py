"""Which bytes of a manifest are declared missing: spans, merged and bounded."""

from collections.abc import Iterable

from holdfast.protocol.checkpoint import SPANS_MAX
from holdfast.vault.core.holding_events import Span


def merged(spans: Iterable[Span], limit: int = SPANS_MAX) -> tuple[Span, ...]:
    """Return spans ascending and apart; more than `limit` are joined over small gaps.

    A joined span declares bytes missing that are not, which only costs pay.
    """
    joined: list[Span] = []
    for first, count in sorted(spans):
        if joined and first <= sum(joined[-1]):
            start = joined[-1][0]
            joined[-1] = (start, max(sum(joined[-1]), first + count) - start)
        else:
            joined.append((first, count))
    return tuple(joined) if len(joined) <= limit else _coarser(joined, limit)


def _coarser(spans: list[Span], limit: int) -> tuple[Span, ...]:
    """Return `limit` spans: the widest gaps stay open, the others are covered."""
    gaps = sorted(
        range(1, len(spans)),
        key=lambda place: spans[place][0] - sum(spans[place - 1]),
        reverse=True,
    )
    starts = [0, *sorted(gaps[: limit - 1])]
    ends = [*starts[1:], len(spans)]
    return tuple(
        (spans[start][0], sum(spans[end - 1]) - spans[start][0])
        for start, end in zip(starts, ends, strict=True)
    )
