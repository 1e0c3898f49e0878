"""What each operation calls on the chain: the only place that knows both."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from holdfast.contracts.points import key_point, signature_point
from holdfast.ledger.core.countersigning import CountersignedQuote
from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.operations import (
    Claim,
    Close,
    Extend,
    Faucet,
    Fund,
    Open,
    Operation,
    Refund,
    Register,
    Replace,
    Settle,
    Transfer,
    Unbond,
    Withdraw,
)
from holdfast.ledger.evm.abi import call_data
from holdfast.ledger.evm.chain import ChainAddresses
from holdfast.protocol.account_certificate import AccountCertificate
from holdfast.protocol.deal import SignedQuote
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import vault_id
from holdfast.protocol.settlement import STATEMENT, TotalProof
from holdfast.protocol.units import AccountId

ALLOWANCE: Final = (1 << 256) - 1


@frozen
class Wish:
    """A call of a contract, or, without `to`, the deployment of one.

    `taker` is the contract that takes grains of the caller in it.
    """

    to: AccountId | None
    data: bytes
    taker: AccountId | None = None


class Wishes:
    """The calls for one network's contracts."""

    def __init__(self, addresses: ChainAddresses) -> None:
        self._addresses = addresses

    def wish(self, state: MemoryState, operation: Operation) -> Wish:
        """Return the call that does what the operation asks for."""
        return _CALLS[type(operation)](self._addresses, state, operation)

    def allowance(self, owner: AccountId, taker: AccountId) -> Wish:
        """Return the question how much a contract may take from an account."""
        data = call_data("Token", "allowance", owner, taker)
        return Wish(self._addresses.token, data)

    def approval(self, taker: AccountId) -> Wish:
        """Return the call that lets one of our contracts take what calls say."""
        data = call_data("Token", "approve", taker, ALLOWANCE)
        return Wish(self._addresses.token, data)

    def beacon(self, header: bytes, parent: bytes) -> Wish:
        """Return the call that records a beacon."""
        data = call_data("Network", "record", header, parent)
        return Wish(self._addresses.network, data)

    def advance(self, steps: int) -> Wish:
        """Return the call that brings the registry's snapshot on."""
        return Wish(self._addresses.registry, call_data("Registry", "advance", steps))


def _transfer(where: ChainAddresses, _state: MemoryState, wish: Transfer) -> Wish:
    data = call_data("Token", "transfer", wish.to, wish.amount)
    return Wish(where.token, data)


def _faucet(where: ChainAddresses, _state: MemoryState, _wish: Faucet) -> Wish:
    assert where.faucet is not None
    return Wish(where.faucet, call_data("Faucet", "drip"))


def _register(where: ChainAddresses, state: MemoryState, wish: Register) -> Wish:
    registry = where.registry
    vault = vault_id(wish.identity_key)
    if state.vault(vault) is not None:
        data = call_data("Registry", "add_stake", vault, wish.stake)
        return Wish(registry, data, registry)
    data = call_data(
        "Registry",
        "register",
        wish.identity_key,
        key_point(wish.bls_key),
        signature_point(wish.possession),
        wish.payout,
        wish.stake,
        wish.consent,
    )
    return Wish(registry, data, registry)


def _unbond(where: ChainAddresses, _state: MemoryState, wish: Unbond) -> Wish:
    data = call_data("Registry", "unbond", wish.vault)
    return Wish(where.registry, data)


def _withdraw(where: ChainAddresses, _state: MemoryState, wish: Withdraw) -> Wish:
    data = call_data("Registry", "withdraw", wish.vault)
    return Wish(where.registry, data)


def _open(where: ChainAddresses, _state: MemoryState, wish: Open) -> Wish:
    terms = (wish.nonce, wish.deal_key, wish.k, wish.capacity, wish.end_epoch)
    quotes = [_quote(signed) for signed in wish.quotes]
    data = call_data("Deals", "open", *terms, quotes)
    return Wish(where.deals, data, where.deals)


def _fund(where: ChainAddresses, _state: MemoryState, wish: Fund) -> Wish:
    data = call_data("Deals", "fund", wish.deal, wish.amount)
    return Wish(where.deals, data, where.deals)


def _extend(where: ChainAddresses, _state: MemoryState, wish: Extend) -> Wish:
    quotes = [_quote(signed) for signed in wish.quotes]
    terms = (wish.deal, wish.capacity, wish.end_epoch)
    data = call_data("Deals", "extend", *terms, quotes)
    return Wish(where.deals, data, where.deals)


def _close(where: ChainAddresses, _state: MemoryState, wish: Close) -> Wish:
    return Wish(where.deals, call_data("Deals", "close", wish.deal))


def _settle(where: ChainAddresses, _state: MemoryState, wish: Settle) -> Wish:
    certificate = wish.certificate
    # Foresight has refused the other kind of certificate.
    if isinstance(certificate, AccountCertificate):
        evidence = b"".join(certificate.account_signatures)
    else:
        evidence = signature_point(certificate.signature)
    data = call_data(
        "Settlement",
        "settle",
        STATEMENT.encode(certificate.statement),
        int.from_bytes(certificate.signers, "little"),
        evidence,
    )
    return Wish(where.settlement, data)


def _claim(where: ChainAddresses, _state: MemoryState, wish: Claim) -> Wish:
    proof = wish.proof
    leaf = (proof.total.id, proof.total.grains, proof.index, list(proof.path))
    return Wish(where.settlement, call_data("Settlement", "claim", *leaf))


def _refund(where: ChainAddresses, state: MemoryState, wish: Refund) -> Wish:
    # The contract keeps only a digest of the holders: the caller brings the list.
    row = state.deal(wish.deal)
    assert row is not None
    holders = [(holder.vault, holder.price) for holder in row.deal.holders]
    proofs = [_proof(proof) for proof in wish.proof]
    data = call_data("Deals", "refund", wish.deal, holders, proofs)
    return Wish(where.deals, data)


def _replace(where: ChainAddresses, state: MemoryState, wish: Replace) -> Wish:
    change, proof = wish.replacement, wish.proof
    row = state.deal(change.deal)
    assert row is not None
    data = call_data(
        "Deals",
        "replace",
        change.deal,
        [(holder.vault, holder.price) for holder in row.deal.holders],
        change.index,
        change.lost,
        change.vault,
        proof.index,
        list(proof.path),
    )
    return Wish(where.deals, data)


def _quote(signed: SignedQuote) -> tuple[bytes, int, int, int, bytes, bytes]:
    assert isinstance(signed, CountersignedQuote)
    quote, signature = signed.value, signed.account_signature
    return (
        quote.vault,
        quote.price,
        quote.valid_epoch,
        signature[64],
        signature[:32],
        signature[32:64],
    )


def _proof(proof: TotalProof) -> tuple[int, bytes, int, int, list[bytes]]:
    total = proof.total
    return (total.party, total.id, total.grains, proof.index, list(proof.path))


_CALLS: Final[
    Mapping[type[Any], Callable[[ChainAddresses, MemoryState, Any], Wish]]
] = {
    Transfer: _transfer,
    Faucet: _faucet,
    Register: _register,
    Unbond: _unbond,
    Withdraw: _withdraw,
    Open: _open,
    Fund: _fund,
    Extend: _extend,
    Close: _close,
    Settle: _settle,
    Claim: _claim,
    Refund: _refund,
    Replace: _replace,
}
