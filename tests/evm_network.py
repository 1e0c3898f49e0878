"""A whole network on a test chain: contracts, vaults, their committees, settlements."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import pytest
from eth_account.signers.local import LocalAccount
from eth_tester.exceptions import TransactionFailed
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception
from web3.logs import DISCARD

from evm_people import TestVault, account, address_bytes
from holdfast.contracts import load
from holdfast.contracts.points import key_point, signature_point
from holdfast.ledger.core.registry import CONSENT, Consent
from holdfast.ledger.core.typed_data import DOMAIN_NAME, DOMAIN_VERSION
from holdfast.protocol import bls, placement
from holdfast.protocol.network import NETWORK_PARAMS, NetworkParams
from holdfast.protocol.settlement import (
    STATEMENT,
    Ejection,
    Statement,
    Totals,
    signers_bitmap,
)
from holdfast.protocol.units import AccountId, Digest

GAS_MAX = 16_000_000
REFUSALS = (Web3Exception, TransactionFailed)
GRAINS = 10**9
SUPPLY = 10**18


DOMAIN = "string name, string version, uint256 chainId, bytes32 salt"
TYPES = {
    "Quote": "bytes32 deal, bytes32 vault, uint64 price, uint64 capacity, "
    "uint64 endEpoch, uint64 validEpoch",
    "Settlement": "bytes32 statement",
}


class Chain(Protocol):
    """What a test needs of py-evm and of anvil."""

    web3: Web3

    @property
    def now(self) -> int: ...

    def wait_until(self, seconds: int) -> None: ...

    def remember(self) -> Any: ...

    def return_to(self, snapshot: Any) -> None: ...

    def fund(self, account: str) -> None: ...

    def header(self, number: int) -> bytes: ...


class TestNetwork:
    """The contracts of one network, and shorthand for what people do with them."""

    __test__ = False

    def __init__(
        self,
        chain: Chain,
        *,
        certificates: str = "BlsCertificates",
        identity: tuple[list[dict[str, Any]], bytes] | None = None,
        token: tuple[list[dict[str, Any]], bytes] | None = None,
        **params: Any,
    ) -> None:
        self.chain = chain
        self.web3 = chain.web3
        self.gas: dict[str, int] = {}
        self.owner = account(10**6)
        self.chain.fund(self.owner.address)
        self.params = NetworkParams(
            **{
                "name": "test",
                "chain_id": self.web3.eth.chain_id,
                "genesis_seconds": chain.now + 1000,
                "epoch_seconds": 3600,
                "period_epochs": 4,
                "unbonding_epochs": 8,
                "least_stake": GRAINS // 100,
                **params,
            }
        )
        self._deploy(certificates, identity, token)

    def _deploy(self, certificates: str, identity: Any, token: Any) -> None:
        encoded = NETWORK_PARAMS.encode(self.params)
        self.network = self.deploy("Network", encoded)
        if token is None:
            self.token = self.deploy("Token", SUPPLY, self.owner.address)
        else:
            self.token = self.deploy_code("token", *token, SUPPLY, self.owner.address)
        if identity is None:
            self.identity = self.deploy("Ed25519")
        else:
            self.identity = self.deploy_code("identity", *identity)
        certs, registry, deals, settlement_ = self._next_addresses(4)
        where = (self.network.address,)
        self.certificates = self.deploy(certificates, registry, *where)
        self.registry = self.deploy(
            "Registry",
            *where,
            self.token.address,
            self.identity.address,
            certs,
            deals,
            settlement_,
        )
        self.deals = self.deploy(
            "Deals", *where, self.token.address, registry, settlement_
        )
        self.settlement = self.deploy(
            "Settlement", *where, self.token.address, registry, deals
        )
        assert self.settlement.address == settlement_

    def _next_addresses(self, count: int) -> list[str]:
        first = self.web3.eth.get_transaction_count(self.owner.address)
        sender = address_bytes(self.owner.address)
        return [create_address(sender, first + step) for step in range(count)]

    def deploy(self, name: str, *arguments: Any) -> Contract:
        compiled = load(name)
        return self.deploy_code(name, compiled.abi, compiled.bytecode, *arguments)

    def deploy_code(
        self, name: str, abi: list[dict[str, Any]], bytecode: bytes, *arguments: Any
    ) -> Contract:
        factory = self.web3.eth.contract(abi=abi, bytecode=bytecode)
        receipt = self.send(
            factory.constructor(*arguments), self.owner, f"deploy {name}"
        )
        where = receipt["contractAddress"]
        contract: Contract = self.web3.eth.contract(address=where, abi=abi)
        return contract

    def send(self, call: Any, sender: LocalAccount, name: str = "") -> Any:
        """Send a transaction, which must succeed; its gas is kept under `name`."""
        transaction = call.build_transaction(
            {
                "from": sender.address,
                "nonce": self.web3.eth.get_transaction_count(sender.address),
                "gas": GAS_MAX,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 0,
                "chainId": self.web3.eth.chain_id,
            }
        )
        signed = sender.sign_transaction(transaction)
        sent = self.web3.eth.send_raw_transaction(signed.raw_transaction)
        receipt = self.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.002)
        assert receipt["status"] == 1, receipt
        if name:
            self.gas[name] = receipt["gasUsed"]
        return receipt

    def refused(self, call: Any, sender: LocalAccount | str, reason: str) -> None:
        """Assert that a call reverts, and why."""
        origin = sender if isinstance(sender, str) else sender.address
        with pytest.raises(REFUSALS) as caught:
            call.call({"from": origin, "gas": GAS_MAX})
        assert reason in str(caught.value), caught.value

    # time ---------------------------------------------------------------

    @property
    def epoch(self) -> int:
        return self.params.epoch_at(self.chain.now)

    def begin_epoch(self, epoch: int) -> bytes:
        """Go to the epoch's start, record its beacon, and return it."""
        self.chain.wait_until(self.params.epoch_start(epoch))
        return self.record_beacon()

    def record_beacon(self) -> bytes:
        call = self.network.functions.record(*self.first_headers())
        receipt = self.send(call, self.owner, "record a beacon")
        return bytes(said(self.network.events.BeaconRecorded, receipt)["beacon"])

    def first_headers(self) -> tuple[bytes, bytes]:
        """Return the headers of the epoch's first block and of the one before."""
        start = self.params.epoch_start(self.epoch)
        number = int(self.web3.eth.block_number)
        while self.web3.eth.get_block(number - 1)["timestamp"] >= start:
            number -= 1
        return self.chain.header(number), self.chain.header(number - 1)

    # money --------------------------------------------------------------

    def give(self, to: str, amount: int, name: str = "") -> None:
        self.send(self.token.functions.transfer(to, amount), self.owner, name)

    def balance(self, address: str) -> int:
        return int(self.token.functions.balanceOf(address).call())

    def equip(self, who: LocalAccount, amount: int) -> None:
        """Give an account ether and grains, and let the contracts take the grains."""
        self.chain.fund(who.address)
        self.give(who.address, amount)
        for spender in (self.registry, self.deals):
            call = self.token.functions.approve(spender.address, 2**256 - 1)
            self.send(call, who, "approve")

    # vaults -------------------------------------------------------------

    def registration(self, vault: TestVault, stake: int) -> Any:
        possession = bls.prove_possession(vault.keys.bls_secret)
        consent = self.consent(vault, possession, stake)
        return self.registry.functions.register(
            vault.keys.identity.public,
            key_point(vault.keys.bls_public),
            signature_point(possession),
            vault.payout,
            stake,
            consent,
        )

    def consent(self, vault: TestVault, possession: bytes, stake: int) -> bytes:
        value = Consent(
            AccountId(address_bytes(vault.account.address)),
            vault.keys.identity.public,
            vault.keys.bls_public,
            possession,
            AccountId(address_bytes(vault.payout)),
            stake,
        )
        network = self.params.network_id
        return CONSENT.sign(value, network, vault.keys.identity).signature

    def join(self, vault: TestVault, stake: int = 100 * GRAINS) -> None:
        self.equip(vault.account, stake)
        self.send(self.registration(vault, stake), vault.account, "register")

    def row(self, vault: TestVault) -> Any:
        return self.registry.functions.vault(vault.id).call()

    # deals --------------------------------------------------------------

    def quote(
        self,
        deal: bytes,
        vault: TestVault,
        price: int,
        capacity: int,
        end_epoch: int,
        valid_epoch: int,
        signer: LocalAccount | None = None,
    ) -> tuple[bytes, int, int, int, bytes, bytes]:
        """Return a quote signed by the vault's account, as `open` takes it."""
        message = {
            "deal": deal,
            "vault": vault.id,
            "price": price,
            "capacity": capacity,
            "endEpoch": end_epoch,
            "validEpoch": valid_epoch,
        }
        who = signer or vault.account
        signed = who.sign_typed_data(full_message=self.typed("Quote", message))
        return (
            vault.id,
            price,
            valid_epoch,
            signed.v,
            signed.r.to_bytes(32, "big"),
            signed.s.to_bytes(32, "big"),
        )

    def typed(self, name: str, message: dict[str, Any]) -> dict[str, Any]:
        """Return EIP-712 typed data in the network's domain."""
        return {
            "types": {"EIP712Domain": _fields(DOMAIN), name: _fields(TYPES[name])},
            "primaryType": name,
            "domain": {
                "name": DOMAIN_NAME,
                "version": DOMAIN_VERSION,
                "chainId": self.params.chain_id,
                "salt": self.params.network_id,
            },
            "message": message,
        }

    # settlements --------------------------------------------------------

    def committee(self, vaults: Sequence[TestVault], beacon: bytes) -> list[TestVault]:
        """Return the committee that the protocol draws from `vaults`."""
        by_id = {vault.id: vault for vault in vaults}
        size = self.params.committee_size
        drawn = placement.committee(tuple(by_id), Digest(beacon), size)
        return [by_id[vault] for vault in drawn]

    def statement(
        self,
        period: int,
        totals: Totals,
        ejections: Iterable[Ejection] = (),
        earned: int | None = None,
    ) -> Statement:
        earned_total = sum(totals.earned.values()) if earned is None else earned
        tree = totals.tree()
        return Statement(
            self.params.network_id,
            period,
            Digest(tree.root),
            len(tree),
            earned_total,
            sum(totals.spent.values()),
            tuple(ejections),
        )

    def settle_call(
        self,
        statement: Statement,
        committee: Sequence[TestVault],
        ranks: Iterable[int] | None = None,
    ) -> Any:
        """Return the transaction that brings a statement signed by some ranks."""
        chosen = list(range(len(committee)) if ranks is None else ranks)
        signatures = [
            bls.sign(committee[rank].keys.bls_secret, statement.digest())
            for rank in chosen
        ]
        evidence = signature_point(bls.aggregate(signatures))
        signers = signers_mask(chosen, len(committee))
        encoded = STATEMENT.encode(statement)
        return self.settlement.functions.settle(encoded, signers, evidence)

    def settle_by_accounts(
        self,
        statement: Statement,
        committee: Sequence[TestVault],
        ranks: Sequence[int],
    ) -> Any:
        """Return the same, signed with accounts, for EcdsaCertificates."""
        typed = self.typed("Settlement", {"statement": statement.digest()})
        signed = [
            committee[rank].account.sign_typed_data(full_message=typed)
            for rank in ranks
        ]
        evidence = b"".join(one.signature for one in signed)
        signers = signers_mask(ranks, len(committee))
        encoded = STATEMENT.encode(statement)
        return self.settlement.functions.settle(encoded, signers, evidence)


def said(event: Any, receipt: Any) -> Any:
    """Return the arguments of the one event of this kind in a receipt."""
    (found,) = event().process_receipt(receipt, errors=DISCARD)
    return found["args"]


def _fields(text: str) -> list[dict[str, str]]:
    pairs = (part.split() for part in text.split(", "))
    return [{"name": name, "type": kind} for kind, name in pairs]


def signers_mask(ranks: Iterable[int], size: int) -> int:
    """Return the integer that the contract takes for a certificate's bitmap."""
    return int.from_bytes(signers_bitmap(ranks, size), "little")


def create_address(sender: bytes, nonce: int) -> str:
    """Return where an account's next contract will be."""
    digits = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    single = len(digits) == 1 and nonce < 0x80
    number = digits if single else bytes([0x80 + len(digits)]) + digits
    body = b"\x94" + sender + number
    hashed = Web3.keccak(bytes([0xC0 + len(body)]) + body)
    return Web3.to_checksum_address(hashed[-20:])
