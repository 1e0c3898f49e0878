"""The wire form of what vaults say about misses and cases.

Decoding raises DecodingError on anything that is not exactly a message.
"""

from typing import Final

from holdfast.protocol.answer import ANSWER
from holdfast.protocol.cases import CASE, CASE_FILE
from holdfast.protocol.checkpoint import CHECKPOINT, STORAGE_CERTIFICATE
from holdfast.protocol.faults import MISS, MISS_CERTIFICATE
from holdfast.vault.core import fault_messages as fm
from holdfast.vault.core import messages as m
from holdfast.vault.network_method import Method, read_vault
from holdfast.wire.v1 import network_pb2 as pb


def _read_missed(message: pb.TellMissedRequest) -> fm.TellMissed:
    signed = message.checkpoint
    return fm.TellMissed(
        MISS_CERTIFICATE.decode(message.certificate),
        CHECKPOINT.decode(signed) if signed else None,
    )


def _write_missed(value: fm.TellMissed) -> pb.TellMissedRequest:
    signed = value.checkpoint
    return pb.TellMissedRequest(
        certificate=MISS_CERTIFICATE.encode(value.certificate),
        checkpoint=CHECKPOINT.encode(signed) if signed else b"",
    )


def _read_misses(message: pb.MissesReply) -> fm.MissesOf:
    misses = tuple(MISS_CERTIFICATE.decode(miss) for miss in message.misses)
    newest = message.certificate
    return fm.MissesOf(misses, STORAGE_CERTIFICATE.decode(newest) if newest else None)


def _write_misses(value: fm.MissesOf) -> pb.MissesReply:
    newest = value.certificate
    return pb.MissesReply(
        misses=[MISS_CERTIFICATE.encode(miss) for miss in value.misses],
        certificate=STORAGE_CERTIFICATE.encode(newest) if newest else b"",
    )


def _read_audit(message: pb.AuditReply) -> fm.AuditOf:
    answer = message.answer
    return fm.AuditOf(ANSWER.decode(answer) if answer else None)


def _write_audit(value: fm.AuditOf) -> pb.AuditReply:
    answer = value.answer
    return pb.AuditReply(answer=ANSWER.encode(answer) if answer else b"")


FAULT_METHODS: Final[dict[type[m.Request], Method]] = {
    fm.Ping: Method(
        "Ping",
        pb.PingRequest,
        pb.PingReply,
        lambda _message: fm.Ping(),
        lambda _value: pb.PingRequest(),
        lambda _message: m.Noted(),
        lambda _value: pb.PingReply(),
    ),
    fm.PingFor: Method(
        "PingFor",
        pb.PingForRequest,
        pb.PingForReply,
        lambda message: fm.PingFor(read_vault(message.vault)),
        lambda value: pb.PingForRequest(vault=value.vault),
        lambda message: fm.Reached(message.reached),
        lambda value: pb.PingForReply(reached=value.reached),
    ),
    fm.TellMiss: Method(
        "TellMiss",
        pb.TellMissRequest,
        pb.TellMissReply,
        lambda message: fm.TellMiss(
            MISS.decode(message.miss), read_vault(message.signer)
        ),
        lambda value: pb.TellMissRequest(
            miss=MISS.encode(value.miss), signer=value.signer
        ),
        lambda _message: m.Noted(),
        lambda _value: pb.TellMissReply(),
    ),
    fm.TellMissed: Method(
        "TellMissed",
        pb.TellMissedRequest,
        pb.TellMissedReply,
        _read_missed,
        _write_missed,
        lambda _message: m.Noted(),
        lambda _value: pb.TellMissedReply(),
    ),
    fm.AskMisses: Method(
        "Misses",
        pb.MissesRequest,
        pb.MissesReply,
        lambda message: fm.AskMisses(read_vault(message.vault)),
        lambda value: pb.MissesRequest(vault=value.vault),
        _read_misses,
        _write_misses,
    ),
    fm.OpenCase: Method(
        "OpenCase",
        pb.OpenCaseRequest,
        pb.OpenCaseReply,
        lambda message: fm.OpenCase(CASE.decode(message.case)),
        lambda value: pb.OpenCaseRequest(case=CASE.encode(value.case)),
        lambda _message: m.Noted(),
        lambda _value: pb.OpenCaseReply(),
    ),
    fm.AskCase: Method(
        "Case",
        pb.CaseRequest,
        pb.CaseReply,
        lambda message: fm.AskCase(read_vault(message.vault)),
        lambda value: pb.CaseRequest(vault=value.vault),
        lambda message: fm.CaseOf(CASE_FILE.decode(message.file)),
        lambda value: pb.CaseReply(file=CASE_FILE.encode(value.file)),
    ),
    fm.AskAudit: Method(
        "Audit",
        pb.AuditRequest,
        pb.AuditReply,
        lambda message: fm.AskAudit(read_vault(message.vault), message.epoch),
        lambda value: pb.AuditRequest(vault=value.vault, epoch=value.epoch),
        _read_audit,
        _write_audit,
    ),
}
"""The methods of this module; whoever serves Audit reads the disk itself."""
