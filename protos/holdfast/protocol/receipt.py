"""Receipts: a holder's word that it durably has its shard of every chunk of a head.

All n together are a full receipt: from then on the head is acknowledged.
"""

from collections.abc import Mapping

from holdfast.protocol.deal import Deal
from holdfast.protocol.encoding import (
    BYTES32,
    U8,
    U64,
    Format,
    sequence,
)
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import verify
from holdfast.protocol.manifest import HEAD, SignedHead
from holdfast.protocol.signing import Signed, SignedFormat
from holdfast.protocol.units import HOLDERS_MAX, DealId, Digest, NetworkId, VaultId


class ReceiptError(ProtocolError):
    """Receipts do not make a full receipt of their head."""


@frozen
class Receipt:
    """Holder `index` has its shards of every chunk under `head`, since `epoch`."""

    deal: DealId
    sequence: int
    head: Digest
    index: int
    vault: VaultId
    epoch: int


RECEIPT = SignedFormat(
    Format(
        Receipt,
        kind=25,
        version=1,
        deal=BYTES32,
        sequence=U64,
        head=BYTES32,
        index=U8,
        vault=BYTES32,
        epoch=U64,
    )
)
SignedReceipt = Signed[Receipt]


@frozen
class FullReceipt:
    """A signed head with the receipts of all n holders, in order of index.

    `identities` are the holders' Ed25519 keys, so that it can be judged offline.
    """

    head: SignedHead
    deal_key: bytes
    receipts: tuple[SignedReceipt, ...]
    identities: tuple[bytes, ...]

    def latest_epoch(self) -> int:
        """Return the epoch of its youngest receipt."""
        return max(receipt.value.epoch for receipt in self.receipts)


FULL_RECEIPT = Format(
    FullReceipt,
    kind=26,
    version=1,
    head=HEAD.nested(),
    deal_key=BYTES32,
    receipts=sequence(RECEIPT.nested(), HOLDERS_MAX),
    identities=sequence(BYTES32, HOLDERS_MAX),
)


def check_full_receipt(
    full: FullReceipt,
    deal: Deal,
    network: NetworkId,
    identities: Mapping[VaultId, bytes],
) -> None:
    """Raise unless for every index of `deal` a holder of it signed for this head.

    A receipt of a holder that was replaced since counts as its successor's.
    `identities` gives the registered Ed25519 key of each holder.
    """
    HEAD.verify(full.head, network, deal.deal_key)
    head = full.head.value
    digest = head.digest()
    if head.deal != deal.id or len(full.receipts) != deal.n:
        raise ReceiptError("the receipts are of another deal, or some are missing")
    for index, signed in enumerate(full.receipts):
        receipt = signed.value
        expected = (deal.id, head.sequence, digest, index)
        stated = (receipt.deal, receipt.sequence, receipt.head, receipt.index)
        if expected != stated or receipt.vault not in deal.held_by(index):
            raise ReceiptError(f"receipt {index} is not for this head and holder")
        key = identities.get(receipt.vault)
        if key is None:
            raise ReceiptError(f"holder {index} is not in the registry")
        verify(key, RECEIPT.message(receipt, network), signed.signature)
