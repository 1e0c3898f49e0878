"""What a grant opens on a vault, and for how long its deal is served."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.protocol.deal import GRANT, Grant, Purpose
from holdfast.protocol.keys import SigningPair
from holdfast.protocol.manifest import (
    HEAD,
    MANIFEST_CHANGE,
    NO_HEAD,
    ManifestChange,
)
from holdfast.wire import frames
from holdfast.wire.v1 import vault_pb2 as pb
from hostile_calls import STRANGER, Code, alive, code_of, granted, raw, run, stream_code
from vault_data_owner import DealOwner
from vault_data_world import (
    DEAL_PAIR,
    PARAMS,
    DataWorld,
    a_chunk,
    a_deal,
    grant,
    vault_keys,
)


@pytest.mark.parametrize(
    ("changes", "signer", "code"),
    [
        ({}, STRANGER, Code.PERMISSION_DENIED),
        ({"vault": vault_keys(1).vault_id}, None, Code.PERMISSION_DENIED),
        ({"purpose": 7}, None, Code.PERMISSION_DENIED),
        ({"expires_epoch": 9}, None, Code.PERMISSION_DENIED),
        ({"deal": b"\x99" * 32}, None, Code.NOT_FOUND),
    ],
)
def test_a_grant_that_is_not_good_opens_nothing(
    tmp_path: Path, changes: dict[str, Any], signer: SigningPair | None, code: Code
) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        await alive(owner)
        line = owner.lines[0]
        for purpose, name in (
            (Purpose.WRITE, frames.STORE),
            (Purpose.READ, frames.FETCH),
        ):
            good = GRANT.decode(line.grant(purpose))
            said = replace(good.value, **changes)
            signed = (
                GRANT.sign(said, PARAMS.network_id, signer) if signer else _resign(said)
            )
            opening = frames.opening(frames.Authority.GRANT, GRANT.encode(signed))
            assert (await stream_code(line, name, opening))[0] is code
        for request in (
            pb.DealStateRequest(grant=GRANT.encode(signed)),
            pb.ManifestRequest(grant=GRANT.encode(signed), head=owner.digest),
        ):
            method = type(request).__name__.removesuffix("Request")
            found, _ = await raw(line, method, request.SerializeToString())
            assert found is code

    run(tmp_path, story)


def _resign(said: Grant) -> Any:
    return GRANT.sign(said, PARAMS.network_id, DEAL_PAIR)


def test_grants_for_reading_do_not_write_and_the_other_way_round(
    tmp_path: Path,
) -> None:
    async def story(world: DataWorld) -> None:
        line = DealOwner(world, world.open_deal()).lines[0]
        for name, wrong in (
            (frames.STORE, Purpose.READ),
            (frames.FETCH, Purpose.WRITE),
        ):
            code, _ = await stream_code(line, name, granted(line, wrong))
            assert code is Code.PERMISSION_DENIED
            nothing = frames.opening(frames.Authority.GRANT, b"")
            for first in ((nothing,), ()):
                code, _ = await stream_code(line, name, *first)
                assert code is Code.UNAUTHENTICATED
        code, _ = await raw(line, "DealState", b"")
        assert code is Code.UNAUTHENTICATED

    run(tmp_path, story)


def test_deals_of_others_and_unknown_deals_are_not_found(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        others = a_deal([vault_keys(8).vault_id, vault_keys(9).vault_id], nonce=9)
        unknown = a_deal([world.vaults[0].vault], nonce=10)
        world.ledger.deals[others.id] = others
        good = DealOwner(world, world.open_deal()).lines[0]
        for deal in (others, unknown):
            head, _ = DealOwner(world, deal).following(ManifestChange())
            request = pb.ProposeRequest(
                head=HEAD.encode(head),
                base=NO_HEAD,
                change=MANIFEST_CHANGE.encode(ManifestChange()),
            )
            code, _ = await raw(good, "Propose", request.SerializeToString())
            assert code is Code.NOT_FOUND
            opening = frames.opening(
                frames.Authority.GRANT, grant(deal, good.vault, Purpose.WRITE)
            )
            code, _ = await stream_code(good, frames.STORE, opening)
            assert code is Code.NOT_FOUND
        world.ledger.reachable = False
        code, text = await stream_code(good, frames.STORE, opening)
        assert code is Code.UNAVAILABLE
        assert "ledger" in text

    run(tmp_path, story)


def test_a_deal_that_is_not_mirrored_yet_is_asked_for(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        deal = a_deal([vault.vault for vault in world.vaults], nonce=4)
        world.ledger.unmirrored[deal.id] = deal
        await alive(DealOwner(world, deal))

    run(tmp_path, story)


def test_an_ended_deal_takes_nothing_new_but_is_still_read(tmp_path: Path) -> None:
    async def story(world: DataWorld) -> None:
        owner = DealOwner(world, world.open_deal())
        chunk = a_chunk(b"q" * 9_000, owner.deal)
        await owner.upload(chunk)
        world.ledger.now_epoch = owner.deal.end_epoch
        line = owner.lines[0]
        code, text = await stream_code(line, frames.STORE, granted(line, Purpose.WRITE))
        assert code is Code.FAILED_PRECONDITION
        assert "ended" in text
        head, _ = owner.following(ManifestChange())
        code, _ = await code_of(line.propose(head, ManifestChange(), owner.digest))
        assert code is Code.FAILED_PRECONDITION
        assert (await line.fetch(frames.Want(chunk.id, 0, 1)))[0] is not None

    run(tmp_path, story)
