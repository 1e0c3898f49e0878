import hashlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import (
    CHECKPOINT,
    CHUNK,
    DEAL,
    DEAL_PAIR,
    FORMATS,
    FULL,
    HEAD,
    MANIFEST,
    NETWORK,
    PARAMS,
    STANDING,
    VAULTS,
    VOTED,
    VOTES,
    a_chunk_id,
    a_deal_id,
)
from holdfast.protocol import checkpoint as cp
from holdfast.protocol import manifest, placement, pricing, receipt, record
from holdfast.protocol.challenge import challenge
from holdfast.protocol.chunk import (
    ChunkHeader,
    ChunkMismatchError,
    check_shard,
)
from holdfast.protocol.errors import (
    DecodingError,
    ProtocolError,
    SignatureInvalidError,
)
from holdfast.protocol.keys import NodeKeys, hkdf
from holdfast.protocol.network import beacon
from holdfast.protocol.units import Digest, NetworkId, VaultId

GROUP = [keys.vault_id for keys in VAULTS[1:]]
IDENTITIES = {keys.vault_id: keys.identity.public for keys in VAULTS}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=300), st.data())
def test_decoders_answer_arbitrary_bytes_with_a_decoding_error_or_a_value(
    name: str, noise: bytes, data: st.DataObject
) -> None:
    value_format: Any = FORMATS[name][0]
    good = value_format.encode(FORMATS[name][1])
    at = data.draw(st.integers(0, len(good)))
    for junk in (noise, good[:4] + noise, good[:at] + noise + good[at + len(noise) :]):
        try:
            value = value_format.decode(junk)
        except DecodingError:
            continue
        assert value_format.encode(value) == junk


def test_hkdf_is_the_one_of_rfc_5869() -> None:
    for length in (16, 32, 80):
        reference = HKDF(SHA256(), length, None, b"holdfast v1 a").derive(b"key")
        assert hkdf(b"key", "a", length) == reference
    assert hkdf(b"key", "a") != hkdf(b"key", "b") != hkdf(b"yek", "b")


def test_one_seed_makes_different_keys_for_every_use() -> None:
    keys = NodeKeys(b"\x01" * 32)
    made = {
        keys.identity.seed,
        bytes(keys.box),
        keys.account_secret,
        keys.bls_secret.to_bytes(32, "big"),
    }
    assert len(made) == 4
    assert keys.vault_id == hashlib.sha256(keys.identity.public).digest()


def test_a_signature_is_bound_to_its_network_key_and_bytes() -> None:
    head_format = manifest.HEAD
    assert head_format.verify(HEAD, NETWORK, DEAL_PAIR.public) == HEAD.value
    altered = replace(HEAD, value=replace(HEAD.value, sequence=2))
    for signed, network, key in (
        (HEAD, NetworkId(b"\x01" * 32), DEAL_PAIR.public),
        (HEAD, NETWORK, VAULTS[0].identity.public),
        (altered, NETWORK, DEAL_PAIR.public),
    ):
        with pytest.raises(SignatureInvalidError):
            head_format.verify(signed, network, key)


def test_a_record_must_be_signed_by_the_key_it_names() -> None:
    signed = FORMATS["vault_record"][1]
    assert record.check_record(signed, NETWORK).vault == VAULTS[0].vault_id
    forged = replace(signed, value=replace(signed.value, ask_price=1))
    with pytest.raises(SignatureInvalidError):
        record.check_record(forged, NETWORK)


@given(
    st.sets(st.binary(min_size=32, max_size=32), max_size=40),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 12),
)
def test_the_close_group_is_what_sorting_by_distance_gives(
    ids: set[bytes], point: bytes, size: int
) -> None:
    vaults = [VaultId(i) for i in ids]
    by_distance = sorted(vaults, key=lambda v: placement.distance(v, point))
    assert placement.closest(vaults, point, size) == tuple(by_distance[:size])
    for vault in vaults[:3]:
        group = placement.neighbours(vaults, vault, Digest(point), 8)
        assert vault not in group
        assert len(group) == min(8, len(vaults) - 1)


@given(st.integers(0, 300), st.integers(1, 40), st.binary(min_size=32, max_size=32))
def test_a_committee_is_drawn_without_repeats(n: int, size: int, seed: bytes) -> None:
    registry = [VaultId(i.to_bytes(32, "big")) for i in range(n)]
    drawn = placement.committee(registry, Digest(seed), size)
    assert len(set(drawn)) == len(drawn) == min(n, size)
    assert set(drawn) <= set(registry)
    assert drawn == placement.committee(registry, Digest(seed), size)


