"""How the vault in a directory is, as the vault itself says."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import grpc

from holdfast.ledger.core.errors import hold
from holdfast.ledger.health import LedgerHealth
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import KIB
from holdfast.vault.config import VaultDirectory
from holdfast.vault.core.own_record import OwnRecord
from holdfast.vault.record import record_of
from holdfast.wire import rpc
from holdfast.wire.v1 import vault_pb2 as pb
from holdfast.wire.v1.vault_pb2_grpc import VaultStub

ASK_SECONDS: Final = 3.0
_SHOWN: Final = 6
_UNITS: Final = ("KiB", "MiB", "GiB", "TiB")
_WHILE_AWAY: Final = (
    "  since     `holdfast vault record` asks others what they saw while it was away"
)


@frozen
class Status:
    """What is known of one vault; `said` is its own description while it serves.

    `record` is what its journal has, whether it serves or not.
    """

    vault: str
    directory: Path
    endpoint: str | None
    pid: int | None
    said: pb.DescribeReply | None
    record: OwnRecord

    @property
    def serving(self) -> bool:
        """Whether it answered."""
        return self.said is not None

    def as_json(self) -> dict[str, Any]:
        """Return it for machines; grains and bytes are integers."""
        known: dict[str, Any] = {
            "vault": self.vault,
            "directory": str(self.directory),
            "serving": self.serving,
            "endpoint": self.endpoint,
            "pid": self.pid,
            "own_standing": self.record.standing().word,
            "reason": self.record.standing().reason,
            "demerits": len(self.record.misses),
            "cases": len(self.record.accusations),
        }
        said = self.said
        if said is not None:
            known |= {
                "standing": said.standing,
                "epoch": said.epoch,
                "ledger_reachable": said.ledger_reachable,
                "ledger_sequence": said.ledger_sequence,
                "ledger_lost_seconds": said.ledger_lost_seconds or None,
                "ledger_trouble": said.ledger_trouble,
                "ledger_block": said.ledger_block or None,
                "ledger_block_seconds": said.ledger_block_seconds or None,
                "held_bytes": said.held_bytes,
                "held_shards": said.held_shards,
                "missing_shards": said.missing_shards,
                "quota_bytes": said.quota_bytes,
                "last_certified_epoch": said.last_certified_epoch,
                "certified_epochs": said.certified_epochs,
                "earned_grains": said.earned_grains,
                "claimed_grains": said.claimed_grains,
                "deals_left": said.deals_left,
                "stake_free_epoch": said.stake_free_epoch or None,
            }
        return known

    def as_text(self) -> str:
        """Return it for people."""
        said = self.said
        if said is None:
            text = f"vault {self.vault[:16]} does not run ({self.directory})"
            return "\n".join((text, *self._of_record(), _WHILE_AWAY))
        held, quota = _size(said.held_bytes), _size(said.quota_bytes)
        shards = f"{_count(said.held_shards, 'shard')}, {said.missing_shards} missing"
        earned, claimed = hold(said.earned_grains), hold(said.claimed_grains)
        health = LedgerHealth.told(
            said.ledger_lost_seconds,
            said.ledger_trouble,
            said.ledger_block,
            said.ledger_block_seconds,
        )
        ledger = health.as_text(time.time())
        proved = _count(said.certified_epochs, "epoch")
        if said.certified_epochs:
            proved += f", the last was {said.last_certified_epoch}"
        return "\n".join(
            (
                f"vault {self.vault[:16]}: {said.standing}",
                f"  endpoint  {self.endpoint} (process {self.pid})",
                f"  epoch     {said.epoch}",
                f"  ledger    {ledger}",
                f"  holds     {held} of {quota}: {shards}",
                f"  proved    {proved}",
                f"  earned    {earned}, claimed {claimed}",
                *_way_out(said),
                *self._of_record(),
            )
        )

    def _of_record(self) -> Iterator[str]:
        record = self.record
        standing = record.standing()
        # The journal does not know that the vault leaves, nor what was decided while
        # it was away; the first line says how it stands.
        told = standing.word in {"active", "unknown"}
        word = "" if told else f"{standing.word}: "
        yield f"  record    {word}{standing.reason}"
        if record.audits:
            last = record.audits[0]
            why = f", {last.reason}" if last.reason else ""
            yield f"  audited   epoch {last.epoch}: {last.outcome.value}{why}"
        if record.misses:
            epochs = ", ".join(str(miss.epoch) for miss in record.misses[:_SHOWN])
            more = " …" if len(record.misses) > _SHOWN else ""
            yield f"  missed    certified by neighbours: epochs {epochs}{more}"
        if record.accusations:
            count = len(record.accusations)
            yield f"  cases     {count}; `holdfast vault record` says how they ended"


def _way_out(said: pb.DescribeReply) -> Iterator[str]:
    if said.deals_left:
        deals = _count(said.deals_left, "deal")
        yield f"  leaving   {deals} still to be taken over by others; keep it running"
    elif said.stake_free_epoch:
        free = said.stake_free_epoch
        yield f"  leaving   no deal is left here; the stake is free from epoch {free}"
    elif said.standing == "withdrawn":
        yield "  leaving   the stake is back; this vault may be stopped and removed"


def _size(count: int) -> str:
    amount, name = float(count), "B"
    for larger in _UNITS:
        if amount < KIB:
            break
        amount, name = amount / KIB, larger
    return f"{count} B" if name == "B" else f"{amount:.1f} {name}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


async def status_of(path: Path) -> Status:
    """Ask the vault in a directory; raises ConfigError when there is none."""
    directory = VaultDirectory(path)
    vault = directory.keys().vault_id.hex()
    mark = directory.running()
    record = record_of(path)
    if mark is None:
        return Status(vault, path, None, None, None, record)
    endpoint, pid = str(mark["endpoint"]), int(mark["pid"])
    channel = rpc.connect(endpoint, directory.identity().certificate_pem)
    try:
        said = await VaultStub(channel).Describe(
            pb.DescribeRequest(), timeout=ASK_SECONDS, metadata=rpc.metadata()
        )
    except grpc.aio.AioRpcError:
        said = None
    finally:
        await channel.close()
    return Status(vault, path, endpoint, pid if said else None, said, record)
