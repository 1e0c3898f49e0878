"""One example of every signed or stored value, from fixed seeds."""

from dataclasses import replace
from typing import Any

from holdfast.protocol import (
    account_certificate,
    answer,
    cases,
    checkpoint,
    deal,
    faults,
    malformed,
    manifest,
    operator,
    receipt,
    record,
    repair,
    settlement,
    takeover,
)
from holdfast.protocol import chunk as chunks
from holdfast.protocol.keys import NodeKeys, SigningPair
from holdfast.protocol.network import (
    NETWORK_PARAMS,
    NetworkParams,
    development_params,
)
from holdfast.protocol.units import AccountId, ChunkId, DealId, Digest

PARAMS: NetworkParams = development_params("golden", 1_800_000_000)
NETWORK = PARAMS.network_id
VAULTS = [NodeKeys(bytes([seed]) * 32) for seed in range(1, 5)]
DEAL_PAIR = SigningPair(b"\x77" * 32)
OWNER = AccountId(b"\x11" * 20)
NONCE = b"\x22" * 32
DEAL_ID = deal.deal_id(OWNER, NONCE)
CIPHERTEXT = bytes(range(256)) * 300

DEAL = deal.Deal(
    id=DEAL_ID,
    owner=OWNER,
    nonce=NONCE,
    deal_key=DEAL_PAIR.public,
    k=2,
    holders=tuple(
        deal.Holder(v.vault_id, 5_000_000 + i, 3) for i, v in enumerate(VAULTS)
    ),
    capacity=1 << 26,
    opened_epoch=3,
    end_epoch=723,
    escrow=12_345,
    past=(deal.PastHolder(3, NodeKeys(b"\x09" * 32).vault_id, 5_000_000, 3, 40),),
)
CHUNK = chunks.encode_chunk(CIPHERTEXT, 2, 4)
SMALL_CHUNK = chunks.encode_chunk(b"few bytes", 2, 4)
SMALL_SHARDS = tuple(
    malformed.ProvenShard(SMALL_CHUNK.proof(index), bytes(SMALL_CHUNK.shards[index]))
    for index in (0, 3)
)
MANIFEST = manifest.Manifest(2, 4, (manifest.ManifestEntry(CHUNK.id, len(CIPHERTEXT)),))
HEAD = manifest.HEAD.sign(
    manifest.next_head(DEAL_ID, None, MANIFEST, b"\x33" * 256), NETWORK, DEAL_PAIR
)
RECEIPTS = tuple(
    receipt.RECEIPT.sign(
        receipt.Receipt(DEAL_ID, 1, HEAD.value.digest(), index, keys.vault_id, 4),
        NETWORK,
        keys.identity,
    )
    for index, keys in enumerate(VAULTS)
)
FULL = receipt.FullReceipt(
    HEAD, DEAL_PAIR.public, RECEIPTS, tuple(keys.identity.public for keys in VAULTS)
)
ENTRY = checkpoint.Entry(
    DEAL_ID,
    0,
    HEAD.value.digest(),
    1,
    MANIFEST.root,
    1,
    MANIFEST.held_bytes,
    ((0, 10), (20, 5)),
)
WHOLE_ENTRY = checkpoint.Entry(
    DEAL_ID, 0, HEAD.value.digest(), 1, MANIFEST.root, 1, MANIFEST.held_bytes
)
ENTRIES = checkpoint.Entries((WHOLE_ENTRY,))
CHECKPOINT = checkpoint.CHECKPOINT.sign(
    checkpoint.checkpoint_of(VAULTS[0].vault_id, 8, ENTRIES),
    NETWORK,
    VAULTS[0].identity,
)
SAID = (VAULTS[0].vault_id, 8, CHECKPOINT.value.digest())
VOTED = (*SAID, Digest(b"\x88" * 32))
ACKNOWLEDGEMENTS = tuple(
    checkpoint.Signature(
        keys.vault_id,
        checkpoint.ACKNOWLEDGEMENT.sign(
            checkpoint.Acknowledgement(*SAID), NETWORK, keys.identity
        ).signature,
    )
    for keys in VAULTS[1:]
)
VOTES = tuple(
    checkpoint.Signature(
        keys.vault_id,
        checkpoint.VOTE.sign(checkpoint.Vote(*VOTED), NETWORK, keys.identity).signature,
    )
    for keys in VAULTS[1:]
)
STANDING = checkpoint.StandingCheckpoint(CHECKPOINT, ACKNOWLEDGEMENTS)
ENTRY_PROOF = answer.EntryProof(WHOLE_ENTRY, 0, (), HEAD)
STATEMENT = settlement.Statement(
    NETWORK,
    2,
    Digest(b"\x44" * 32),
    5,
    1_000,
    1_001,
    (settlement.Ejection(VAULTS[3].vault_id, 77, Digest(b"\x55" * 32)),),
)