def test_escrow_always_covers_what_can_be_earned() -> None:
    prices = (1, 7, 999_999_937)
    for capacity in (1, 1000, (1 << 30) - 1, 1 << 36):
        escrow = pricing.escrow_needed(capacity, prices, 10)
        assert escrow >= 10 * sum(pricing.earned(capacity, p) for p in prices)
    stake = pricing.stake_needed(123_456_789, 10_000_000)
    assert pricing.bytes_covered(stake, 10_000_000) >= 123_456_789
    assert pricing.bytes_covered(stake - 1, 10_000_000) < 123_456_789


def test_epochs_and_periods_follow_the_calendar() -> None:
    start = PARAMS.genesis_seconds
    assert PARAMS.epoch_at(start - 1) == -1
    assert PARAMS.epoch_at(start + 4.99) == 0
    assert PARAMS.epoch_at(PARAMS.epoch_start(7)) == 7
    assert PARAMS.period_of(PARAMS.first_epoch(3)) == 3
    assert beacon(NETWORK, 1, b"x" * 32) != beacon(NETWORK, 2, b"x" * 32)


def test_a_deal_that_is_closed_ends_with_its_period() -> None:
    assert DEAL.last_epoch(PARAMS) == 723
    assert replace(DEAL, closed_epoch=9).last_epoch(PARAMS) == 12
    assert replace(DEAL, closed_epoch=722).last_epoch(PARAMS) == 723
    assert DEAL.collectable_epoch(PARAMS) == 727
    assert DEAL.index_of(VAULTS[2].vault_id) == 2
    assert DEAL.index_of(VaultId(bytes(32))) is None


def test_every_shard_leads_to_its_chunk_and_no_altered_one_does() -> None:
    for index, shard in enumerate(CHUNK.shards):
        check_shard(CHUNK.id, CHUNK.proof(index), shard)
        altered = bytearray(shard)
        altered[index] ^= 1
        with pytest.raises(ChunkMismatchError):
            check_shard(CHUNK.id, CHUNK.proof(index), altered)
        with pytest.raises(ChunkMismatchError):
            check_shard(CHUNK.id, CHUNK.proof(index), shard[:-1])
    wrong = replace(CHUNK.proof(0), header=ChunkHeader(2, 4, CHUNK.header.length - 1))
    with pytest.raises(ProtocolError):
        check_shard(CHUNK.id, wrong, CHUNK.shards[0])


def entries(*numbers: int) -> tuple[manifest.ManifestEntry, ...]:
    return tuple(manifest.ManifestEntry(a_chunk_id(n), 1000 + n) for n in numbers)


