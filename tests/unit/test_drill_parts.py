"""The drill's damage, its look at disks, and the lines of its timeline."""

from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.client.drill.damage import delete_half, flip_a_byte_in_each, shards_of
from holdfast.client.drill.disks import Disks, digests
from holdfast.client.drill.timeline import Moment, Timeline
from holdfast.client.local_health import LedgerStatus, NetworkStatus, VaultStatus
from holdfast.client.local_layout import LocalVault
from holdfast.ledger.port import Listing, RegisteredVault
from holdfast.protocol.deal import Deal, Holder
from holdfast.protocol.units import AccountId, VaultId
from vault_data_world import a_deal

OLD, NEW = VaultId(b"\1" * 32), VaultId(b"\2" * 32)
HEADER = 512
GRAINS = 10**9


@pytest.fixture
def deal() -> Deal:
    return a_deal([OLD, *(VaultId(bytes([n]) * 32) for n in (3, 4, 5))])


@pytest.fixture
def vault(tmp_path: Path, deal: Deal) -> Path:
    """A vault's directory with five shards, one that is staged, one half written."""
    made = tmp_path / "old"
    folder = made / "shards" / deal.id.hex()
    (folder / "aa").mkdir(parents=True)
    (folder / "staged").mkdir()
    for number in range(5):
        shard = bytes([number]) * (HEADER + 10_000)
        (folder / "aa" / f"{number:064}").write_bytes(shard)
    (folder / "staged" / f"{9:064}").write_bytes(b"not yet")
    (folder / "aa" / "7.part").write_bytes(b"half")
    return made


def copied(vault: Path, name: str) -> Path:
    other = vault.parent / name
    for path in shards_of(vault):
        there = other / path.relative_to(vault)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())
    return other


def given_to(deal: Deal, vault: VaultId) -> Deal:
    return replace(deal, holders=(Holder(vault, 1, 9), *deal.holders[1:]))


def test_half_of_the_durable_shards_is_deleted(vault: Path) -> None:
    assert delete_half(vault) == 3
    assert len(shards_of(vault)) == 2
    assert (vault / "shards").exists()


def test_one_byte_of_each_shard_is_turned_and_none_of_its_header(vault: Path) -> None:
    before = {path: path.read_bytes() for path in shards_of(vault)}
    assert flip_a_byte_in_each(vault) == 5
    for path, was in before.items():
        now = path.read_bytes()
        assert sum(a != b for a, b in zip(was, now, strict=True)) == 1
        assert now[:HEADER] == was[:HEADER]


def test_shards_that_were_made_again_are_as_they_were_and_others_are_not(
    vault: Path, deal: Deal
) -> None:
    disks = Disks({OLD: vault}.__getitem__)
    disks.remember([OLD])
    contents = {path: path.read_bytes() for path in shards_of(vault)}
    flip_a_byte_in_each(vault)
    deals = {deal.id: deal}
    ((text, true),) = disks.claims([OLD], deals, deals)
    assert OLD.hex()[:12] in text
    assert not true
    for path, content in contents.items():
        path.write_bytes(content)
    assert [true for _, true in disks.claims([OLD], deals, deals)] == [True]


def test_a_new_holder_must_have_every_shard_that_the_old_one_had(
    vault: Path, deal: Deal
) -> None:
    other = copied(vault, "new")
    disks = Disks({OLD: vault, NEW: other}.__getitem__)
    disks.remember([OLD])
    before, after = {deal.id: deal}, {deal.id: given_to(deal, NEW)}
    assert [true for _, true in disks.claims([OLD], before, after)] == [True]
    shards_of(other)[0].unlink()
    assert [true for _, true in disks.claims([OLD], before, after)] == [False]


def test_a_holder_that_was_replaced_and_never_hit_is_no_true_claim(
    vault: Path, deal: Deal
) -> None:
    disks = Disks({OLD: vault, NEW: copied(vault, "new")}.__getitem__)
    before, after = {deal.id: deal}, {deal.id: given_to(deal, NEW)}
    assert [true for _, true in disks.claims([], before, after)] == [False]


def test_only_durable_shards_are_looked_at(vault: Path) -> None:
    assert len(digests(vault)) == 5


def moment(
    deal: Deal,
    missing: dict[VaultId, int],
    *,
    listing: Listing = Listing.ACTIVE,
    stake: int = GRAINS,
) -> Moment:
    """Return one look, at which the old holder is listed so."""
    states = tuple(
        VaultStatus(
            LocalVault(1, vault.hex(), "127.0.0.1:1"),
            None,
            Path(),
            "serving",
            missing_shards=lacks,
        )
        for vault, lacks in missing.items()
    )
    status = NetworkStatus(Path(), 5, LedgerStatus(None, "", Path()), states)
    rows = {
        vault: RegisteredVault(
            vault,
            number,
            b"",
            b"",
            AccountId(bytes(20)),
            AccountId(bytes(20)),
            stake if vault == OLD else GRAINS,
            0,
            listing if vault == OLD else Listing.ACTIVE,
            0,
            None,
            0,
            0,
        )
        for number, vault in enumerate((OLD, NEW))
    }
    return Moment(9, rows, {deal.id: deal}, status)


def lines(*moments: Moment) -> list[str]:
    timeline = Timeline()
    return [h.text for one in moments for h in timeline.take(one)]


def test_the_timeline_tells_what_a_holder_lacks_and_when_it_has_it_again(
    deal: Deal,
) -> None:
    whole, hurt = moment(deal, {OLD: 0}), moment(deal, {OLD: 2})
    lacks, has = lines(whole, hurt, hurt, whole)
    assert lacks.endswith("finds that it lacks 2 shards")
    assert has.endswith("has rebuilt all that it lacked")


def test_the_timeline_says_of_who_is_no_holder_that_it_may_take_over(
    deal: Deal,
) -> None:
    idle, busy = moment(deal, {NEW: 0}), moment(deal, {NEW: 5})
    begins, asks = lines(idle, busy, idle)
    assert begins.endswith("may take over an open place, and rebuilds its 5 shards")
    assert asks.endswith("has rebuilt them, and asks for the place")


def test_the_timeline_tells_of_ejections_and_replacements(deal: Deal) -> None:
    ejected = moment(deal, {}, listing=Listing.EJECTED, stake=GRAINS - 7)
    replaced = moment(
        given_to(deal, NEW), {}, listing=Listing.EJECTED, stake=GRAINS - 7
    )
    out, taken = lines(moment(deal, {}), ejected, replaced)
    assert out.startswith(f"vault {OLD.hex()[:12]} is ejected; 0.000000007 HOLD")
    assert f"vault {NEW.hex()[:12]} has rebuilt the shards of {OLD.hex()[:12]}" in taken
