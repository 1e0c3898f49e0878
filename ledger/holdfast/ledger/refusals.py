"""Refusals on the wire: an error's code and data, so that its class comes back.

They travel in the trailing metadata; the status says the same roughly, for programs
that do not know the code.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, Final, get_type_hints

import grpc
from google.protobuf.message import DecodeError

from holdfast.ledger import errors
from holdfast.ledger.errors import Blame, LedgerError
from holdfast.wire.v1 import ledger_pb2 as pb

REFUSAL_KEY: Final = "holdfast-refusal-bin"

_KINDS: Final[Mapping[str, type[LedgerError]]] = {
    kind.code: kind
    for kind in (getattr(errors, name) for name in errors.__all__)
    if isinstance(kind, type) and issubclass(kind, LedgerError)
}
_STATUS: Final = {
    Blame.STATE: grpc.StatusCode.FAILED_PRECONDITION,
    Blame.UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Blame.EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Blame.STRANGER: grpc.StatusCode.PERMISSION_DENIED,
    Blame.SIGNATURE: grpc.StatusCode.UNAUTHENTICATED,
    Blame.INPUT: grpc.StatusCode.INVALID_ARGUMENT,
    Blame.WORLD: grpc.StatusCode.UNAVAILABLE,
}


def status_of(error: LedgerError) -> grpc.StatusCode:
    """Return the status that a refusal is sent with."""
    return _STATUS[error.blame]


def refusal_metadata(error: LedgerError) -> tuple[tuple[str, bytes], ...]:
    """Return the trailing metadata that carries an error."""
    data = [_datum(name, value) for name, value in _data(error)]
    refusal = pb.Refusal(code=error.code, data=data)
    return ((REFUSAL_KEY, refusal.SerializeToString()),)


def refusal_error(metadata: Iterable[tuple[str, Any]] | None) -> LedgerError | None:
    """Return the error that trailing metadata carries, or None.

    A code or data that this program does not know is no error of ours either.
    """
    for key, value in metadata or ():
        if key == REFUSAL_KEY and isinstance(value, bytes):
            return _error(value)
    return None


def _data(error: LedgerError) -> list[tuple[str, Any]]:
    # LedgerError itself, which nobody raises, is no dataclass.
    kind = type(error)
    assert _KINDS[error.code] is kind
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return [(name, getattr(error, name)) for name in names]


def _datum(name: str, value: object) -> pb.Refusal.Datum:
    match value:
        case Enum():
            return pb.Refusal.Datum(name=name, choice=value.name)
        case bytes():
            return pb.Refusal.Datum(name=name, raw=value)
        case int():
            return pb.Refusal.Datum(name=name, number=str(value))
        case _:
            return pb.Refusal.Datum(name=name, text=str(value))


def _error(encoded: bytes) -> LedgerError | None:
    try:
        refusal = pb.Refusal.FromString(encoded)
        kind = _KINDS[refusal.code]
        hints = get_type_hints(kind)
        data = {datum.name: _value(hints, datum) for datum in refusal.data}
        return kind(**data)
    except (DecodeError, KeyError, TypeError, ValueError):
        return None


def _value(hints: Mapping[str, Any], datum: pb.Refusal.Datum) -> object:
    match datum.WhichOneof("value"):
        case "number":
            return int(datum.number)
        case "raw":
            return datum.raw
        case "choice":
            return hints[datum.name][datum.choice]
        case _:
            return datum.text
