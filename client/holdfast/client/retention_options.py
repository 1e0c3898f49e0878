"""The --keep options of `forget`, read into one retention."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from holdfast.client.core.retention import NO_RULES, UNLIMITED, Retention, Span
from holdfast.client.snapshot_options import read_tags

T = TypeVar("T")

_SPAN: Final = re.compile(
    r"(?:(\d{1,5})y)?(?:(\d{1,5})m)?(?:(\d{1,5})w)?(?:(\d{1,5})d)?(?:(\d{1,5})h)?"
)
_COUNT_DIGITS_MAX: Final = 9
_PERIODS: Final = {
    "hourly": "hour",
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "yearly": "year",
}


def read_count(text: str) -> int:
    """Return the number in "7", or UNLIMITED for "unlimited"; raises BadParameter."""
    if text in {"unlimited", "-1"}:
        return UNLIMITED
    if not re.fullmatch(rf"\d{{1,{_COUNT_DIGITS_MAX}}}", text, re.ASCII) or not int(
        text
    ):
        raise click.BadParameter(f"{text!r} is not a number from 1 on, nor unlimited.")
    return int(text)


def read_within(text: str) -> Span:
    """Return the time in "2y5m7d3h" (m are months, w weeks); raises BadParameter."""
    match = _SPAN.fullmatch(text.strip())
    parts = [int(part or 0) for part in match.groups()] if match else []
    if not any(parts):
        raise click.BadParameter(f"{text!r} is not a time such as 2y5m7d3h.")
    years, months, weeks, days, hours = parts
    return Span(text.strip(), 12 * years + months, 7 * weeks + days, hours)


def _counted(_context: click.Context, _option: click.Parameter, text: str) -> int:
    return read_count(text) if text else 0


def _spanned(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> Span | None:
    return None if text is None else read_within(text)


def _options() -> list[Callable[[Callable[..., T]], Callable[..., T]]]:
    texts = {"last": "Keep the newest N."} | {
        name: f"Keep the newest of each of N {noun}s."
        for name, noun in _PERIODS.items()
    }
    counted = [
        click.option(
            f"--keep-{name}",
            f"keep_{name}",
            default="",
            metavar="N",
            callback=_counted,
            help=text,
        )
        for name, text in texts.items()
    ]
    return [
        *counted,
        click.option(
            "--keep-within",
            metavar="DURATION",
            callback=_spanned,
            help="Keep all of a time before the newest, such as 2y5m7d3h.",
        ),
        click.option(
            "--keep-tag",
            multiple=True,
            metavar="TAG[,TAG]",
            help="Keep what has this tag, or all of these; repeatable.",
        ),
    ]


def _ruled_by_flags() -> bool:
    context = click.get_current_context()
    return any(
        name.startswith("keep_")
        and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        for name in context.params
    )


def retaining(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the --keep options; it takes them together as `retention`."""

    @wraps(command)
    def wrapped(
        *args: Any,  # noqa: ANN401 # click's signature
        keep_last: int,
        keep_hourly: int,
        keep_daily: int,
        keep_weekly: int,
        keep_monthly: int,
        keep_yearly: int,
        keep_within: Span | None,
        keep_tag: tuple[str, ...],
        **kwargs: Any,  # noqa: ANN401 # likewise
    ) -> T:
        tags = (frozenset(read_tags(each)) for each in keep_tag)
        retention = Retention(
            last=keep_last,
            hourly=keep_hourly,
            daily=keep_daily,
            weekly=keep_weekly,
            monthly=keep_monthly,
            yearly=keep_yearly,
            within=keep_within,
            tags=tuple(each for each in tags if each),
        )
        if kwargs.get("names") and not _ruled_by_flags():
            # Rules of the settings are for when nothing is named.
            retention = NO_RULES
        return command(*args, retention=retention, **kwargs)

    for option in reversed(_options()):
        wrapped = option(wrapped)
    return wrapped
