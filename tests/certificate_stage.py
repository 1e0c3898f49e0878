"""A backup certificate of fixed keys, with all that others sign in one."""

from dataclasses import replace

from holdfast.client.core.backup_certificate import (
    BackupCertificate,
    CertifiedDeal,
    HolderProof,
    SignedCertificate,
    chunks_digest,
    sign_certificate,
)
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.ledger.core.account_key import AccountKey
from holdfast.protocol.checkpoint import (
    CHECKPOINT,
    VOTE,
    Checkpoint,
    Signature,
    StorageCertificate,
    Vote,
)
from holdfast.protocol.deal import deal_id
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.manifest import HEAD, NO_HEAD, Head
from holdfast.protocol.receipt import RECEIPT, FullReceipt, Receipt
from holdfast.protocol.units import AccountId, ChunkId, Digest, NetworkId

OWNER = OwnerKeys(b"\7" * 32)
NETWORK = NetworkId(b"\x4e" * 32)
NONCE = b"\x4f" * 32
VAULTS = [NodeKeys(bytes([number]) * 32) for number in range(1, 5)]
VOTERS = [NodeKeys(bytes([number]) * 32) for number in range(21, 24)]
CHUNKS = [ChunkId(bytes([number]) * 32) for number in (9, 8)]


def account() -> AccountId:
    return AccountKey.from_secret(OWNER.account_secret).id


def receipt() -> FullReceipt:
    pair = OWNER.deal_pair(NONCE)
    deal = deal_id(account(), NONCE)
    head = Head(deal, 1, NO_HEAD, Digest(b"\5" * 32), 2, 64, bytes(256))
    receipts = tuple(
        RECEIPT.sign(
            Receipt(deal, 1, head.digest(), index, keys.vault_id, 6),
            NETWORK,
            keys.identity,
        )
        for index, keys in enumerate(VAULTS)
    )
    return FullReceipt(
        HEAD.sign(head, NETWORK, pair),
        pair.public,
        receipts,
        tuple(keys.identity.public for keys in VAULTS),
    )


def proof(vault: NodeKeys = VAULTS[0]) -> HolderProof:
    value = Checkpoint(vault.vault_id, 8, Digest(b"\6" * 32), 1, 64)
    answer = Digest(b"\7" * 32)
    vote = Vote(vault.vault_id, 8, value.digest(), answer)
    message = VOTE.message(vote, NETWORK)
    votes = tuple(Signature(v.vault_id, v.identity.sign(message)) for v in VOTERS)
    signed = CHECKPOINT.sign(value, NETWORK, vault.identity)
    keys = tuple(voter.identity.public for voter in VOTERS)
    return HolderProof(StorageCertificate(8, signed, answer, votes), keys)


def certificate(**changes: object) -> BackupCertificate:
    deal = CertifiedDeal(
        NONCE, 2, 700, 2, 128, chunks_digest(CHUNKS), receipt(), (proof(),)
    )
    made = BackupCertificate(
        NETWORK,
        "harbour",
        account(),
        1_800_000_000,
        9,
        Digest(b"\x5a" * 32),
        1_799_999_999_000_000_001,
        12,
        345_678,
        (deal,),
    )
    return replace(made, **changes)  # type: ignore[arg-type] # fields by name


def signed(made: BackupCertificate | None = None) -> SignedCertificate:
    said = made or certificate()
    return sign_certificate(said, [OWNER.deal_pair(deal.nonce) for deal in said.deals])
