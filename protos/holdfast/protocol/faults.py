"""Missed epochs: what a vault's neighbours sign when it did not prove what it holds.

A storage certificate is a majority's word that an epoch was proved; a miss
certificate is a majority's word that it was not, and whether the vault could be
reached at all. Both are public, so a vault's record is whatever anybody can check.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.protocol.checkpoint import GROUP_MAX, CheckpointError
from holdfast.protocol.encoding import (
    BYTES32,
    BYTES64,
    U8,
    U64,
    Format,
    sequence,
)
from holdfast.protocol.errors import SignatureInvalidError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import verify
from holdfast.protocol.placement import majority
from holdfast.protocol.signing import SignedFormat
from holdfast.protocol.units import NetworkId, VaultId

SIGNER_BYTES: Final = 32


@frozen
class Miss:
    """What a neighbour signs: it saw no right answer of `vault` in `epoch`.

    `reachable` is 1 when it heard of the vault in that epoch, directly or through
    another neighbour, else 0.
    """

    vault: VaultId
    epoch: int
    reachable: int

    def __post_init__(self) -> None:
        if self.reachable not in {0, 1}:
            raise ValueError("a vault is reachable, 1, or not, 0")


MISS = SignedFormat(
    Format(Miss, kind=100, version=1, vault=BYTES32, epoch=U64, reachable=U8)
)


@frozen
class Witness:
    """One neighbour's signed miss, without what all of them say alike."""

    signer: VaultId
    reachable: int
    signature: bytes


WITNESS = Format(
    Witness, kind=101, version=1, signer=BYTES32, reachable=U8, signature=BYTES64
)


@frozen
class MissCertificate:
    """A majority of a vault's neighbours saw no right answer of it in `epoch`."""

    vault: VaultId
    epoch: int
    witnesses: tuple[Witness, ...]


MISS_CERTIFICATE = Format(
    MissCertificate,
    kind=102,
    version=1,
    vault=BYTES32,
    epoch=U64,
    witnesses=sequence(WITNESS.bare(), GROUP_MAX),
)


def check_miss(
    certificate: MissCertificate,
    network: NetworkId,
    group: Sequence[VaultId],
    identities: Mapping[VaultId, bytes],
) -> bool:
    """Return whether the vault was reachable, once the certificate is verified.

    It counts as reachable only when a majority of the whole group says so: one
    neighbour's pretence must not hurry a vault that is away to its case. Raises
    CheckpointError unless a majority of `group` signed, each once and rightly.
    """
    signers = {witness.signer for witness in certificate.witnesses}
    if len(signers) != len(certificate.witnesses) or not signers <= set(group):
        raise CheckpointError("a witness stands twice or is not in the group")
    if len(signers) < majority(len(group)):
        raise CheckpointError("less than a majority of the group saw the epoch missed")
    for witness in certificate.witnesses:
        key = identities.get(witness.signer)
        if key is None:
            raise CheckpointError("a witness is not in the registry")
        said = Miss(certificate.vault, certificate.epoch, witness.reachable)
        try:
            verify(key, MISS.message(said, network), witness.signature)
        except SignatureInvalidError as error:
            raise CheckpointError("a witness's signature is wrong") from error
    return is_reachable(certificate, group)


def is_reachable(certificate: MissCertificate, group: Sequence[VaultId]) -> bool:
    """Return what a verified certificate says: whether a majority reached the vault."""
    reached = sum(witness.reachable for witness in certificate.witnesses)
    return reached >= majority(len(group))
