"""The wire form of every message: there and back, and nothing else is taken."""

import contextlib
from dataclasses import replace

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

import examples
from holdfast.protocol.answer import Answer
from holdfast.protocol.cases import CaseFile
from holdfast.protocol.checkpoint import Entries, StorageCertificate
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.faults import Miss
from holdfast.protocol.record import SignedRecord
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    REPLACEMENT_LEAF,
    VAULT_LEAF,
    Replacement,
    Totals,
    prove_total,
)
from holdfast.protocol.signing import Signed
from holdfast.protocol.takeover import SignedTakeover
from holdfast.protocol.units import DealId, Digest, VaultId
from holdfast.vault.core import fault_messages as fm
from holdfast.vault.core import messages as m
from holdfast.vault.network_codec import (
    METHODS,
    TOTALS_PER_PAGE,
    read_totals,
    totals_pages,
)
from holdfast.wire.v1 import network_pb2 as pb

VAULT, OTHER = sorted(keys.vault_id for keys in examples.VAULTS[:2])
SIGNATURE, BLS, BY_ACCOUNT = b"\5" * 64, b"\6" * 96, b"\7" * 65
CERTIFICATE: StorageCertificate = examples.FORMATS["storage_certificate"][1]
RECORD: SignedRecord = examples.FORMATS["vault_record"][1]
ANSWER = Signed(Answer(8, examples.STANDING, (examples.ENTRY_PROOF,), ()), b"\4" * 64)
MISS = Signed(Miss(VAULT, 8, 1), SIGNATURE)
ENTRIES = Entries((examples.ENTRY,))
COUNTED = (m.Counted(VAULT, 3, Digest(b"\3" * 32)),)
CERTIFY = m.Certify((CERTIFICATE,), (ENTRIES,))
TOTALS = Totals({VAULT: 5, OTHER: 7}, {DealId(b"\1" * 32): 12})
REPLACED: Replacement = examples.FORMATS["replacement"][1]
TAKEOVER: SignedTakeover = examples.FORMATS["takeover"][1]
PROOF = prove_total(TOTALS, VAULT_LEAF, VAULT)
assert PROOF

EXCHANGES: list[tuple[m.Request, m.Reply]] = [
    (
        m.Gossip(((VAULT, 1), (OTHER, 2)), (RECORD,), push_only=True),
        m.GossipReply((RECORD,), (VAULT,)),
    ),
    (
        m.OfferCheckpoint(
            examples.CHECKPOINT,
            Digest(b"\7" * 32),
            ENTRIES,
            (DealId(b"\1" * 32),),
            (examples.HEAD,),
            CERTIFICATE,
        ),
        m.Acknowledged(SIGNATURE),
    ),
    (
        m.OfferCheckpoint(examples.CHECKPOINT, None, Entries(()), (), ()),
        m.BaseUnknown(),
    ),
    (m.SubmitAnswer(ANSWER), m.Voted(SIGNATURE)),
    (m.ShowReceipt(examples.FULL), m.Noted()),
    (m.AskLastCheckpoint(VAULT), m.LastCheckpoint(examples.CHECKPOINT)),
    (m.AskLastCheckpoint(VAULT), m.LastCheckpoint(None)),
    (CERTIFY, m.Noted()),
    (
        m.ProposeSettlement(examples.STATEMENT, VAULT, BLS, COUNTED),
        m.SettlementReply(BLS),
    ),
    (
        m.ProposeSettlement(examples.STATEMENT, VAULT, BY_ACCOUNT, COUNTED),
        m.SettlementReply(BY_ACCOUNT),
    ),
    (
        m.ProposeSettlement(examples.STATEMENT, VAULT, BLS, ()),
        m.SettlementReply(None, COUNTED, CERTIFY),
    ),
    (
        m.ProposeSettlement(examples.STATEMENT, VAULT, BLS, ()),
        m.SettlementReply(
            lacking_cases=(Digest(b"\1" * 32),),
            objected_cases=(Digest(b"\2" * 32), Digest(b"\3" * 32)),
            doubted=COUNTED,
        ),
    ),
    (fm.Ping(), m.Noted()),
    (fm.PingFor(VAULT), fm.Reached(True)),
    (fm.TellMiss(MISS, OTHER), m.Noted()),
    (fm.TellMissed(examples.MISSED, examples.CHECKPOINT), m.Noted()),
    (fm.TellMissed(examples.MISSED), m.Noted()),
    (fm.AskMisses(VAULT), fm.MissesOf((examples.MISSED,), CERTIFICATE)),
    (fm.AskMisses(VAULT), fm.MissesOf((), None)),
    (fm.OpenCase(examples.CASE), m.Noted()),
    (fm.AskCase(VAULT), fm.CaseOf(CaseFile(examples.EXTRACT, examples.CASE))),
    (fm.AskAudit(VAULT, 8), fm.AuditOf(ANSWER)),
    (fm.AskAudit(VAULT, 8), fm.AuditOf(None)),
    (m.AskProof(DEAL_LEAF, b"\1" * 32), m.Proven(4, (PROOF,))),
    (m.AskProof(REPLACEMENT_LEAF, b"\1" * 32), m.Proven(4, ())),
    (m.ClaimSlot(TAKEOVER), m.Noted()),
    (
        m.ProposeSettlement(
            examples.STATEMENT,
            VAULT,
            BLS,
            (),
            (m.Listed(REPLACED, Digest(b"\1" * 32)), m.Listed(REPLACED, None)),
        ),
        m.SettlementReply(lacking_claims=(Digest(b"\1" * 32),)),
    ),
]


