"""What a chain says, as values: blocks, logs, receipts, fees."""

from holdfast.ledger.core.address import address_text
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import AccountId


@frozen
class Block:
    """A block's place in the chain; `seconds` is its own time."""

    number: int
    hash: bytes
    parent: bytes
    seconds: int
    base_fee: int


@frozen
class Log:
    """What a contract said in a transaction, and where in the chain that stands."""

    block: int
    block_hash: bytes
    transaction: int
    index: int
    address: AccountId
    topics: tuple[bytes, ...]
    data: bytes


@frozen
class Receipt:
    """That a transaction is in a block; `gas` is what it used, `price` wei for each."""

    hash: bytes
    block: int
    block_hash: bytes
    transaction: int
    succeeded: bool
    gas: int
    price: int
    created: AccountId | None


@frozen
class Fees:
    """What a transaction offers for each unit of gas, in wei (EIP-1559)."""

    highest: int
    tip: int


@frozen
class ChainAddresses:
    """Where one network's contracts are, and the block of the first of them.

    `faucet` is None outside development networks. Where `accounts_certify`, members
    of a committee sign with their accounts, not with BLS: the chain cannot check that.
    """

    network: AccountId
    token: AccountId
    registry: AccountId
    deals: AccountId
    settlement: AccountId
    faucet: AccountId | None
    first_block: int
    accounts_certify: bool = False

    @property
    def all(self) -> tuple[AccountId, ...]:
        """Return every contract whose events count."""
        ours = (self.network, self.token, self.registry, self.deals, self.settlement)
        return ours if self.faucet is None else (*ours, self.faucet)

    @property
    def vaulted(self) -> frozenset[AccountId]:
        """Return the contracts whose grains belong to somebody by other rows."""
        return frozenset({self.registry, self.deals, self.settlement})


def contract_text(address: AccountId) -> str:
    """Return an address as web3 wants it."""
    return address_text(address)
