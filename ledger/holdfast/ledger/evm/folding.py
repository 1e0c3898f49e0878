"""What the contracts said, folded into the ledger's tables: pure, one log at a time.

The tables are those of the embedded ledger, so everything that reads them works on a
chain too. A transaction's logs make one entry; its sequence is its place in the chain.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from holdfast.contracts.points import compressed_signature
from holdfast.ledger.core.chain import Entry, Tick
from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.periods import committee
from holdfast.ledger.core.state import Draft
from holdfast.ledger.core.values import (
    Applied,
    Beacon,
    Changes,
    Head,
    Listing,
    RegisteredVault,
    Settled,
)
from holdfast.ledger.evm.abi import Said, read_event
from holdfast.ledger.evm.chain import ChainAddresses, Log
from holdfast.protocol.account_certificate import (
    ACCOUNT_SIGNATURE_BYTES,
    AccountCertificate,
)
from holdfast.protocol.deal import PAST_MAX, Deal, Holder, PastHolder
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.settlement import STATEMENT, Certificate, Statement
from holdfast.protocol.units import AccountId, DealId, Digest, VaultId

TRANSACTION_BITS: Final = 20
LAST_IN_BLOCK: Final = (1 << TRANSACTION_BITS) - 1
POINT_BYTES: Final = 256
"""What a BLS signature is to a contract; no number of accounts' ones is as long."""
_NOBODY: Final = bytes(20)


@frozen
class Told:
    """A log and the time of its block, in Unix seconds."""

    log: Log
    seconds: int


def sequence_of(block: int, transaction: int, offset: int = 0) -> int:
    """Return a transaction's place among all entries."""
    assert transaction < LAST_IN_BLOCK
    return offset + (block << TRANSACTION_BITS) + transaction + 1


class Folder:
    """Takes logs into tables; `offset` is added to every sequence.

    An offset above zero says that the chain took something back that was taken in:
    what comes instead must be news to whoever had read on.
    """

    def __init__(
        self, state: MemoryState, addresses: ChainAddresses, offset: int = 0
    ) -> None:
        self.state = state
        self.offset = offset
        self._vaulted = addresses.vaulted
        self._contracts = {
            addresses.network: "Network",
            addresses.token: "Token",
            addresses.registry: "Registry",
            addresses.deals: "Deals",
            addresses.settlement: "Settlement",
        }
        if addresses.faucet is not None:
            self._contracts[addresses.faucet] = "Faucet"

    def take(self, told: Iterable[Told]) -> None:
        """Take in logs, in the order of the chain; raises DecodingError."""
        transaction: list[Told] = []
        for one in told:
            if transaction and _place(transaction[0]) != _place(one):
                self._take_transaction(transaction)
                transaction = []
            transaction.append(one)
        if transaction:
            self._take_transaction(transaction)

    def reach(self, block: int, hash_: bytes, seconds: int) -> None:
        """Say up to which block everything is taken in."""
        params = self.state.params
        sequence = sequence_of(block, LAST_IN_BLOCK - 1, self.offset)
        epoch = max(params.epoch_at(seconds), -1)
        head = Head(sequence, seconds, epoch, Digest(hash_))
        self.state.take(Changes(head, self.state.books))

    def _take_transaction(self, transaction: list[Told]) -> None:
        log, seconds = transaction[0].log, transaction[0].seconds
        head = self.state.head
        sequence = sequence_of(log.block, log.transaction, self.offset)
        content = Tick(0, bytes(32))
        entry = Entry(sequence, seconds, content, head.hash, Digest(log.block_hash))
        draft = Draft(self.state, entry)
        draft.epoch = max(draft.params.epoch_at(seconds), -1)
        epoch = draft.epoch
        for one in transaction:
            self._take_log(draft, one.log)
        draft.epoch = epoch
        self.state.take(draft.changes())

    def _take_log(self, draft: Draft, log: Log) -> None:
        contract = self._contracts[log.address]
        said = read_event(contract, log.topics, log.data)
        if said is None:
            return
        if (contract, said.event) == ("Token", "Transfer"):
            self._move(draft, said)
            return
        rule = _RULES.get((contract, said.event))
        if rule is not None:
            rule(draft, said)

    def _move(self, draft: Draft, said: Said) -> None:
        """Grains that the contracts keep belong to rows; only others have balances."""
        source, to, amount = said["sender"], said["receiver"], said["value"]
        if source == _NOBODY:
            minted = draft.books.minted + amount
            draft.books = replace(draft.books, minted=minted)
        elif source not in self._vaulted:
            draft.debit(source, amount)
        if to not in self._vaulted:
            draft.credit(to, amount)


