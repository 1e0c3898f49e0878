"""The bytes of every value never change: values.json is read, never written.

To add a value, print its encoding once, read it against docs/spec.md, and add
it to the file by hand.
"""

import json
from pathlib import Path

import pytest

from examples import DEAL_ID, FORMATS, NETWORK, VAULTS
from holdfast.protocol.encoding import Format
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.signing import SignedFormat

VECTORS: dict[str, str] = json.loads(
    Path(__file__).with_name("values.json").read_text()
)


def test_ids_are_as_written() -> None:
    assert NETWORK.hex() == VECTORS["id: network"]
    assert DEAL_ID.hex() == VECTORS["id: deal"]
    assert VAULTS[0].vault_id.hex() == VECTORS["id: vault"]


@pytest.mark.parametrize("name", FORMATS)
def test_the_encoding_is_as_written(name: str) -> None:
    value_format, value = FORMATS[name]
    assert value_format.encode(value).hex() == VECTORS[name]


@pytest.mark.parametrize("name", FORMATS)
def test_the_written_bytes_decode_to_the_value(name: str) -> None:
    value_format, value = FORMATS[name]
    assert value_format.decode(bytes.fromhex(VECTORS[name])) == value


@pytest.mark.parametrize("name", FORMATS)
def test_another_version_kind_or_length_is_refused(name: str) -> None:
    value_format = FORMATS[name][0]
    data = bytes.fromhex(VECTORS[name])
    for broken in (
        data[:3] + bytes([data[3] + 1]) + data[4:],
        data[:2] + bytes([data[2] ^ 0x80]) + data[3:],
        b"XX" + data[2:],
        data[:-1],
        data + b"\0",
        b"",
    ):
        with pytest.raises(DecodingError):
            value_format.decode(broken)


def test_every_kind_is_given_once() -> None:
    kinds = [_format_of(value_format).kind for value_format, _ in FORMATS.values()]
    assert len(set(kinds)) == len(kinds)


def _format_of(value_format: object) -> "Format[object]":
    if isinstance(value_format, SignedFormat):
        return value_format.format
    assert isinstance(value_format, Format)
    return value_format
