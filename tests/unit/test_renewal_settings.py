"""The renewal policy in config.toml: it holds without a command that sets it."""

import asyncio
import tomllib
from pathlib import Path

import pytest

from holdfast.client.core.renewal import Policy
from holdfast.client.core.settings import Settings, read_settings
from holdfast.client.renewal_settings import policy_of
from holdfast.client.renewing import PolicyError, save_policy
from holdfast.client.upkeep import upkeep
from holdfast.client.wording import UnreadableAmountError
from sdk_on_market import client, files
from small_market import EPOCH_SECONDS, market

TABLE = "[deal.auto-renew]\nfor = '500 epochs'\nbefore = '101 epochs'\n"


def settings(text: str) -> Settings:
    return read_settings(tomllib.loads(text), {}, "config.toml")


def test_a_table_says_the_policy() -> None:
    assert policy_of(settings(""), 10) is None
    assert policy_of(settings(TABLE), 10) == Policy(5000, 1010)
    more = policy_of(settings(f"{TABLE}spend-max = 2"), 10)
    assert more is not None
    assert more.spend_max == 2 * 10**9


@pytest.mark.parametrize(
    "text",
    [
        "[deal.auto-renew]\nfor = '1y'",
        "[deal.auto-renew]\nbefore = '1y'",
        "[deal.auto-renew]\nfor = '1d'\nbefore = '2d'",
        "[deal.auto-renew]\nfor = 'long'\nbefore = '2d'",
        "[deal.auto-renew]\nfor = '1y'\nbefore = true",
        f"{TABLE}spend-max = -1",
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises((PolicyError, UnreadableAmountError)):
        policy_of(settings(text), 3600)


def test_the_policy_of_the_settings_renews_and_goes_before_the_kept_one(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        source = files(tmp_path / "source", count=3)
        home = tmp_path / "one"
        async with market(tmp_path, 8) as place, client(place, home) as one:
            await one.backup([source], epochs=100)
            save_policy(home, Policy(200 * EPOCH_SECONDS, EPOCH_SECONDS))
            bad = settings("[deal.auto-renew]\nfor = 'x'\nbefore = 'y'")
            (line,) = await one.with_storage(lambda s: upkeep(s, home, bad))
            assert line.startswith("warning: 'x' is not a time")
            good = settings(TABLE)
            (line,) = await one.with_storage(lambda s: upkeep(s, home, good))
            assert line.startswith("renewed deal")

    asyncio.run(story())
