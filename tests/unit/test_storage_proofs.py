"""Which storage certificates count as a vault's newest proof."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from holdfast.client.network_errors import VaultUnreachableError
from holdfast.client.storage_proofs import newest_proof, newest_proofs
from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.core.values import Beacon, Listing, RegisteredVault
from holdfast.protocol.checkpoint import (
    CHECKPOINT,
    VOTE,
    Checkpoint,
    Signature,
    StorageCertificate,
    Vote,
)
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.network import development_params
from holdfast.protocol.units import AccountId, Digest, VaultId
from holdfast.wire.v1 import vault_pb2

PARAMS = development_params("proofs", 0, 3600)
NETWORK = PARAMS.network_id
KEYS = {
    keys.vault_id: keys for keys in (NodeKeys(bytes([n]) * 32) for n in range(1, 8))
}
VAULT, *OTHERS = KEYS
EPOCH = 9


def row(number: int, vault: VaultId) -> RegisteredVault:
    keys = KEYS[vault]
    return RegisteredVault(
        vault,
        number,
        keys.identity.public,
        keys.bls_public,
        AccountId(bytes(20)),
        AccountId(bytes(20)),
        0,
        0,
        Listing.ACTIVE,
        0,
        None,
        0,
        number,
    )


def ledger() -> LedgerState:
    state = LedgerState(PARAMS)
    beacons = tuple(Beacon(e, Digest(bytes([e]) * 32)) for e in range(EPOCH + 1))
    rows = tuple(row(number, vault) for number, vault in enumerate(KEYS))
    state.absorb(LedgerNews(1, EPOCH, beacons, rows))
    return state


def certificate(
    voters: int, vault: VaultId = VAULT, strangers: bool = False
) -> StorageCertificate:
    state = ledger()
    value = Checkpoint(vault, EPOCH, Digest(b"\5" * 32), 1, 100)
    answer = Digest(b"\6" * 32)
    message = VOTE.message(Vote(vault, EPOCH, value.digest(), answer), NETWORK)
    group = [one for one in state.group(vault, EPOCH) if one not in {VAULT, OTHERS[0]}]
    signers = [vault] * voters if strangers else group[:voters]
    votes = tuple(Signature(s, KEYS[s].identity.sign(message)) for s in signers)
    signed = CHECKPOINT.sign(value, NETWORK, KEYS[vault].identity)
    return StorageCertificate(EPOCH, signed, answer, votes)


class Link:
    def __init__(self, shown: StorageCertificate | Exception | None) -> None:
        self._shown = shown

    async def describe(self) -> vault_pb2.DescribeReply:
        return vault_pb2.DescribeReply(last_certified_epoch=EPOCH)

    async def certificate(
        self, vault: VaultId, epoch: int
    ) -> StorageCertificate | None:
        if isinstance(self._shown, Exception):
            raise self._shown
        return self._shown


class Directory:
    def __init__(self, shown: StorageCertificate | Exception | None) -> None:
        self._shown = shown

    def link(self, vault: VaultId) -> Link:
        return Link(self._shown)


def proof_of(
    shown: StorageCertificate | Exception | None,
) -> StorageCertificate | None:
    directory: Any = Directory(shown)
    return asyncio.run(newest_proof(directory, ledger(), VAULT))


def test_a_majority_of_the_neighbours_makes_a_proof() -> None:
    shown = certificate(4)
    assert proof_of(shown) == shown
    directory: Any = Directory(shown)
    found = asyncio.run(newest_proofs(directory, ledger(), [VAULT, VAULT, OTHERS[0]]))
    assert found == {VAULT: shown}


@pytest.mark.parametrize(
    "shown",
    [
        None,
        VaultUnreachableError(VAULT, "gone"),
        certificate(3),
        certificate(4, strangers=True),
        certificate(4, vault=OTHERS[0]),
        replace(certificate(4), epoch=EPOCH - 1),
        replace(certificate(4), epoch=1 << 40),
        replace(certificate(4), answer=Digest(bytes(32))),
    ],
)
def test_everything_less_is_none(shown: StorageCertificate | Exception | None) -> None:
    assert proof_of(shown) is None
