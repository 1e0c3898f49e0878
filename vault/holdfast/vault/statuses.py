"""How refusals leave over gRPC: each kind has one status, the text is a sentence."""

import asyncio
import logging
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from holdfast.protocol.errors import (
    HoldfastError,
    ProtocolError,
    SignatureInvalidError,
)
from holdfast.vault.core.refusals import Refusal, RefusedError

STATUS: Final = {
    Refusal.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Refusal.UNSIGNED: grpc.StatusCode.UNAUTHENTICATED,
    Refusal.DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Refusal.UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Refusal.UNTIMELY: grpc.StatusCode.FAILED_PRECONDITION,
    Refusal.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Refusal.UNREADY: grpc.StatusCode.UNAVAILABLE,
}
TEXT_MAX: Final = 300

_log = logging.getLogger(__name__)


def status_of(error: Exception) -> tuple[grpc.StatusCode, str] | None:
    """Return the status and sentence of an expected error; None for our own bugs."""
    match error:
        case RefusedError():
            return STATUS[error.kind], error.reason[:TEXT_MAX]
        case SignatureInvalidError():
            return grpc.StatusCode.PERMISSION_DENIED, str(error)[:TEXT_MAX]
        case ProtocolError():
            return grpc.StatusCode.INVALID_ARGUMENT, str(error)[:TEXT_MAX]
        case DecodeError():
            return grpc.StatusCode.INVALID_ARGUMENT, "the message is not well formed"
        case HoldfastError():
            return grpc.StatusCode.UNAVAILABLE, str(error)[:TEXT_MAX]
        case ExceptionGroup():
            for one in error.exceptions:
                if found := status_of(one):
                    return found
    return None


async def refuse(context: grpc.aio.ServicerContext[Any, Any], error: Exception) -> None:
    """End the call with the error's status, or raise it if it is our own bug.

    A call whose caller went away ends as a cancelled one, quietly.
    """
    if _is_from_wire(error):
        _log.debug("a call broke while it was answered", exc_info=error)
        raise asyncio.CancelledError from error
    found = status_of(error)
    if found is None:
        _log.error("a call failed by a fault of this program", exc_info=error)
        raise error
    await context.abort(*found)


def _is_from_wire(error: Exception) -> bool:
    """Tell whether gRPC could not carry out what it was told: the call is broken."""
    if isinstance(error, ExceptionGroup):
        return all(map(_is_from_wire, error.exceptions))
    return isinstance(error, grpc.aio.InternalError)
