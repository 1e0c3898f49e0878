"""The wire form of what vaults say to each other: the only place that knows both.

Decoding raises DecodingError on anything that is not exactly a message.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from holdfast.protocol.answer import ANSWER
from holdfast.protocol.checkpoint import CHECKPOINT, ENTRIES, STORAGE_CERTIFICATE
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.manifest import HEAD
from holdfast.protocol.receipt import FULL_RECEIPT
from holdfast.protocol.record import VAULT_RECORD
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    REPLACEMENT,
    REPLACEMENT_LEAF,
    STATEMENT,
    TOTAL,
    TOTAL_PROOF,
    VAULT_LEAF,
    Replacement,
    Totals,
)
from holdfast.protocol.units import DealId, Digest, VaultId
from holdfast.vault.core import messages as m
from holdfast.vault.network_codec_faults import FAULT_METHODS
from holdfast.vault.network_codec_takeovers import (
    TAKEOVER_METHODS,
    read_listed,
    write_listed,
)
from holdfast.vault.network_method import Method, exactly, read_vault
from holdfast.wire.v1 import network_pb2 as pb

LIST_MAX: Final = 1 << 20
COUNTED_BYTES: Final = 72
MEMBER_SIGNATURE_BYTES: Final = (96, 65)
"""By its BLS key, or where accounts certify by its account."""
SIGNATURE_BYTES: Final = 64
TOTALS_PER_PAGE: Final = 65_536


def _signature(value: bytes) -> bytes:
    return exactly(value, SIGNATURE_BYTES, "a signature")


def _member_signature(value: bytes) -> bytes:
    if len(value) not in MEMBER_SIGNATURE_BYTES:
        raise DecodingError("a member's signature has the length of neither kind")
    return value


def _read_digest(value: bytes) -> Digest:
    return Digest(exactly(value, 32, "a digest"))


def _read_gossip(message: pb.GossipRequest) -> m.Gossip:
    known = tuple((read_vault(item.vault), item.sequence) for item in message.known)
    if any(a[0] >= b[0] for a, b in pairwise(known)):
        raise DecodingError("digests must ascend by vault")
    records = tuple(VAULT_RECORD.decode(record) for record in message.records)
    return m.Gossip(known, records, message.push_only)


def _write_gossip(value: m.Gossip) -> pb.GossipRequest:
    return pb.GossipRequest(
        known=[pb.RecordDigest(vault=v, sequence=s) for v, s in value.known],
        records=[VAULT_RECORD.encode(record) for record in value.records],
        push_only=value.push_only,
    )


def _read_gossip_reply(message: pb.GossipReply) -> m.GossipReply:
    records = tuple(VAULT_RECORD.decode(record) for record in message.records)
    return m.GossipReply(records, tuple(read_vault(v) for v in message.wanted))


def _write_gossip_reply(value: m.GossipReply) -> pb.GossipReply:
    records = [VAULT_RECORD.encode(record) for record in value.records]
    return pb.GossipReply(records=records, wanted=value.wanted)


def _read_offer(message: pb.OfferRequest) -> m.OfferCheckpoint:
    certificate = message.certificate
    return m.OfferCheckpoint(
        CHECKPOINT.decode(message.checkpoint),
        Digest(exactly(message.base, 32, "base")) if message.base else None,
        ENTRIES.decode(message.changed),
        tuple(DealId(exactly(deal, 32, "a deal")) for deal in message.removed),
        tuple(HEAD.decode(head) for head in message.heads),
        STORAGE_CERTIFICATE.decode(certificate) if certificate else None,
    )


def _write_offer(value: m.OfferCheckpoint) -> pb.OfferRequest:
    certificate = value.certificate
    return pb.OfferRequest(
        checkpoint=CHECKPOINT.encode(value.checkpoint),
        base=value.base or b"",
        changed=ENTRIES.encode(value.changed),
        removed=value.removed,
        heads=[HEAD.encode(head) for head in value.heads],
        certificate=STORAGE_CERTIFICATE.encode(certificate) if certificate else b"",
    )


def _read_offer_reply(message: pb.OfferReply) -> m.Acknowledged | m.BaseUnknown:
    if message.base_unknown:
        return m.BaseUnknown()
    return m.Acknowledged(_signature(message.signature))


def _write_offer_reply(value: m.Acknowledged | m.BaseUnknown) -> pb.OfferReply:
    match value:
        case m.BaseUnknown():
            return pb.OfferReply(base_unknown=True)
        case m.Acknowledged(signature):
            return pb.OfferReply(signature=signature)


def _read_last(message: pb.LastCheckpointReply) -> m.LastCheckpoint:
    signed = message.checkpoint
    return m.LastCheckpoint(CHECKPOINT.decode(signed) if signed else None)


def _write_last(value: m.LastCheckpoint) -> pb.LastCheckpointReply:
    signed = value.checkpoint
    return pb.LastCheckpointReply(
        checkpoint=CHECKPOINT.encode(signed) if signed else b""
    )


def _read_certify(message: pb.CertifyRequest) -> m.Certify:
    return m.Certify(
        tuple(STORAGE_CERTIFICATE.decode(c) for c in message.certificates),
        tuple(ENTRIES.decode(entries) for entries in message.entries),
    )


def _write_certify(value: m.Certify) -> pb.CertifyRequest:
    return pb.CertifyRequest(
        certificates=[STORAGE_CERTIFICATE.encode(c) for c in value.certificates],
        entries=[ENTRIES.encode(entries) for entries in value.entries],
    )


def _read_counted(data: bytes) -> tuple[m.Counted, ...]:
    if len(data) % COUNTED_BYTES:
        raise DecodingError("a list of certificates has a broken item")
    return tuple(
        m.Counted(
            VaultId(data[at : at + 32]),
            int.from_bytes(data[at + 32 : at + 40], "big"),
            Digest(data[at + 40 : at + 72]),
        )
        for at in range(0, len(data), COUNTED_BYTES)
    )


def _write_counted(counted: Iterable[m.Counted]) -> bytes:
    return b"".join(
        name.vault + name.epoch.to_bytes(8, "big") + name.checkpoint for name in counted
    )


def _read_proposal(message: pb.SettlementProposal) -> m.ProposeSettlement:
    return m.ProposeSettlement(
        STATEMENT.decode(message.statement),
        read_vault(message.signer),
        _member_signature(message.signature),
        _read_counted(message.counted),
        tuple(read_listed(one) for one in message.listed),
    )


def _write_proposal(value: m.ProposeSettlement) -> pb.SettlementProposal:
    return pb.SettlementProposal(
        statement=STATEMENT.encode(value.statement),
        signer=value.signer,
        signature=value.signature,
        counted=_write_counted(value.counted),
        listed=write_listed(value.listed),
    )


def _read_settlement(message: pb.SettlementReply) -> m.SettlementReply:
    signature = message.signature or None
    if signature is not None:
        _member_signature(signature)
    omitted = message.omitted if message.HasField("omitted") else None
    return m.SettlementReply(
        signature,
        _read_counted(message.lacking),
        _read_certify(omitted) if omitted is not None else None,
        tuple(_read_digest(digest) for digest in message.lacking_cases),
        tuple(_read_digest(digest) for digest in message.objected_cases),
        _read_counted(message.doubted),
        tuple(_read_digest(digest) for digest in message.lacking_claims),
    )


def _write_settlement(value: m.SettlementReply) -> pb.SettlementReply:
    omitted = value.omitted
    return pb.SettlementReply(
        signature=value.signature or b"",
        lacking=_write_counted(value.lacking),
        omitted=_write_certify(omitted) if omitted else None,
        lacking_cases=value.lacking_cases,
        objected_cases=value.objected_cases,
        doubted=_write_counted(value.doubted),
        lacking_claims=value.lacking_claims,
    )


def _read_proof(message: pb.ProveRequest) -> m.AskProof:
    if message.party not in {VAULT_LEAF, DEAL_LEAF, REPLACEMENT_LEAF}:
        raise DecodingError("a leaf is of a vault, a deal or a replacement")
    return m.AskProof(message.party, exactly(message.id, 32, "an id"))


def _read_proven(message: pb.ProveReply) -> m.Proven:
    proofs = tuple(TOTAL_PROOF.decode(proof) for proof in message.proofs)
    return m.Proven(message.period, proofs)


def _write_proven(value: m.Proven) -> pb.ProveReply:
    proofs = [TOTAL_PROOF.encode(proof) for proof in value.proofs]
    return pb.ProveReply(period=value.period, proofs=proofs)


def totals_pages(totals: Totals) -> Iterable[pb.TotalsReply]:
    """Yield all totals, page by page."""
    paid = (leaf for leaf in totals.leaves() if leaf.party != REPLACEMENT_LEAF)
    leaves = [TOTAL.encode(leaf) for leaf in paid]
    for at in range(0, len(leaves), TOTALS_PER_PAGE):
        yield pb.TotalsReply(totals=leaves[at : at + TOTALS_PER_PAGE])
    replaced = [REPLACEMENT.encode(one) for one in totals.replaced]
    for at in range(0, len(replaced), TOTALS_PER_PAGE):
        yield pb.TotalsReply(replaced=replaced[at : at + TOTALS_PER_PAGE])


def read_totals(period: int, pages: Sequence[pb.TotalsReply]) -> m.TotalsOf:
    """Return the totals that the pages carry."""
    earned: dict[VaultId, int] = {}
    spent: dict[DealId, int] = {}
    replaced: list[Replacement] = []
    for page in pages:
        replaced += map(REPLACEMENT.decode, page.replaced)
        for encoded in page.totals:
            leaf = TOTAL.decode(encoded)
            match leaf.party:
                case 1:
                    earned[VaultId(leaf.id)] = leaf.grains
                case 2:
                    spent[DealId(leaf.id)] = leaf.grains
                case _:
                    raise DecodingError("a total is of a vault or of a deal")
    return m.TotalsOf(period, Totals(earned, spent, tuple(replaced)))


_MAIN_METHODS: Final[dict[type[m.Request], Method]] = {
    m.Gossip: Method(
        "Gossip",
        pb.GossipRequest,
        pb.GossipReply,
        _read_gossip,
        _write_gossip,
        _read_gossip_reply,
        _write_gossip_reply,
    ),
    m.OfferCheckpoint: Method(
        "Offer",
        pb.OfferRequest,
        pb.OfferReply,
        _read_offer,
        _write_offer,
        _read_offer_reply,
        _write_offer_reply,
    ),
    m.SubmitAnswer: Method(
        "Answer",
        pb.AnswerRequest,
        pb.AnswerReply,
        lambda message: m.SubmitAnswer(ANSWER.decode(message.answer)),
        lambda value: pb.AnswerRequest(answer=ANSWER.encode(value.answer)),
        lambda message: m.Voted(_signature(message.signature)),
        lambda value: pb.AnswerReply(signature=value.signature),
    ),
    m.ShowReceipt: Method(
        "ShowReceipt",
        pb.ShowReceiptRequest,
        pb.ShowReceiptReply,
        lambda message: m.ShowReceipt(FULL_RECEIPT.decode(message.full_receipt)),
        lambda value: pb.ShowReceiptRequest(
            full_receipt=FULL_RECEIPT.encode(value.receipt)
        ),
        lambda _message: m.Noted(),
        lambda _value: pb.ShowReceiptReply(),
    ),
    m.AskLastCheckpoint: Method(
        "LastCheckpoint",
        pb.LastCheckpointRequest,
        pb.LastCheckpointReply,
        lambda message: m.AskLastCheckpoint(read_vault(message.vault)),
        lambda value: pb.LastCheckpointRequest(vault=value.vault),
        _read_last,
        _write_last,
    ),
    m.Certify: Method(
        "Certify",
        pb.CertifyRequest,
        pb.CertifyReply,
        _read_certify,
        _write_certify,
        lambda _message: m.Noted(),
        lambda _value: pb.CertifyReply(),
    ),
    m.ProposeSettlement: Method(
        "Propose",
        pb.SettlementProposal,
        pb.SettlementReply,
        _read_proposal,
        _write_proposal,
        _read_settlement,
        _write_settlement,
    ),
    m.AskProof: Method(
        "Prove",
        pb.ProveRequest,
        pb.ProveReply,
        _read_proof,
        lambda value: pb.ProveRequest(party=value.party, id=value.id),
        _read_proven,
        _write_proven,
    ),
}
METHODS: Final = _MAIN_METHODS | FAULT_METHODS | TAKEOVER_METHODS
"""Every method with one request and one reply; Totals stands apart."""
