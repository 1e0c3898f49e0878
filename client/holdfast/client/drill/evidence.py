"""The drill's evidence: case files fetched from vaults and judged again offline."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import grpc

from holdfast.client import wording
from holdfast.client.local_network import LocalNetwork
from holdfast.ledger.core.case_files import judge_file
from holdfast.ledger.network_file import NetworkFile, SeedVault
from holdfast.protocol.cases import CASE_FILE
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.settlement import TOTAL_PROOF, VAULT_LEAF
from holdfast.protocol.units import VaultId
from holdfast.wire import rpc
from holdfast.wire.v1 import network_pb2 as pb
from holdfast.wire.v1 import network_pb2_grpc

_ASK_SECONDS: Final = 5.0


@frozen
class Judged:
    """What a case file says by itself."""

    guilty: bool
    text: str


async def case_files(network: LocalNetwork, vault: VaultId) -> list[bytes]:
    """Return the case file against a vault of everybody who has one."""
    files = []
    for seed in _seeds(network):
        with suppress(grpc.aio.AioRpcError):
            async with rpc.connect(seed.endpoint, seed.certificate) as channel:
                reply = await network_pb2_grpc.NetworkStub(channel).Case(
                    pb.CaseRequest(vault=vault),
                    timeout=_ASK_SECONDS,
                    metadata=rpc.metadata(),
                )
            files.append(reply.file)
    return files


def judged_offline(files: Sequence[bytes], path: Path) -> Judged:
    """Save and judge case files; the first that convicts counts, and is kept."""
    last = Judged(False, "nobody has a case file")
    for file in files:
        path.write_bytes(file)
        last = judge(path)
        if last.guilty:
            break
    return last


def judge(path: Path) -> Judged:
    """Judge a case file with nothing but itself."""
    try:
        verdict = judge_file(CASE_FILE.decode(path.read_bytes()))
    except ProtocolError as error:
        return Judged(False, f"the case file does not hold: {error}")
    cost = f"; {wording.hold(verdict.slashed)} slashed" if verdict.slashed else ""
    return Judged(verdict.guilty, f"{verdict.finding.value}: {verdict.reason}{cost}")


async def earned_total(network: LocalNetwork, vault: VaultId) -> int | None:
    """Return what the newest settlement says a vault earned; None if nobody says."""
    for seed in _seeds(network):
        with suppress(grpc.aio.AioRpcError, ProtocolError):
            async with rpc.connect(seed.endpoint, seed.certificate) as channel:
                reply = await network_pb2_grpc.NetworkStub(channel).Prove(
                    pb.ProveRequest(party=VAULT_LEAF, id=vault),
                    timeout=_ASK_SECONDS,
                    metadata=rpc.metadata(),
                )
            proofs = [TOTAL_PROOF.decode(proof) for proof in reply.proofs]
            named = [p.total.grains for p in proofs if p.total.id == vault]
            return named[0] if named else 0
    return None


def _seeds(network: LocalNetwork) -> Iterator[SeedVault]:
    yield from NetworkFile.load(network.network_file).seeds