def test_a_manifest_changes_by_removing_positions_and_appending() -> None:
    start = manifest.Manifest(2, 4, entries(1, 2, 3))
    after = start.changed(manifest.ManifestChange((1,), entries(9)))
    assert after.entries == entries(1, 3, 9)
    assert after.root == manifest.Manifest(2, 4, entries(1, 3, 9)).root
    assert after.held_bytes == sum(-(-(1000 + n) // 2) for n in (1, 3, 9))
    for broken in (
        manifest.ManifestChange((3,)),
        manifest.ManifestChange((), entries(2)),
        manifest.ManifestChange((), entries(7, 7)),
    ):
        with pytest.raises(manifest.ManifestError):
            start.changed(broken)


def test_neighbouring_missing_chunks_make_one_span() -> None:
    some = manifest.Manifest(1, 2, entries(1, 2, 3, 4))
    ids = [a_chunk_id(n) for n in (1, 2, 4)]
    assert manifest.spans_of(some, ids) == ((0, 2003), (3006, 1004))
    assert manifest.spans_of(some, []) == ()


def test_a_head_names_its_predecessor() -> None:
    second = manifest.next_head(DEAL.id, HEAD.value, MANIFEST, bytes(256))
    assert second.sequence == 2
    assert second.predecessor == HEAD.value.digest()
    assert HEAD.value.predecessor == manifest.NO_HEAD


def test_a_full_receipt_needs_every_holder_for_the_same_head() -> None:
    receipt.check_full_receipt(FULL, DEAL, NETWORK, IDENTITIES)
    assert FULL.latest_epoch() == 4
    first, *rest = FULL.receipts
    for broken in (
        replace(FULL, receipts=tuple(rest)),
        replace(FULL, receipts=(*rest, first)),
        replace(FULL, receipts=(replace(first, signature=bytes(64)), *rest)),
        replace(
            FULL, receipts=(replace(first, value=replace(first.value, epoch=5)), *rest)
        ),
    ):
        with pytest.raises(ProtocolError):
            receipt.check_full_receipt(broken, DEAL, NETWORK, IDENTITIES)
    with pytest.raises(ProtocolError):
        receipt.check_full_receipt(
            FULL, replace(DEAL, id=a_deal_id(5)), NETWORK, IDENTITIES
        )


def test_a_checkpoint_stands_with_a_majority_of_its_group() -> None:
    assert cp.check_standing(STANDING, NETWORK, GROUP, IDENTITIES) == CHECKPOINT.value
    two = replace(STANDING, acknowledgements=STANDING.acknowledgements[:2])
    assert cp.check_standing(two, NETWORK, GROUP, IDENTITIES) == CHECKPOINT.value
    first = STANDING.acknowledgements[0]
    for signatures in (
        (first,),
        (first, first),
        (first, replace(first, signer=VAULTS[0].vault_id)),
        (first, replace(STANDING.acknowledgements[1], signature=bytes(64))),
        VOTES,
    ):
        with pytest.raises(cp.CheckpointError):
            cp.check_standing(
                replace(STANDING, acknowledgements=signatures),
                NETWORK,
                GROUP,
                IDENTITIES,
            )


def test_a_storage_certificate_is_for_its_epoch_only() -> None:
    good = cp.StorageCertificate(8, CHECKPOINT, VOTED[3], VOTES)
    assert cp.check_certificate(good, NETWORK, GROUP, IDENTITIES) == CHECKPOINT.value
    with pytest.raises(cp.CheckpointError):
        cp.check_certificate(replace(good, epoch=9), NETWORK, GROUP, IDENTITIES)


def test_entries_refuse_disorder_and_impossible_spans() -> None:
    def entry(deal: int, *missing: tuple[int, int]) -> cp.Entry:
        root = Digest(bytes(32))
        return cp.Entry(a_deal_id(deal), 0, root, 1, root, 1, 100, missing)

    assert entry(1, (0, 10), (20, 80)).present_bytes == 10
    for spans in (((10, 10), (5, 1)), ((0, 10), (10, 1)), ((0, 0),), ((0, 101),)):
        with pytest.raises(ValueError, match="span"):
            entry(1, *spans)
    for order in ((2, 1), (1, 1)):
        with pytest.raises(ValueError, match="sorted"):
            cp.Entries(tuple(entry(n) for n in order))


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=6),
    st.integers(1, 50),
)
def test_present_bytes_map_onto_the_bytes_that_are_not_missing(
    gaps: list[tuple[int, int]], tail: int
) -> None:
    spans, at = [], 0
    for gap, length in gaps:
        spans.append((at + gap, length))
        at += gap + length
    root = Digest(bytes(32))
    held = cp.Entry(a_deal_id(1), 0, root, 1, root, 1, at + tail, tuple(spans))
    lost = {b for first, n in spans for b in range(first, first + n)}
    present = [b for b in range(at + tail) if b not in lost]
    assert [held.place_of(i) for i in range(held.present_bytes)] == present
    for first, n in spans:
        assert held.lacks(first, n)
        assert not held.lacks(first, n + 1)
    assert not held.lacks(0, 1) or 0 in lost


def test_a_challenge_depends_on_everything_it_names() -> None:
    seed = Digest(b"\x05" * 32)
    base = challenge(NETWORK, 8, seed, CHECKPOINT.value, 32)
    assert base.offsets() == challenge(NETWORK, 8, seed, CHECKPOINT.value, 32).offsets()
    assert len(base.offsets()) == 32
    others = [
        challenge(NETWORK, 9, seed, CHECKPOINT.value, 32),
        challenge(NETWORK, 8, Digest(b"\x06" * 32), CHECKPOINT.value, 32),
        challenge(NETWORK, 8, seed, replace(CHECKPOINT.value, root=seed), 32),
        challenge(
            NETWORK, 8, seed, replace(CHECKPOINT.value, vault=VAULTS[1].vault_id), 32
        ),
    ]
    assert base.seed not in {other.seed for other in others}


def test_offsets_are_uniform_over_the_bytes_held() -> None:
    held = replace(CHECKPOINT.value, present_bytes=10)
    many = challenge(NETWORK, 8, Digest(b"\x07" * 32), held, 10_000).offsets()
    assert all(800 < many.count(place) < 1_200 for place in range(10))