@pytest.mark.parametrize(("request_", "reply"), EXCHANGES)
def test_every_message_comes_back_as_it_was(
    request_: m.Request, reply: m.Reply
) -> None:
    method = METHODS[type(request_)]
    sent = method.write_request(request_).SerializeToString()
    assert method.read_request(method.request.FromString(sent)) == request_
    answered = method.write_reply(reply).SerializeToString()
    assert method.read_reply(method.reply.FromString(answered)) == reply


def test_every_request_of_the_core_has_its_method() -> None:
    assert {type(request) for request, _ in EXCHANGES} == set(METHODS)
    service = pb.DESCRIPTOR.services_by_name["Network"]
    names = {method.name for method in METHODS.values()} | {"Audit", "Totals"}
    assert {method.name for method in service.methods} == names


@given(st.binary(max_size=300), st.sampled_from(sorted(METHODS, key=str)))
def test_arbitrary_bytes_are_a_decoding_error_or_a_message(
    data: bytes, kind: type[m.Request]
) -> None:
    method = METHODS[kind]
    for message, read in (
        (method.request, method.read_request),
        (method.reply, method.read_reply),
    ):
        with contextlib.suppress(DecodeError, DecodingError):
            read(message.FromString(data))


@pytest.mark.parametrize(
    "message",
    [
        pb.GossipRequest(
            known=[
                pb.RecordDigest(vault=OTHER, sequence=1),
                pb.RecordDigest(vault=VAULT, sequence=1),
            ]
        ),
        pb.GossipRequest(known=[pb.RecordDigest(vault=b"short", sequence=1)]),
        pb.GossipRequest(records=[b"HF"]),
    ],
)
def test_gossip_that_is_not_in_form_is_refused(message: pb.GossipRequest) -> None:
    with pytest.raises(DecodingError):
        METHODS[m.Gossip].read_request(message)


@pytest.mark.parametrize("size", [1, 64, 66, 95, 97])
def test_a_members_signature_has_the_length_of_its_kind(size: int) -> None:
    method = METHODS[m.ProposeSettlement]
    wrong = m.ProposeSettlement(examples.STATEMENT, VAULT, bytes(size), ())
    with pytest.raises(DecodingError):
        method.read_request(method.write_request(wrong))
    with pytest.raises(DecodingError):
        method.read_reply(pb.SettlementReply(signature=bytes(size)))


def test_totals_travel_in_pages() -> None:
    vaults = {VaultId(n.to_bytes(32, "big")): n + 1 for n in range(TOTALS_PER_PAGE)}
    totals = replace(TOTALS, earned=vaults, replaced=(REPLACED,))
    pages = list(totals_pages(totals))
    assert len(pages) == 3
    assert read_totals(3, pages) == m.TotalsOf(3, totals)
    assert read_totals(3, []) == m.TotalsOf(3, Totals({}, {}))