MISSED = faults.MissCertificate(
    VAULTS[0].vault_id,
    8,
    tuple(
        faults.Witness(
            keys.vault_id,
            place % 2,
            faults.MISS.sign(
                faults.Miss(VAULTS[0].vault_id, 8, place % 2), NETWORK, keys.identity
            ).signature,
        )
        for place, keys in enumerate(VAULTS[1:])
    ),
)
CASE = cases.Case(
    VAULTS[0].vault_id, cases.Fault.MISSED.value, (MISSED,), (CHECKPOINT,)
)
EXTRACT = cases.Extract(
    PARAMS,
    12,
    tuple(
        cases.RegistryRow(v.identity.public, v.bls_public, 1, None, 1) for v in VAULTS
    ),
    (cases.BeaconRow(8, Digest(b"\x21" * 32)),),
    (cases.DealKey(DEAL_ID, DEAL_PAIR.public),),
)
EXTRACT_BY_ACCOUNTS = replace(
    EXTRACT,
    accounts=tuple(AccountId(bytes([number]) * 20) for number in range(len(VAULTS))),
)
BY_ACCOUNTS = account_certificate.AccountCertificate(
    STATEMENT, b"\x0b", account_signatures=(b"\x71" * 65, b"\x72" * 65, b"\x73" * 65)
)
TAKEOVER = takeover.Takeover(
    DEAL_ID, 3, VAULTS[3].vault_id, VAULTS[0].vault_id, 9, FULL, RECEIPTS[0]
)

