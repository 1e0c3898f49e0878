"""One head on its way: fixed, then countersigned by all holders, then acknowledged."""

from dataclasses import dataclass, field

from holdfast.client.core.upload_events import FlushWanted, Proposal
from holdfast.client.core.upload_line import HolderLine
from holdfast.client.core.upload_terms import UploadTerms
from holdfast.protocol.errors import SignatureInvalidError
from holdfast.protocol.manifest import Manifest, SignedHead
from holdfast.protocol.receipt import RECEIPT, FullReceipt, Receipt, SignedReceipt
from holdfast.protocol.units import ChunkId, Digest


@dataclass(slots=True)
class Round:
    """A head on its way; `chunks` are what it adds, `flush` who asked for it."""

    head: SignedHead
    digest: Digest
    proposal: Proposal
    manifest: Manifest
    chunks: tuple[ChunkId, ...]
    flush: FlushWanted | None
    receipts: dict[int, SignedReceipt] = field(default_factory=dict)
    full: FullReceipt | None = None

    def awaits(self, line: HolderLine) -> bool:
        """Tell whether a holder's receipt, or its full receipt's place, is open."""
        return not line.kept if self.full else line.index not in self.receipts

    def is_receipt(self, index: int, signed: SignedReceipt, terms: UploadTerms) -> bool:
        """Tell whether this is the receipt of holder `index` for the head."""
        head = self.head.value
        vault = terms.deal.holders[index].vault
        expected = Receipt(
            head.deal, head.sequence, self.digest, index, vault, signed.value.epoch
        )
        if signed.value != expected:
            return False
        try:
            RECEIPT.verify(signed, terms.network, terms.identities[vault])
        except SignatureInvalidError:
            return False
        return True

    def full_receipt(self, terms: UploadTerms) -> FullReceipt:
        """Return the full receipt, once all receipts are here."""
        holders = terms.deal.holders
        return FullReceipt(
            self.head,
            terms.deal.deal_key,
            tuple(self.receipts[index] for index in range(len(holders))),
            tuple(terms.identities[holder.vault] for holder in holders),
        )
