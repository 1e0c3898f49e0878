"""A recovery kit printed today is read for ever: kit.json is read, never written.

It was made by a program that shares no code with Holdfast or reedsolo.
"""

import json
from pathlib import Path
from typing import Any

from holdfast.client.core.kit import print_kit, read_kit
from holdfast.client.core.kit_bytes import Kit, KitEndpoint, decode_kit, encode_kit
from holdfast.protocol.units import NetworkId

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("kit.json").read_text(encoding="utf-8")
)


def endpoint(value: list[str]) -> KitEndpoint:
    return KitEndpoint(value[0], bytes.fromhex(value[1]))


def kit(vector: dict[str, Any]) -> Kit:
    return Kit(
        bytes.fromhex(vector["master"]),
        NetworkId(bytes.fromhex(vector["network"])),
        endpoint(vector["ledger"]),
        tuple(map(endpoint, vector["seeds"])),
    )


def test_the_bytes_are_as_written() -> None:
    for vector in VECTORS["kits"]:
        assert encode_kit(kit(vector)).hex() == vector["bytes"]
        assert decode_kit(bytes.fromhex(vector["bytes"])) == kit(vector)


def test_the_printed_lines_are_as_written() -> None:
    for vector in VECTORS["kits"]:
        assert list(print_kit(kit(vector))) == vector["lines"]
        assert read_kit("\n".join(vector["lines"])).kit == kit(vector)


def test_a_damaged_kit_is_mended_as_ever() -> None:
    damaged = VECTORS["damaged"]
    reading = read_kit("\n".join(damaged["lines"]))
    (meant,) = (v for v in VECTORS["kits"] if v["name"] == damaged["kit"])
    assert reading.kit == kit(meant)
    assert 9 in reading.mended