# Every format with one value of it; the names are the keys of values.json.
FORMATS: dict[str, tuple[Any, Any]] = {
    "network_params": (NETWORK_PARAMS, PARAMS),
    "vault_record": (
        record.VAULT_RECORD,
        record.VAULT_RECORD.sign(
            record.VaultRecord(
                VAULTS[0].identity.public,
                bytes(VAULTS[0].box.public_key),
                VAULTS[0].bls_public,
                AccountId(b"\x66" * 20),
                ("127.0.0.1:7001", "[::1]:7001"),
                b"\x30\x82 a certificate",
                5_000_000,
                1 << 40,
                9,
            ),
            NETWORK,
            VAULTS[0].identity,
        ),
    ),
    "quote": (
        deal.QUOTE,
        deal.QUOTE.sign(
            deal.Quote(DEAL_ID, VAULTS[0].vault_id, 5_000_000, 1 << 26, 723, 12),
            NETWORK,
            VAULTS[0].identity,
        ),
    ),
    "deal": (deal.DEAL, DEAL),
    "grant": (
        deal.GRANT,
        deal.GRANT.sign(
            deal.Grant(DEAL_ID, VAULTS[0].vault_id, deal.Purpose.READ.value, 99),
            NETWORK,
            DEAL_PAIR,
        ),
    ),
    "chunk_header": (chunks.CHUNK_HEADER, CHUNK.header),
    "shard_proof": (chunks.SHARD_PROOF, CHUNK.proof(3)),
    "manifest_entry": (manifest.MANIFEST_ENTRY, MANIFEST.entries[0]),
    "manifest_change": (
        manifest.MANIFEST_CHANGE,
        manifest.ManifestChange((0, 2), MANIFEST.entries),
    ),
    "head": (manifest.HEAD, HEAD),
    "receipt": (receipt.RECEIPT, RECEIPTS[0]),
    "full_receipt": (receipt.FULL_RECEIPT, FULL),
    "entry": (checkpoint.ENTRY, ENTRY),
    "entries": (checkpoint.ENTRIES, ENTRIES),
    "checkpoint": (checkpoint.CHECKPOINT, CHECKPOINT),
    "acknowledgement": (
        checkpoint.ACKNOWLEDGEMENT.format,
        checkpoint.Acknowledgement(*SAID),
    ),
    "vote": (checkpoint.VOTE.format, checkpoint.Vote(*VOTED)),
    "signature": (checkpoint.SIGNATURE, VOTES[0]),
    "standing": (checkpoint.STANDING, STANDING),
    "storage_certificate": (
        checkpoint.STORAGE_CERTIFICATE,
        checkpoint.StorageCertificate(8, CHECKPOINT, VOTED[3], VOTES),
    ),
    "entry_proof": (answer.ENTRY_PROOF, ENTRY_PROOF),
    "sibling_request": (
        repair.SIBLING_REQUEST,
        repair.SIBLING_REQUEST.sign(
            repair.SiblingRequest(VAULTS[1].vault_id, 8, STANDING, ENTRY_PROOF),
            NETWORK,
            VAULTS[0].identity,
        ),
    ),
    "total": (settlement.TOTAL, settlement.Total(settlement.DEAL_LEAF, DEAL_ID, 42)),
    "ejection": (settlement.EJECTION, STATEMENT.ejections[0]),
    "replacement": (
        settlement.REPLACEMENT,
        settlement.Replacement(DEAL_ID, 3, VAULTS[3].vault_id, VAULTS[0].vault_id),
    ),
    "past_holder": (deal.PAST_HOLDER, DEAL.past[0]),
    "miss": (faults.MISS.format, faults.Miss(VAULTS[0].vault_id, 8, 1)),
    "witness": (faults.WITNESS, MISSED.witnesses[0]),
    "miss_certificate": (faults.MISS_CERTIFICATE, MISSED),
    "case": (cases.CASE, CASE),
    "registry_row": (cases.REGISTRY_ROW, EXTRACT.vaults[0]),
    "beacon_row": (cases.BEACON_ROW, EXTRACT.beacons[0]),
    "deal_key": (cases.DEAL_KEY, EXTRACT.deals[0]),
    "extract": (cases.BLS_EXTRACT, EXTRACT),
    "extract_by_accounts": (cases.ACCOUNT_EXTRACT, EXTRACT_BY_ACCOUNTS),
    "case_file": (cases.CASE_FILE, cases.CaseFile(EXTRACT, CASE)),
    "takeover_request": (
        takeover.TAKEOVER_REQUEST,
        takeover.TAKEOVER_REQUEST.sign(
            takeover.TakeoverRequest(
                VAULTS[1].vault_id, 9, VAULTS[0].vault_id, DEAL_ID, 3, (MISSED,)
            ),
            NETWORK,
            VAULTS[0].identity,
        ),
    ),
    "takeover": (
        takeover.TAKEOVER,
        takeover.TAKEOVER.sign(TAKEOVER, NETWORK, VAULTS[0].identity),
    ),
    "proven_shard": (malformed.PROVEN_SHARD, SMALL_SHARDS[0]),
    "malformed_chunk": (
        malformed.MALFORMED_CHUNK,
        malformed.MalformedChunk(DEAL_ID, SMALL_CHUNK.id, SMALL_SHARDS),
    ),
    "operator_request": (
        operator.OPERATOR_REQUEST,
        operator.OPERATOR_REQUEST.sign(
            operator.OperatorRequest(VAULTS[0].vault_id, 1, 1_800_000_123),
            NETWORK,
            VAULTS[0].identity,
        ),
    ),
    "statement": (settlement.STATEMENT, STATEMENT),
    "certificate": (
        settlement.CERTIFICATE,
        settlement.Certificate(STATEMENT, b"\x0b", b"\x99" * 96),
    ),
    "account_certificate": (account_certificate.ACCOUNT_CERTIFICATE, BY_ACCOUNTS),
    "total_proof": (
        settlement.TOTAL_PROOF,
        settlement.TotalProof(
            settlement.Total(settlement.VAULT_LEAF, VAULTS[0].vault_id, 7),
            1,
            3,
            (b"\x01" * 32, b"\x02" * 32),
        ),
    ),
}


def a_chunk_id(number: int) -> ChunkId:
    """Return a made-up chunk id."""
    return ChunkId(number.to_bytes(32, "big"))


def a_deal_id(number: int) -> DealId:
    """Return a made-up deal id."""
    return DealId(number.to_bytes(32, "big"))
