"""Renewals and warnings: when deals end, what that costs, and who is told."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.async_client import AsyncClient
from holdfast.client.core.key_slots import WEAKEST
from holdfast.client.core.renewal import (
    Account,
    BalanceWarning,
    EndingWarning,
    Policy,
    due,
    extension_cost,
    running,
    warnings,
)
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation
from holdfast.client.main import main
from holdfast.client.profile import Profile
from holdfast.client.renewing import (
    NotRenewed,
    PolicyError,
    Renewed,
    load_policy,
    renew_named,
    save_policy,
)
from holdfast.client.upkeep import upkeep, warning_line
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.deal import Deal, Holder
from holdfast.protocol.network import NetworkParams, development_params
from holdfast.protocol.pricing import escrow_needed
from holdfast.protocol.units import GIB, AccountId, DealId, VaultId
from sdk_on_market import client, files
from small_market import EPOCH_SECONDS, Market, market

PARAMS = NetworkParams("n", 1, 0)
DAY = 24
YEAR = 365 * DAY
HOLDERS = tuple(Holder(VaultId(bytes([n]) * 32), 100, 0) for n in range(8))
POLICY = Policy(365 * 86400, 30 * 86400)


def deal(end: int, opened: int = 0, name: int = 1) -> Deal:
    return Deal(
        DealId(bytes([name]) * 32),
        AccountId(bytes(20)),
        bytes(32),
        bytes(32),
        4,
        HOLDERS,
        GIB,
        opened,
        end,
        0,
    )


def warned(account: Account, policy: Policy | None = None) -> list[object]:
    held = [deal.id for deal in account.deals]
    return list(warnings(account, PARAMS, held, policy))


def rich(*deals: Deal, epoch: int) -> Account:
    return Account(1 << 60, deals, epoch)


def test_a_week_before_its_end_a_deal_is_warned_of() -> None:
    year = deal(YEAR)
    assert warned(rich(year, epoch=YEAR - 7 * DAY)) == []
    last_week = rich(year, epoch=YEAR - 7 * DAY + 1)
    assert warned(last_week) == [EndingWarning(year.id, 7 * DAY - 1, over=False)]


def test_a_short_deal_is_warned_of_in_its_last_quarter_only() -> None:
    short = deal(8)
    assert warned(rich(short, epoch=6)) == []
    assert warned(rich(short, epoch=7)) == [EndingWarning(short.id, 1, over=False)]


def test_a_deal_that_ended_is_warned_of_until_it_may_be_gone() -> None:
    over = deal(100)
    kept = PARAMS.keep_epochs
    assert warned(rich(over, epoch=100)) == [EndingWarning(over.id, kept, over=True)]
    assert warned(rich(over, epoch=100 + kept)) == []


def test_deals_that_were_closed_or_hold_nothing_may_end() -> None:
    closed = replace(deal(100), closed_epoch=90)
    assert warned(rich(closed, epoch=99)) == []
    assert list(warnings(rich(deal(100), epoch=99), PARAMS, [], None)) == []


def test_a_balance_that_does_not_renew_what_ends_within_a_month_is_warned_of() -> None:
    year = deal(YEAR)
    epoch = YEAR - 20 * DAY
    needed = escrow_needed(GIB, (100,) * 8, YEAR) - escrow_needed(
        GIB, (100,) * 8, 20 * DAY
    )
    assert warned(Account(needed, (year,), epoch)) == []
    assert warned(Account(needed - 1, (year,), epoch)) == [
        BalanceWarning(needed - 1, needed)
    ]
    assert warned(Account(0, (year,), YEAR - 31 * DAY)) == []


def test_with_a_policy_only_its_failure_is_warned_of() -> None:
    year = deal(YEAR)
    assert warned(rich(year, epoch=YEAR - 7 * DAY + 1), POLICY) == [
        EndingWarning(year.id, 7 * DAY - 1, over=False)
    ]
    short = Policy(90 * 86400, 4 * 86400)
    assert warned(rich(year, epoch=YEAR - 3 * DAY), short) == []
    assert warned(rich(year, epoch=YEAR - 2 * DAY + 1), short) != []


def test_a_policy_renews_what_ends_soon_and_nothing_else() -> None:
    soon, late = deal(YEAR), deal(2 * YEAR, name=2)
    closed = replace(deal(YEAR, name=3), closed_epoch=1)
    over = deal(5, name=4)
    account = rich(late, soon, closed, over, epoch=YEAR - 30 * DAY)
    assert due(account, PARAMS, POLICY) == (soon,)
    assert running(account) == (soon, late)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_an_extension_costs_just_the_epochs_that_it_adds(
    epoch: int, end: int, more: int
) -> None:
    cost = extension_cost(deal(end), epoch, end + more)
    added = max(end + more - max(end, epoch), 0)
    assert cost == escrow_needed(GIB, (100,) * 8, added)


@pytest.mark.parametrize("fields", [(10, 10), (10, 20), (10, 0), (10, 1, 0)])
def test_a_policy_that_cannot_be_is_refused(fields: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="renew"):
        Policy(*fields)


def test_a_policy_is_kept_and_forgotten(tmp_path: Path) -> None:
    assert load_policy(tmp_path) is None
    policy = Policy(100, 10, 7)
    save_policy(tmp_path, policy)
    assert load_policy(tmp_path) == policy
    save_policy(tmp_path, None)
    assert load_policy(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1}'])
def test_a_damaged_policy_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "renewal.json").write_text(text)
    with pytest.raises(PolicyError):
        load_policy(tmp_path)


def test_warnings_are_one_line_whatever_their_number() -> None:
    ending = EndingWarning(DealId(b"\xab" * 32), 48, over=False)
    line = warning_line([ending, BalanceWarning(0, 5)], 3600)
    assert line == (
        "warning: deal abababababab ends in 2 d 0 h; "
        "`holdfast deal renew abababababab` keeps it (and 1 more: `holdfast deal list`)"
    )
    assert "deleted in" in warning_line([replace(ending, over=True)], 3600)
    assert "0.000000005 HOLD more" in warning_line([BalanceWarning(0, 5)], 3600)


def test_the_policy_is_set_shown_and_taken_back_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = tmp_path / "network.json"
    NetworkFile(development_params("n", 0, 3600), "127.0.0.1:1", b"").save(network)
    home = tmp_path / "home"
    Profile.create(home, network, "x", strength=WEAKEST)
    monkeypatch.setenv("HOLDFAST_HOME", str(home))
    words = ["deal", "auto-renew"]
    limits = ["--for", "1y", "--before", "30 days", "--spend-max", "2.5"]
    assert main([*words, *limits, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["before_seconds"] == 30 * 86400
    assert said["spend_max_grains"] == 2_500_000_000
    assert main([*words, "--for", "1d", "--before", "2d"]) == ExitCode.FAILED
    assert main([*words, "--for", "1d"]) == ExitCode.USAGE
    assert load_policy(home) == Policy(8766 * 3600, 30 * 86400, 2_500_000_000)
    assert main([*words, "--off"]) == 0
    assert load_policy(home) is None


class Kept:
    """A client whose upkeep has something to say."""

    def with_storage(self, _work: object) -> tuple[str, ...]:
        return ("warning: a deal ends",)


@pytest.mark.parametrize(
    ("flags", "shown"),
    [({}, "warning: a deal ends\n"), ({"as_json": True}, ""), ({"quiet": True}, None)],
)
def test_warnings_go_to_standard_error_and_never_beside_json(
    flags: dict[str, bool], shown: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    client: Any = Kept()
    Invocation(**flags)._look_after(client)  # type: ignore[arg-type] # flags by name
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ("warning: a deal ends\n" if shown is None else shown)


# On a market.


def story(
    path: Path, play: Callable[[Market, AsyncClient, Path], Awaitable[None]]
) -> None:
    async def run() -> None:
        source = files(path / "source", count=3)
        home = path / "one"
        async with market(path, 8) as place, client(place, home) as one:
            await one.backup([source], epochs=100)
            await play(place, one, home)

    asyncio.run(run())


async def kept_up(one: AsyncClient, home: Path) -> tuple[str, ...]:
    return await one.with_storage(lambda storage: upkeep(storage, home))


def test_a_policy_renews_a_deal_when_it_is_due_and_only_once(tmp_path: Path) -> None:
    async def play(_place: Market, one: AsyncClient, home: Path) -> None:
        assert await kept_up(one, home) == ()
        (before,) = await one.deals()
        balance = await one.balance()
        save_policy(home, Policy(500 * EPOCH_SECONDS, 101 * EPOCH_SECONDS))
        (line,) = await kept_up(one, home)
        (after,) = await one.deals()
        assert after.deal.end_epoch >= before.deal.end_epoch + 400
        assert line.startswith(f"renewed deal {before.deal.id.hex()[:12]} until epoch")
        added = after.deal.end_epoch - before.deal.end_epoch
        prices = tuple(holder.price for holder in after.deal.holders)
        cost = escrow_needed(after.deal.capacity, prices, added)
        assert balance - await one.balance() == cost
        assert await kept_up(one, home) == ()

    story(tmp_path, play)


def test_what_a_policy_cannot_renew_is_said_and_costs_nothing(tmp_path: Path) -> None:
    async def play(place: Market, one: AsyncClient, home: Path) -> None:
        balance = await one.balance()
        term, before = 500 * EPOCH_SECONDS, 101 * EPOCH_SECONDS
        save_policy(home, Policy(term, before, 1))
        (line,) = await kept_up(one, home)
        assert "more than the policy allows" in line
        save_policy(home, Policy(term, before))
        place.vaults[0].faults.refuses_quotes = True
        (line,) = await kept_up(one, home)
        assert line.startswith("warning: deal")
        assert "no room" in line
        assert await one.balance() == balance

    story(tmp_path, play)


def test_upkeep_never_fails_and_leaves_a_damaged_policy_alone(tmp_path: Path) -> None:
    async def play(place: Market, one: AsyncClient, home: Path) -> None:
        (home / "renewal.json").write_text("{")
        for vault in place.vaults:
            await vault.stop()
        (line,) = await kept_up(one, home)
        assert "damaged" in line

    story(tmp_path, play)


def test_deals_are_renewed_by_hand_all_or_by_name(tmp_path: Path) -> None:
    async def play(_place: Market, one: AsyncClient, _home: Path) -> None:
        empty = await one.open_deal(1 << 20, epochs=100)

        async def renewed(deals: list[Deal], epochs: int) -> Any:
            return await one.with_storage(
                lambda storage: renew_named(storage.book, deals, epochs)
            )

        (done,) = await renewed([], 300)
        assert isinstance(done, Renewed)
        assert done.deal.id != empty.deal.id
        (again,) = await renewed([], 200)
        assert isinstance(again, NotRenewed)
        assert "already" in again.reason
        (named,) = await renewed([empty.deal], 300)
        assert isinstance(named, Renewed)

    story(tmp_path, play)