def _place(told: Told) -> tuple[int, int]:
    return told.log.block, told.log.transaction


def _feed(draft: Draft, said: Said) -> None:
    row = draft.account(said["account"])
    draft.put_account(replace(row, fed=True))


def _begin_epoch(draft: Draft, said: Said) -> None:
    draft.put_beacon(Beacon(said["epoch"], Digest(said["beacon"])))


def _register(draft: Draft, said: Said) -> None:
    draft.books = replace(draft.books, vaults=said["number"] + 1)
    draft.put_vault(
        RegisteredVault(
            vault=VaultId(said["vault"]),
            number=said["number"],
            identity_key=said["identity_key"],
            bls_key=said["bls_key"],
            account=AccountId(said["account"]),
            payout=AccountId(said["payout"]),
            stake=0,
            committed_bytes=0,
            listing=Listing.ACTIVE,
            joined_epoch=said["joined_epoch"],
            left_epoch=None,
            claimed=0,
            changed=draft.entry.sequence,
        )
    )


def _stake(draft: Draft, said: Said) -> None:
    row = _vault(draft, said)
    draft.put_vault(replace(row, stake=row.stake + said["amount"]))


def _unbond(draft: Draft, said: Said) -> None:
    row = _vault(draft, said)
    left = said["left_epoch"]
    draft.put_vault(replace(row, listing=Listing.UNBONDING, left_epoch=left))


def _withdraw(draft: Draft, said: Said) -> None:
    row = _vault(draft, said)
    ejected = row.listing is Listing.EJECTED
    listing = Listing.EJECTED if ejected else Listing.WITHDRAWN
    stake = row.stake - said["amount"]
    draft.put_vault(replace(row, stake=stake, listing=listing))


def _eject(draft: Draft, said: Said) -> None:
    row, slashed = _vault(draft, said), said["slashed"]
    draft.put_vault(
        replace(
            row,
            stake=row.stake - slashed,
            slashed=row.slashed + slashed,
            left_epoch=said["left_epoch"],
            listing=Listing.EJECTED,
        )
    )
    draft.books = replace(draft.books, slashed=draft.books.slashed + slashed)


def _claim(draft: Draft, said: Said) -> None:
    row, amount = _vault(draft, said), said["amount"]
    draft.put_vault(replace(row, claimed=row.claimed + amount))
    draft.books = replace(draft.books, claimed=draft.books.claimed + amount)


def _commit(draft: Draft, said: Said) -> None:
    committed = said["committed_bytes"]
    draft.put_vault(replace(_vault(draft, said), committed_bytes=committed))


def _open(draft: Draft, said: Said) -> None:
    opened = said["opened_epoch"]
    holders = (
        Holder(VaultId(vault), price, opened) for vault, price in said["holders"]
    )
    draft.put_deal(
        Deal(
            id=DealId(said["deal"]),
            owner=AccountId(said["owner"]),
            nonce=said["nonce"],
            deal_key=said["deal_key"],
            k=said["k"],
            holders=tuple(holders),
            capacity=said["capacity"],
            opened_epoch=opened,
            end_epoch=said["end_epoch"],
            escrow=said["escrow"],
        )
    )
    _escrow(draft, said["escrow"])


def _fund(draft: Draft, said: Said) -> None:
    deal, amount = draft.deal(DealId(said["deal"])), said["amount"]
    draft.put_deal(replace(deal, escrow=deal.escrow + amount))
    _escrow(draft, amount)


