"""Proof that a deal's history forked: two heads of one sequence, each countersigned."""

from collections.abc import Mapping

from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import HEAD, SignedHead
from holdfast.protocol.receipt import RECEIPT, SignedReceipt
from holdfast.protocol.units import Digest, NetworkId, VaultId


class ConflictError(ProtocolError):
    """What was shown does not prove that a deal's history forked."""


@frozen
class Conflict:
    """Two different heads of one sequence; neither can have been acknowledged."""

    digests: tuple[Digest, ...] = ()
    sequence: int = 0


def check_conflict(
    shown: tuple[tuple[SignedHead, SignedReceipt], ...],
    deal: Deal,
    network: NetworkId,
    identities: Mapping[VaultId, bytes],
) -> Conflict:
    """Return the conflict that two countersigned heads prove; none from nothing.

    Raises ConflictError, SignatureInvalidError.
    """
    if not shown:
        return Conflict()
    digests = tuple(
        _check_countersigned(*one, deal, network, identities) for one in shown
    )
    sequences = {head.value.sequence for head, _ in shown}
    if len(shown) != 2 or len(set(digests)) != 2 or len(sequences) != 1:
        raise ConflictError("a conflict is two different heads of one sequence")
    return Conflict(digests, sequences.pop())


def _check_countersigned(
    head: SignedHead,
    signed: SignedReceipt,
    deal: Deal,
    network: NetworkId,
    identities: Mapping[VaultId, bytes],
) -> Digest:
    HEAD.verify(head, network, deal.deal_key)
    digest, receipt = head.value.digest(), signed.value
    stated = (receipt.deal, receipt.sequence, receipt.head)
    if head.value.deal != deal.id or stated != (deal.id, head.value.sequence, digest):
        raise ConflictError("a receipt is not for the head beside it")
    if receipt.index >= deal.n or receipt.vault not in deal.held_by(receipt.index):
        raise ConflictError("a receipt is not by a holder of the deal")
    key = identities.get(receipt.vault)
    if key is None:
        raise ConflictError("a receipt is by a vault that is not in the registry")
    RECEIPT.verify(signed, network, key)
    return digest
