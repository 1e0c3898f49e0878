"""A vault stakes what its quota needs, and never less than a seat costs."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from followed_ledger import SECONDS, Followed, followed
from holdfast.protocol.pricing import stake_needed
from holdfast.protocol.units import GIB, Grains
from holdfast.vault.enrolment import Enrolment
from ledger_stage import DEVELOPMENT, node_keys

QUOTA = 5000 * GIB
LEAST = DEVELOPMENT.least_stake
NEEDED = stake_needed(QUOTA, DEVELOPMENT.rebuild_price)


@pytest.fixture
def live(tmp_path: Path) -> Callable[[Callable[[Followed], Awaitable[None]]], None]:
    def run(scenario: Callable[[Followed], Awaitable[None]]) -> None:
        async def play() -> None:
            async with followed(tmp_path) as world, world.served():
                await scenario(world)

        asyncio.run(play())

    return run


async def enrolled(world: Followed, quota_bytes: int) -> Grains:
    """Return the stake of vault 1 once it has enrolled with this quota."""
    enrolment = Enrolment(node_keys(1), world.mirror, quota_bytes, None)
    async with asyncio.timeout(SECONDS):
        await enrolment.run(retry_seconds=0.01)
    row = world.stage.book.state.vault(node_keys(1).vault_id)
    assert row is not None
    return row.stake


def test_a_small_vault_stakes_the_least_stake_and_a_larger_one_its_quota(
    live: Callable[[Callable[[Followed], Awaitable[None]]], None],
) -> None:
    async def scenario(world: Followed) -> None:
        assert await enrolled(world, 1) == LEAST
        assert LEAST < NEEDED
        assert await enrolled(world, QUOTA) == NEEDED
        assert await enrolled(world, 1) == NEEDED

    live(scenario)
