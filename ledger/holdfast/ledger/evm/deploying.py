"""Puts a network's contracts on a chain; after that the deploying account is like any.

Contracts name one another, so the addresses of those to come are computed from the
account and its nonces. The last contract refuses to be deployed unless all fit.
"""

from dataclasses import dataclass
from typing import Final

import rlp

from holdfast.ledger.chain_errors import ChainRefusedError, WrongChainError
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.address import keccak
from holdfast.ledger.evm.abi import call_data, deployment
from holdfast.ledger.evm.chain import ChainAddresses, Receipt
from holdfast.ledger.evm.follower import Finality
from holdfast.ledger.evm.node import Node
from holdfast.ledger.evm.node_errors import RevertedError
from holdfast.ledger.evm.probe import require_precompiles, require_randomness
from holdfast.ledger.evm.sender import PAUSE_SECONDS, LostNonceError, Sender
from holdfast.ledger.evm.wishes import Wish
from holdfast.protocol.network import NETWORK_PARAMS, NetworkParams
from holdfast.protocol.units import SUPPLY_MAX, AccountId, Grains

FAUCET_SHARE: Final = 2
"""A development network's faucet gets one part in this many of the supply."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """Where the contracts are, and what it cost, in gas and wei."""

    addresses: ChainAddresses
    gas: int
    wei: int


async def deploy(
    node: Node,
    key: AccountKey,
    params: NetworkParams,
    *,
    supply: Grains = SUPPLY_MAX,
    identity: AccountId | None = None,
    accounts_certify: bool = False,
    finality: Finality | None = None,
    pause_seconds: float = PAUSE_SECONDS,
) -> Deployed:
    """Deploy a network whose whole supply goes to the key's account.

    `identity` is an Ed25519 verifier that is there already. With `accounts_certify`
    the chain needs no precompiles. Raises WrongChainError, RandomnessMissingError,
    PrecompilesMissingError, GasMissingError, ChainRefusedError.
    """
    chain_id = await node.chain_id()
    if chain_id != params.chain_id:
        raise WrongChainError(node.name, params.chain_id, chain_id)
    await require_randomness(node)
    if not accounts_certify:
        await require_precompiles(node)
    sender = Sender(
        node, key, chain_id, finality or Finality(), pause_seconds=pause_seconds
    )
    made = _Deployment(node, key, sender)
    return await made.run(params, supply, identity, accounts_certify=accounts_certify)


class _Deployment:
    """One deployment, step by step; `_receipts` are those of the contracts so far."""

    def __init__(self, node: Node, key: AccountKey, sender: Sender) -> None:
        self._node = node
        self._key = key
        self._sender = sender
        self._receipts: list[Receipt] = []

    async def run(
        self,
        params: NetworkParams,
        supply: Grains,
        identity: AccountId | None,
        *,
        accounts_certify: bool,
    ) -> Deployed:
        """Deploy everything."""
        network = await self._create("Network", NETWORK_PARAMS.encode(params))
        token = await self._create("Token", supply, self._key.id)
        if identity is None:
            identity = await self._create("Ed25519")
        used = await self._node.transaction_count(self._key.id, "latest")
        certificates, registry, deals, settlement = (
            created_address(self._key.id, used + step) for step in range(4)
        )
        kind = "EcdsaCertificates" if accounts_certify else "BlsCertificates"
        await self._create(kind, registry, network)
        others = (network, token, identity, certificates, deals, settlement)
        await self._create("Registry", *others)
        await self._create("Deals", network, token, registry, settlement)
        made = await self._create("Settlement", network, token, registry, deals)
        if made != settlement:
            raise ChainRefusedError("another transaction of the account came between")
        faucet = await self._faucet(params, token, supply)
        contracts = (network, token, registry, deals, settlement, faucet)
        first = self._receipts[0].block
        return Deployed(
            ChainAddresses(*contracts, first, accounts_certify),
            sum(receipt.gas for receipt in self._receipts),
            self._sender.spent,
        )

    async def _faucet(
        self, params: NetworkParams, token: AccountId, supply: Grains
    ) -> AccountId | None:
        if not params.development:
            return None
        faucet = await self._create("Faucet", token, params.faucet_grains)
        share = supply // FAUCET_SHARE
        await self._send(Wish(token, call_data("Token", "transfer", faucet, share)))
        return faucet

    async def _create(self, contract: str, *arguments: object) -> AccountId:
        receipt = await self._send(Wish(None, deployment(contract, *arguments)))
        assert receipt.created is not None
        return receipt.created

    async def _send(self, wish: Wish) -> Receipt:
        try:
            receipt = await self._sender.carry_out(wish, final=False)
        except RevertedError as error:
            raise ChainRefusedError(error.reason) from error
        except LostNonceError as error:
            reason = "another program writes for this account"
            raise ChainRefusedError(reason) from error
        if not receipt.succeeded:
            raise ChainRefusedError("a contract could not be deployed")
        self._receipts.append(receipt)
        return receipt


def created_address(sender: AccountId, nonce: int) -> AccountId:
    """Return where the contract of an account's transaction number `nonce` will be."""
    return AccountId(keccak(rlp.encode([sender, nonce]))[-20:])
