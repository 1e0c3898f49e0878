"""Why an operation does not come onto a chain, where the rules would allow it."""

from holdfast.ledger.core.address import address_text
from holdfast.ledger.core.errors import Blame, LedgerError
from holdfast.protocol.frozen import carrying
from holdfast.protocol.units import AccountId, VaultId


@carrying
class ChainRefusedError(LedgerError):
    """A contract refused what the ledger's rules allow."""

    reason: str
    code = "chain_refused"

    def __str__(self) -> str:
        return (
            f"the chain refused the transaction: {self.reason or 'it gave no reason'}; "
            "the network may have changed meanwhile, so try again"
        )


@carrying
class GasMissingError(LedgerError):
    """An account has too little ether to pay for a transaction."""

    account: AccountId
    code = "gas_missing"

    def __str__(self) -> str:
        return (
            f"account 0x{self.account.hex()} has too little ether for this "
            "transaction's gas; send it some"
        )


@carrying
class EtherMissingError(LedgerError):
    """An account that is to pay for others has too little ether; figures are wei."""

    account: AccountId
    endpoint: str
    found: int
    needed: int
    code = "ether_missing"

    def __str__(self) -> str:
        found, needed = (wei / 10**18 for wei in (self.found, self.needed))
        return (
            f"account {address_text(self.account)} has {found:.6f} ether on the chain "
            f"behind {self.endpoint}, and {needed:.6f} are needed; nothing was sent: "
            "send it some, or name another account's keystore"
        )


@carrying
class PayerMissingError(LedgerError):
    """Nobody is named who pays for gas, and the node has no account of its own."""

    endpoint: str
    code = "payer_missing"

    def __str__(self) -> str:
        return (
            f"the node at {self.endpoint} keeps no unlocked account that could pay "
            "for gas; name one that has ether with --keystore FILE"
        )


@carrying
class TransactionPendingError(LedgerError):
    """A transaction was sent and is not final yet."""

    transaction: bytes
    seconds: int
    code = "transaction_pending"
    blame = Blame.WORLD

    def __str__(self) -> str:
        return (
            f"transaction 0x{self.transaction.hex()} is not final after "
            f"{self.seconds} s; the same command again goes on waiting for it"
        )


@carrying
class DeploymentPendingError(LedgerError):
    """A network's contracts are in blocks, and nobody knows whether they stay there.

    `path` is a network file with where they were seen.
    """

    path: str
    reason: str
    code = "deployment_pending"
    blame = Blame.WORLD

    def __str__(self) -> str:
        return (
            f"every contract is in a block, but they were not seen to become final "
            f"({self.reason}); {self.path} says where they are: once their "
            "transactions are final it is the network file, and nothing needs to be "
            "deployed again"
        )


@carrying
class RefundsOpenError(LedgerError):
    """A stake is returned on a chain only after the refunds of the vault's deals."""

    vault: VaultId
    deals: int
    code = "refunds_open"

    def __str__(self) -> str:
        return (
            f"{self.deals} ended deals of vault {self.vault.hex()} are not refunded "
            "yet; anybody can bring the refunds, and then withdraw again"
        )


@carrying
class PrecompilesMissingError(LedgerError):
    """The chain cannot check certificates."""

    endpoint: str
    missing: str
    code = "precompiles_missing"
    blame = Blame.WORLD

    def __str__(self) -> str:
        return (
            f"the chain behind {self.endpoint} lacks {self.missing} (EIP-2537), so it "
            "cannot check certificates by BLS keys; use a chain of Prague or later, "
            "or deploy with --certificates accounts, which needs no precompiles"
        )


@carrying
class RandomnessMissingError(LedgerError):
    """The chain's blocks have no randomness to make beacons of."""

    endpoint: str
    code = "randomness_missing"
    blame = Blame.WORLD

    def __str__(self) -> str:
        return (
            f"the blocks of the chain behind {self.endpoint} have no randomness "
            "(EIP-4399), so everybody would know its committees in advance; nothing "
            "was deployed, use another chain"
        )


@carrying
class WrongChainError(LedgerError):
    """A node belongs to another chain than the network's."""

    endpoint: str
    expected: int
    found: int
    code = "wrong_chain"
    blame = Blame.WORLD

    def __str__(self) -> str:
        return (
            f"the node at {self.endpoint} belongs to chain {self.found}, and the "
            f"network to chain {self.expected}; name a node of that chain"
        )


@carrying
class ChainExtraMissingError(LedgerError):
    """The part of Holdfast that talks to chains is not installed."""

    package: str
    code = "chain_extra_missing"
    blame = Blame.WORLD

    def __str__(self) -> str:
        return (
            f"this network's ledger is on a chain, and {self.package} is not "
            "installed; install it with: pip install 'holdfast[evm]'"
        )


@carrying
class AnvilMissingError(LedgerError):
    """There is no anvil to run a chain with."""

    variable: str
    code = "anvil_missing"
    blame = Blame.WORLD

    def __str__(self) -> str:
        return (
            "a chain of one's own needs anvil; install it with: npm install "
            f"@foundry-rs/anvil, and name the program in {self.variable}"
        )