def _extend(draft: Draft, said: Said) -> None:
    deal, amount = draft.deal(DealId(said["deal"])), said["amount"]
    draft.put_deal(
        replace(
            deal,
            capacity=said["capacity"],
            end_epoch=said["end_epoch"],
            escrow=deal.escrow + amount,
        )
    )
    _escrow(draft, amount)


def _replace_holder(draft: Draft, said: Said) -> None:
    deal, index, epoch = draft.deal(DealId(said["deal"])), said["index"], said["epoch"]
    before = deal.holders[index]
    past = PastHolder(index, before.vault, before.price, before.since_epoch, epoch)
    holders = list(deal.holders)
    holders[index] = Holder(VaultId(said["vault"]), before.price, epoch)
    kept = (*deal.past, past)[-PAST_MAX:]
    draft.put_deal(replace(deal, holders=tuple(holders), past=kept))
    lost = draft.vault(VaultId(said["lost"]))
    released = max(lost.released_epoch, epoch)
    draft.put_vault(replace(lost, released_epoch=released))


def _close(draft: Draft, said: Said) -> None:
    deal = draft.deal(DealId(said["deal"]))
    draft.put_deal(replace(deal, closed_epoch=said["closed_epoch"]))


def _refund(draft: Draft, said: Said) -> None:
    deal = draft.deal(DealId(said["deal"]))
    draft.put_deal(replace(deal, escrow=said["spent"], refunded=True))
    _escrow(draft, -said["amount"])


def _spend(draft: Draft, said: Said) -> None:
    _escrow(draft, -said["amount"])


def _settle(draft: Draft, said: Said) -> None:
    statement = STATEMENT.decode(said["statement"])
    members = committee(draft.state, statement.period + 1) or ()
    size = -(-len(members) // 8)
    if said["signers"] >> 8 * size:
        raise DecodingError("a settlement signed by more than its committee")
    signers = said["signers"].to_bytes(size, "little")
    certificate = _certificate(statement, signers, said["evidence"])
    applied = Applied(draft.entry.sequence, draft.epoch)
    draft.settled = Settled(certificate, applied)
    draft.books = replace(
        draft.books, earned=statement.earned_total, spent=statement.spent_total
    )


def _certificate(statement: Statement, signers: bytes, evidence: bytes) -> Certificate:
    """Return what was certified by one BLS signature or by accounts' signatures."""
    if len(evidence) == POINT_BYTES:
        return Certificate(statement, signers, compressed_signature(evidence))
    size = ACCOUNT_SIGNATURE_BYTES
    starts = range(0, len(evidence), size)
    signatures = tuple(evidence[at : at + size] for at in starts)
    return AccountCertificate(statement, signers, account_signatures=signatures)


def _escrow(draft: Draft, amount: int) -> None:
    escrowed = draft.books.escrowed + amount
    draft.books = replace(draft.books, escrowed=escrowed)


def _vault(draft: Draft, said: Said) -> RegisteredVault:
    return draft.vault(VaultId(said["vault"]))


_RULES: Final[Mapping[tuple[str, str], Callable[[Draft, Any], None]]] = {
    ("Faucet", "Fed"): _feed,
    ("Network", "BeaconRecorded"): _begin_epoch,
    ("Registry", "Registered"): _register,
    ("Registry", "Staked"): _stake,
    ("Registry", "Unbonded"): _unbond,
    ("Registry", "Withdrawn"): _withdraw,
    ("Registry", "VaultEjected"): _eject,
    ("Registry", "Claimed"): _claim,
    ("Registry", "Committed"): _commit,
    ("Deals", "DealOpened"): _open,
    ("Deals", "DealFunded"): _fund,
    ("Deals", "DealExtended"): _extend,
    ("Deals", "DealClosed"): _close,
    ("Deals", "DealRefunded"): _refund,
    ("Deals", "HolderReplaced"): _replace_holder,
    ("Deals", "EscrowSpent"): _spend,
    ("Settlement", "PeriodSettled"): _settle,
}
