"""What `holdfast vault status` tells an operator, and what a scrub found."""

from pathlib import Path

import pytest

from holdfast.protocol.network import development_params
from holdfast.protocol.units import GIB, KIB, VaultId
from holdfast.vault.core.own_record import OwnRecord
from holdfast.vault.core.saved import AuditEnded, Outcome
from holdfast.vault.scrub_now import Scrubbed
from holdfast.vault.scrubbing import Progress
from holdfast.vault.status import Status
from holdfast.wire.v1 import vault_pb2 as pb

OWN = VaultId(b"\1" * 32)
NOW = 40


def told(said: pb.DescribeReply | None) -> str:
    params = development_params("status", 1_700_000_000)
    audits = (AuditEnded(NOW, Outcome.CERTIFIED),)
    record = OwnRecord(OWN, params, NOW, audits, (), (), ())
    return Status(OWN.hex(), Path("v"), "here:1", 7, said, record).as_text()


def test_sizes_and_counts_are_told_for_people() -> None:
    said = pb.DescribeReply(
        standing="active",
        held_bytes=117_896,
        quota_bytes=10 * GIB,
        held_shards=1,
        missing_shards=2,
        certified_epochs=1,
        last_certified_epoch=39,
    )
    text = told(said)
    assert "holds     115.1 KiB of 10.0 GiB: 1 shard, 2 missing" in text
    assert "proved    1 epoch, the last was 39" in text
    assert "record    it proved 1 of its last 1 audits" in text
    assert "leaving" not in text


def test_a_vault_that_proved_nothing_yet_names_no_last_epoch() -> None:
    assert "proved    0 epochs\n" in told(pb.DescribeReply(standing="active"))


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            pb.DescribeReply(standing="unbonding", deals_left=1, stake_free_epoch=900),
            "leaving   1 deal still to be taken over by others; keep it running",
        ),
        (
            pb.DescribeReply(standing="unbonding", stake_free_epoch=44),
            "leaving   no deal is left here; the stake is free from epoch 44",
        ),
        (
            pb.DescribeReply(standing="withdrawn"),
            "leaving   the stake is back; this vault may be stopped and removed",
        ),
    ],
)
def test_a_vault_that_leaves_says_how_far_it_is(
    said: pb.DescribeReply, line: str
) -> None:
    assert line in told(said)


def test_of_a_vault_that_does_not_run_only_its_journal_is_told() -> None:
    text = told(None)
    assert "does not run" in text
    assert "audited   epoch 40: certified" in text
    assert "`holdfast vault record` asks others" in text


@pytest.mark.parametrize(
    ("damaged", "missing", "said"),
    [
        (0, 0, "looked at 1 shard: all are there and right"),
        (2, 2, "looked at 1 shard: 2 damaged or gone; "),
        (1, 3, "looked at 1 shard: 3 damaged or gone, 2 of them known before; "),
    ],
)
def test_a_scrub_says_what_it_found_and_what_was_known(
    damaged: int, missing: int, said: str
) -> None:
    found = Scrubbed(Progress(1, 1, damaged), missing, running=True)
    assert found.as_text().startswith(said)


def test_small_vaults_are_told_in_bytes() -> None:
    said = pb.DescribeReply(held_bytes=KIB - 1, quota_bytes=KIB)
    assert "holds     1023 B of 1.0 KiB" in told(said)
