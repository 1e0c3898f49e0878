"""How calls end that fail: with a status, as cancelled, or as our own fault."""

import asyncio
import logging
from typing import Any

import grpc
import pytest

from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.statuses import refuse


class Call:
    """A call that takes one status."""

    status: grpc.StatusCode | None = None

    async def abort(self, code: grpc.StatusCode, text: str) -> None:
        assert text
        self.status = code


def ended(error: Exception) -> grpc.StatusCode | None:
    call: Any = Call()
    asyncio.run(refuse(call, error))
    status: grpc.StatusCode | None = call.status
    return status


def test_a_refusal_has_its_status_also_within_a_group() -> None:
    refused = RefusedError(Refusal.EXHAUSTED, "there are too many")
    assert ended(refused) is grpc.StatusCode.RESOURCE_EXHAUSTED
    grouped = ExceptionGroup("two", [ValueError(), refused])
    assert ended(grouped) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_broken_call_ends_as_a_cancelled_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = grpc.aio.InternalError("failed to send")
    for error in (broken, ExceptionGroup("one", [broken])):
        with pytest.raises(asyncio.CancelledError):
            ended(error)
    assert caplog.records == []


def test_our_own_fault_is_logged_also_where_the_call_broke(
    caplog: pytest.LogCaptureFixture,
) -> None:
    both = ExceptionGroup("two", [grpc.aio.InternalError("failed"), KeyError("ours")])
    with pytest.raises(ExceptionGroup):
        ended(both)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
