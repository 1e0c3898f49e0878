"""Puts a network's contracts on a chain; after that the deploying account is like any.

Contracts name one another, so the addresses of those to come are computed from the
account and its nonces. The last contract refuses to be deployed unless all fit.
Each waits for a block only. Then all of them wait until they are final: a
reorganisation may drop them, or move the first one to an earlier block than was seen,
from which on followers must read.
"""

from collections.abc import Sequence
from dataclasses import replace
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
from holdfast.ledger.evm.outbox import label_of
from holdfast.ledger.evm.pending import Pending
from holdfast.ledger.evm.probe import require_precompiles, require_randomness
from holdfast.ledger.evm.sender import (
    FINAL_SECONDS,
    PAUSE_SECONDS,
    LostNonceError,
    Sender,
)
from holdfast.ledger.evm.wishes import Wish
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NETWORK_PARAMS, NetworkParams
from holdfast.protocol.units import SUPPLY_MAX, AccountId, Grains

FAUCET_SHARE: Final = 2
"""A development network's faucet gets one part in this many of the supply."""


@frozen
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
    """Deploy a network and wait until its contracts are final; errors as below."""
    begun = await begin_deployment(
        node,
        key,
        params,
        supply=supply,
        identity=identity,
        accounts_certify=accounts_certify,
        finality=finality,
        pause_seconds=pause_seconds,
    )
    return await begun.make_final()


async def begin_deployment(
    node: Node,
    key: AccountKey,
    params: NetworkParams,
    *,
    supply: Grains = SUPPLY_MAX,
    identity: AccountId | None = None,
    accounts_certify: bool = False,
    finality: Finality | None = None,
    pause_seconds: float = PAUSE_SECONDS,
    final_seconds: int = FINAL_SECONDS,
) -> "Deployment":
    """Deploy a network whose whole supply goes to the key's account.

    `identity` is an Ed25519 verifier that is there already. With `accounts_certify`
    the chain needs no precompiles. Everything is in blocks then, but not final.
    Raises WrongChainError, RandomnessMissingError, PrecompilesMissingError,
    GasMissingError, ChainRefusedError.
    """
    chain_id = await node.chain_id()
    if chain_id != params.chain_id:
        raise WrongChainError(node.name, params.chain_id, chain_id)
    await require_randomness(node)
    if not accounts_certify:
        await require_precompiles(node)
    sender = Sender(
        node,
        key,
        chain_id,
        finality or Finality(),
        pause_seconds=pause_seconds,
        final_seconds=final_seconds,
    )
    made = Deployment(node, key, sender)
    await made.run(params, supply, identity, accounts_certify=accounts_certify)
    return made


class Deployment:
    """One deployment, step by step; `deployed` is how it stands after `run`."""

    deployed: Deployed

    def __init__(self, node: Node, key: AccountKey, sender: Sender) -> None:
        self._node = node
        self._key = key
        self._sender = sender
        self._receipts: list[Receipt] = []
        self._wishes: list[Wish] = []

    async def run(
        self,
        params: NetworkParams,
        supply: Grains,
        identity: AccountId | None,
        *,
        accounts_certify: bool,
    ) -> None:
        """Deploy everything, each contract as soon as the one before is in a block."""
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
        self.deployed = _deployed(
            ChainAddresses(*contracts, 0, accounts_certify), self._receipts
        )

    async def make_final(self) -> Deployed:
        """Wait until everything is final, sending again what the chain took back.

        Raises TransactionPendingError, ChainRefusedError.
        """
        receipts = [await self._final(wish) for wish in self._wishes]
        self.deployed = _deployed(self.deployed.addresses, receipts)
        return self.deployed

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
            pending = await self._sender.send(wish)
        except RevertedError as error:
            raise ChainRefusedError(error.reason) from error
        receipt = await self._finish(pending, final=False)
        # In doubt until it is final, with every attempt that was made.
        self._sender.leave(pending)
        self._receipts.append(receipt)
        self._wishes.append(wish)
        return receipt

    async def _final(self, wish: Wish) -> Receipt:
        pending = self._sender.doubtful(label_of(wish))
        assert pending is not None
        receipt = await self._finish(pending, final=True)
        self._sender.forget(pending)
        return receipt

    async def _finish(self, pending: Pending, *, final: bool) -> Receipt:
        try:
            receipt = await self._sender.finish(pending, final=final)
        except LostNonceError as error:
            reason = "another program writes for this account"
            raise ChainRefusedError(reason) from error
        if not receipt.succeeded:
            raise ChainRefusedError("a contract could not be deployed")
        return receipt


def _deployed(addresses: ChainAddresses, receipts: Sequence[Receipt]) -> Deployed:
    return Deployed(
        replace(addresses, first_block=receipts[0].block),
        sum(receipt.gas for receipt in receipts),
        sum(receipt.gas * receipt.price for receipt in receipts),
    )


def created_address(sender: AccountId, nonce: int) -> AccountId:
    """Return where the contract of an account's transaction number `nonce` will be."""
    return AccountId(keccak(rlp.encode([sender, nonce]))[-20:])
