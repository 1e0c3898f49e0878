"""Every error of the ledger comes back over the wire as itself, with its data."""

from dataclasses import fields
from enum import Enum
from typing import Any, get_type_hints

import grpc
import pytest

from holdfast.ledger import errors
from holdfast.ledger.errors import LedgerError, hold
from holdfast.ledger.refusals import (
    REFUSAL_KEY,
    refusal_error,
    refusal_metadata,
    status_of,
)
from holdfast.wire.v1 import ledger_pb2 as pb

KINDS = [
    kind
    for kind in (getattr(errors, name) for name in errors.__all__)
    if isinstance(kind, type) and issubclass(kind, LedgerError) and kind != LedgerError
]


def sample(kind: Any) -> list[LedgerError]:
    """Return the error with large data, once for each member of its enum if any."""
    hints = get_type_hints(kind)
    enums = [hint for hint in hints.values() if _is_enum(hint)]
    choices = list(enums[0]) if enums else [None]
    return [
        kind(*(_value(hints[field.name], choice) for field in fields(kind)))
        for choice in choices
    ]


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


def _value(hint: Any, choice: Any) -> Any:
    base = getattr(hint, "__supertype__", hint)
    if _is_enum(hint):
        return choice
    return {int: 1 << 70, bytes: b"\xab" * 32, str: "why"}[base]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_an_error_comes_back_as_itself(kind: Any) -> None:
    for error in sample(kind):
        back = refusal_error(refusal_metadata(error))
        assert type(back) is kind
        assert vars(back) == vars(error)
        assert str(back) == str(error)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_error_says_what_is_wrong_and_what_to_do(kind: Any) -> None:
    for error in sample(kind):
        text = str(error)
        assert len(text.split()) > 3 or kind is errors.LedgerFileError
        assert "\n" not in text
        assert text[-1] != "."
        assert isinstance(status_of(error), grpc.StatusCode)


def test_codes_are_unique() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS)


def test_a_refusal_that_we_do_not_know_is_no_error_of_ours() -> None:
    unknown = pb.Refusal(code="of_the_future").SerializeToString()
    lacking = pb.Refusal(code="nonce").SerializeToString()
    for raw in (unknown, lacking, b"\xff\xff", b""):
        assert refusal_error(((REFUSAL_KEY, raw),)) is None
    assert refusal_error(None) is None
    assert refusal_error((("other", "x"),)) is None


def test_amounts_are_written_as_people_read_them() -> None:
    amounts = {
        0: "0 HOLD",
        10**9: "1 HOLD",
        12_500_000_000: "12.5 HOLD",
        1: "0.000000001 HOLD",
    }
    assert {grains: hold(grains) for grains in amounts} == amounts
