"""Calls and events as bytes: what the contracts' ABIs say, and nothing else."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError as AbiError

from holdfast.contracts import load
from holdfast.ledger.core.address import address_from, keccak
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen

SELECTOR_BYTES: Final = 4


@frozen
class Said:
    """An event of a contract with its arguments; addresses are 20 bytes."""

    event: str
    arguments: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 # the ABI says which type
        """Return an argument."""
        return self.arguments[name]


@frozen
class _Event:
    name: str
    topics: tuple[tuple[str, str], ...]
    data: tuple[tuple[str, str], ...]


def call_data(contract: str, function: str, *arguments: Any) -> bytes:  # noqa: ANN401
    """Return the bytes that call a contract's function."""
    selector, types = _function(contract, function)
    return selector + encode(types, arguments)


def deployment(contract: str, *arguments: Any) -> bytes:  # noqa: ANN401
    """Return the bytes that deploy a contract."""
    compiled = load(contract)
    types: list[str] = []
    for entry in compiled.abi:
        if entry["type"] == "constructor":
            types = [_type(part) for part in entry["inputs"]]
    return compiled.bytecode + encode(types, arguments)


def returned(contract: str, function: str, data: bytes) -> tuple[Any, ...]:
    """Return what a call returned, or raise DecodingError."""
    entry = _entry(contract, "function", function)
    types = [_type(part) for part in entry["outputs"]]
    return _decoded(types, data)


def read_event(contract: str, topics: Sequence[bytes], data: bytes) -> Said | None:
    """Return the event that a log is; None when this contract has no such event.

    Raises DecodingError when it does not fit.
    """
    event = _events(contract).get(topics[0]) if topics else None
    if event is None:
        return None
    if len(topics) != 1 + len(event.topics):
        raise DecodingError(f"{event.name} with {len(topics)} topics")
    arguments: dict[str, Any] = {}
    for (name, kind), topic in zip(event.topics, topics[1:], strict=True):
        arguments[name] = _plain(kind, _decoded([kind], topic)[0])
    values = _decoded([kind for _, kind in event.data], data)
    for (name, kind), value in zip(event.data, values, strict=True):
        arguments[name] = _plain(kind, value)
    return Said(event.name, arguments)


@cache
def topic_of(contract: str, event: str) -> bytes:
    """Return the first topic of an event's logs."""
    found = (topic for topic, one in _events(contract).items() if one.name == event)
    return next(found)


@cache
def _function(contract: str, function: str) -> tuple[bytes, list[str]]:
    types = [_type(part) for part in _entry(contract, "function", function)["inputs"]]
    return keccak(f"{function}({','.join(types)})".encode())[:SELECTOR_BYTES], types


@cache
def _entry(contract: str, kind: str, name: str) -> dict[str, Any]:
    entries = (entry for entry in load(contract).abi if entry["type"] == kind)
    return next(entry for entry in entries if entry["name"] == name)


@cache
def _events(contract: str) -> dict[bytes, _Event]:
    events: dict[bytes, _Event] = {}
    for entry in load(contract).abi:
        if entry["type"] == "event":
            parts = [(part["name"], _type(part), part) for part in entry["inputs"]]
            types = ",".join(kind for _, kind, _ in parts)
            topics = tuple(
                (name, kind) for name, kind, part in parts if part["indexed"]
            )
            data = tuple(
                (name, kind) for name, kind, part in parts if not part["indexed"]
            )
            topic = keccak(f"{entry['name']}({types})".encode())
            events[topic] = _Event(entry["name"], topics, data)
    return events


def _type(part: Mapping[str, Any]) -> str:
    kind = str(part["type"])
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_type(one) for one in part["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


def _decoded(types: list[str], data: bytes) -> tuple[Any, ...]:
    try:
        return tuple(decode(types, data))
    except (AbiError, OverflowError, ValueError) as error:
        raise DecodingError(f"no answer of a contract: {error}") from error


def _plain(kind: str, value: Any) -> Any:  # noqa: ANN401 # the ABI says which type
    return address_from(value) if kind == "address" else value
