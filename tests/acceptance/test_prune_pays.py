"""A prune on a real network: disks get free, and less is charged from then on."""

import os
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.demo.comparison import compare
from holdfast.client.local_network import LocalNetwork
from holdfast_shell import Shell, tries

LARGE_BYTES, SMALL_BYTES = 12_000_000, 100_000


def stored_bytes(network: LocalNetwork, deal: str) -> int:
    """What a deal's shards take on the disks of all vaults together."""
    paths = network.layout.directory.glob(f"vaults/*/shards/{deal}/**/*")
    return sum(path.stat().st_size for path in paths if path.is_file())


def charges(owner: Shell) -> list[dict[str, Any]]:
    """The bill's lines, each with its charge of one period."""
    lines: list[dict[str, Any]] = owner.json("bill")["charges"]
    for line in lines:
        periods = line["last_period"] - line["first_period"] + 1
        line["each_period"] = line["grains"] / periods
    return lines


@pytest.mark.long
def test_forget_and_prune_free_the_vaults_disks_and_stop_the_charges(
    owner: Shell, network: LocalNetwork, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "large").write_bytes(os.urandom(LARGE_BYTES))
    (source / "small").write_bytes(os.urandom(SMALL_BYTES))
    owner.json("backup", source, "--for", "3h")
    (deal,) = (each["id"] for each in owner.json("deal", "list")["deals"])
    assert stored_bytes(network, deal) > 2 * LARGE_BYTES
    # The first line may be of a part of a period only.
    for _ in tries():
        if len(before := charges(owner)) >= 2:
            break
    full_charge = max(line["each_period"] for line in before)

    (source / "large").unlink()
    owner.json("backup", source)
    told = owner.json("forget", "--keep-last", "1", "--prune")["prune"]
    assert told["bytes_dropped"] > LARGE_BYTES
    for _ in tries():
        seen = charges(owner)
        if stored_bytes(network, deal) < LARGE_BYTES / 10:
            break
    assert stored_bytes(network, deal) < LARGE_BYTES / 10

    # The period in which the bytes went, and one that may have begun before.
    paid_in_full = max(line["last_period"] for line in seen) + 2
    for _ in tries():
        after = [one for one in charges(owner) if one["first_period"] > paid_in_full]
        if after:
            break
    assert 0 < after[0]["each_period"] < full_charge / 10
    assert owner.json("deal", "list")["deals"][0]["id"] == deal

    owner.json("restore", "latest", "--target", tmp_path / "target")
    assert compare(source, tmp_path / "target" / source.relative_to("/")).same
