"""Makes a golden repository of the current version: run once for each version.

    PYTHONPATH=tests python tests/golden/make_repository.py FOLDER

A small market is backed up to through the SDK; FOLDER then has what its ledger, its
vaults and its owner would keep. A folder that is there is left alone: golden files
are read, never written again.
"""

import asyncio
import json
import os
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from backup_owner import listing
from golden_repository import PASSPHRASE, golden_listing
from holdfast.client.archive import BackupJob
from holdfast.client.backing_up import job_of
from holdfast.client.core.key_slots import WEAKEST
from holdfast.client.core.kit import print_kit
from holdfast.client.core.kit_bytes import FINGERPRINT_BYTES, Kit, KitEndpoint
from holdfast.client.core.phrase import phrase_from_key
from holdfast.client.key_file import create_key_file
from holdfast.ledger.core.account_key import AccountKey
from holdfast.protocol.chunk import SHARD_PROOF
from holdfast.protocol.deal import DEAL
from holdfast.protocol.network import NETWORK_PARAMS
from holdfast.protocol.receipt import FULL_RECEIPT
from holdfast.protocol.units import KIB
from sdk_on_market import client
from small_market import OWNER, Market, market

SECOND_NS = 10**9


def make_tree(top: Path) -> None:
    """Files of all kinds that anybody may make; the names are bytes of any kind."""
    dice = random.Random(1)
    (top / "folder" / "empty").mkdir(parents=True)
    (top / "folder" / "noise").write_bytes(dice.randbytes(20 * KIB))
    (top / "text").write_text("a line of text that repeats\n" * 500)
    (top / "nothing").touch()
    for name in (b"new\nline", b"\xff\xfe", "e\u0301".encode(), b"x" * 255):
        Path(os.fsdecode(os.fsencode(top) + b"/" + name)).write_bytes(name)
    with (top / "sparse").open("wb") as file:
        file.seek(3_000_000)
        file.write(b"island")
        file.truncate(5_000_000)
    (top / "link").symlink_to("folder/noise")
    os.link(top / "text", top / "folder" / "text again")
    os.mkfifo(top / "fifo", 0o640)
    os.setxattr(top / "text", "user.colour", b"red\0blue")
    (top / "nothing").chmod(0o4755)
    for number, path in enumerate(sorted(top.rglob("*"), reverse=True)):
        os.utime(path, ns=(0, number * SECOND_NS + 123), follow_symlinks=False)
    os.utime(top, ns=(0, -SECOND_NS))


async def make(folder: Path, top: Path) -> None:
    tree = top / "tree"
    make_tree(tree)
    async with market(top, 9) as place:
        async with client(place, top / "one") as one:
            await one.back_up(job(tree))
            first = golden_listing(listing(tree))
            (tree / "text").unlink()
            (tree / "more").write_bytes(random.Random(2).randbytes(9 * KIB))
            forgotten = await one.back_up(job(tree, "forgotten"))
            os.utime(tree / "more", ns=(0, 77))
            os.utime(tree, ns=(0, 78))
            await one.back_up(job(tree, "second", "kept"))
            second = golden_listing(listing(tree))
            await one.put("notes/one", b"an object", metadata={"kind": "note"})
            await one.forget([forgotten.snapshot.id.hex()])
            await one.prune()
            snapshots = [named.id.hex() for named in await one.snapshots()]
        expected = dict(zip(snapshots, (first, second), strict=True))
        document = {"top": str(tree), "snapshots": expected}
        text = json.dumps(document, indent=1)
        (folder / "expected.json").write_text(text + "\n")
        await keep_network(folder, place)
        keep_keys(folder, place)


def job(tree: Path, *tags: str) -> BackupJob:
    return replace(job_of([tree], tags=tags, host="golden"), user="owner")


async def keep_network(folder: Path, place: Market) -> None:
    """Write what the ledger says of the deal, and what its holders have."""
    account = AccountKey.from_secret(OWNER.account_secret).id
    (deal,) = await place.ledger.deals_of(account)
    (folder / "network.bin").write_bytes(NETWORK_PARAMS.encode(place.ledger.params))
    (folder / "deal.bin").write_bytes(DEAL.encode(deal))
    for vault in place.holders(deal.id):
        held = vault.held[deal.id]
        index = deal.index_of(vault.vault)
        assert held.full is not None
        manifest = held.manifests[held.full.head.value.digest()]
        full = FULL_RECEIPT.encode(held.full)
        parts = [len(full).to_bytes(4, "big"), full]
        for entry in manifest.entries:
            proof, body = held.shards[entry.chunk]
            shown = SHARD_PROOF.encode(proof)
            parts += [
                entry.chunk,
                entry.length.to_bytes(4, "big"),
                len(shown).to_bytes(4, "big"),
                shown,
                len(body).to_bytes(4, "big"),
                body,
            ]
        (folder / f"holder-{index}.bin").write_bytes(b"".join(parts))


def keep_keys(folder: Path, place: Market) -> None:
    """Write the owner's key file, phrase and kit."""
    phrase = phrase_from_key(OWNER.master)
    (folder / "phrase.txt").write_text(phrase + "\n")
    create_key_file(folder / "keys.json", OWNER.master, PASSPHRASE, strength=WEAKEST)
    ledger = KitEndpoint("192.0.2.1:7000", bytes(range(FINGERPRINT_BYTES)))
    kit = Kit(OWNER.master, place.ledger.network_id, ledger)
    lines = [f"{n:>2}: {line}\n" for n, line in enumerate(print_kit(kit), 1)]
    (folder / "kit.txt").write_text("".join(lines))


def main() -> None:
    folder, top = Path(sys.argv[1]), Path("/tmp/golden")
    folder.mkdir()
    try:
        asyncio.run(make(folder, top))
    finally:
        shutil.rmtree(top)


if __name__ == "__main__":
    main()
