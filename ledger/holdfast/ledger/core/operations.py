"""What accounts ask of the ledger: every operation as a value.

An operation says what is wanted; who wants it, its nonce and its signature come
around it (`SignedOperation`). Encodings are canonical, so an operation's hash is
its name and a repeated operation is recognised.
"""

from holdfast.protocol.deal import SignedQuote
from holdfast.protocol.frozen import frozen
from holdfast.protocol.settlement import Certificate, Replacement, TotalProof
from holdfast.protocol.units import AccountId, DealId, Grains, VaultId


@frozen
class Transfer:
    """Move grains from the signer to `to`."""

    to: AccountId
    amount: Grains


@frozen
class Faucet:
    """Give the signer the network's faucet amount, once; development networks only."""


@frozen
class Register:
    """Stake the signer's grains on a vault and list it in the registry.

    `possession` proves the BLS key; `consent` is the identity key's signature
    over the rest and the signer's account, so nobody can list another's vault.
    A vault that is listed already adds `stake` to its stake.
    """

    identity_key: bytes
    bls_key: bytes
    possession: bytes
    payout: AccountId
    stake: Grains
    consent: bytes


@frozen
class Unbond:
    """Take the signer's vault out of the registry; its stake stays locked."""

    vault: VaultId


@frozen
class Withdraw:
    """Return the stake of an unbonded vault once its time is over."""

    vault: VaultId


@frozen
class Open:
    """Open a deal of the signer with the n vaults that signed `quotes`, in order."""

    nonce: bytes
    deal_key: bytes
    k: int
    capacity: int
    end_epoch: int
    quotes: tuple[SignedQuote, ...]


@frozen
class Fund:
    """Add the signer's grains to a deal's escrow; its owner gets what is left."""

    deal: DealId
    amount: Grains


@frozen
class Extend:
    """Give a deal a later end or a larger capacity, with its holders' new quotes."""

    deal: DealId
    capacity: int
    end_epoch: int
    quotes: tuple[SignedQuote, ...]


@frozen
class Close:
    """End the signer's deal with the current period."""

    deal: DealId


@frozen
class Settle:
    """Make a certified statement the ledger's settlement; anybody may bring it."""

    certificate: Certificate


@frozen
class Claim:
    """Pay a vault's unclaimed earnings to its payout account; anybody may bring it."""

    proof: TotalProof


@frozen
class Refund:
    """Return what an ended deal did not spend to its owner; anybody may bring it.

    `proof` is the deal's leaf in the newest settlement. A deal that spent nothing
    has no leaf: then it is the two leaves beside its place, or the one leaf at
    the end it would stand at, or nothing when the tree is empty.
    """

    deal: DealId
    proof: tuple[TotalProof, ...]


@frozen
class Replace:
    """Put a vault in a lost holder's place; anybody may bring it.

    `proof` is the replacement's leaf in the newest settlement.
    """

    replacement: Replacement
    proof: TotalProof


Operation = (
    Transfer
    | Faucet
    | Register
    | Unbond
    | Withdraw
    | Open
    | Fund
    | Extend
    | Close
    | Settle
    | Claim
    | Refund
    | Replace
)


@frozen
class SignedOperation:
    """An operation, the account it is from, its place among the account's operations.

    `signature` is r, s and v (27 or 28), 65 bytes, over the EIP-712 digest.
    """

    account: AccountId
    nonce: int
    operation: Operation
    signature: bytes
