"""What a network's contracts say of themselves, asked one by one of a chain's node.

No table of ours stands between: it is there to check those tables against. It
writes nothing.
"""

from typing import TYPE_CHECKING, Any, Final, Self

from holdfast.ledger.health import ChainHealth
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import AccountId, Grains, VaultId

if TYPE_CHECKING:  # web3 is imported only when there is a chain to ask
    from holdfast.ledger.evm.chain import ChainAddresses, Log

ROOT_AT: Final = 44
"""Where the root stands in an encoded Statement: after its head, network, period."""


@frozen
class TakenCertificate:
    """A certificate that the contract took, in which block, and what that cost.

    `signers` is its bitmap as an integer; `gas` is what the transaction used.
    """

    period: int
    statement: bytes
    signers: int
    evidence: bytes
    block: int
    gas: int


@frozen
class PaidClaim:
    """Grains that went to the account that a vault named, and the gas it took."""

    vault: VaultId
    payout: AccountId
    grains: Grains
    gas: int


@frozen
class Ejected:
    """A vault that a certificate threw out in a block, and what its stake lost."""

    vault: VaultId
    slashed: Grains
    block: int


@frozen
class Flows:
    """What the settlement contract has counted since the beginning, in grains.

    `settled_period` is the newest one that was, None before the first.
    """

    settled_period: int | None
    earned: Grains
    spent: Grains
    slashed: Grains
    claimed: Grains


class ContractBooks:
    """The contracts of one network as of one block; `look` goes to the newest.

    Methods raise LedgerUnreachableError.
    """

    def __init__(self, file: NetworkFile, patience_seconds: float = 10.0) -> None:
        from holdfast.ledger.evm.node import Node  # noqa: PLC0415

        assert file.chain is not None
        self._node: Node = Node.at(file.endpoint, patience_seconds)
        self._where = file.chain.addresses
        self._finality_blocks = file.chain.finality_blocks
        self._block = self._where.first_block

    async def __aenter__(self) -> Self:
        """Return itself, looking at the newest block."""
        try:
            await self.look()
        except BaseException:
            await self._node.close()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Let go of the connection."""
        await self._node.close()

    async def look(self) -> None:
        """Answer everything as of the newest block from now on."""
        latest = await self._node.block("latest")
        assert latest is not None
        self._block = latest.number

    @property
    def block(self) -> int:
        """The block that everything is told as of."""
        return self._block

    @property
    def addresses(self) -> "ChainAddresses":
        """Where the contracts are."""
        return self._where

    async def balance(self, account: AccountId) -> Grains:
        """Return how many grains the token says are an account's."""
        return int(await self._ask("Token", "balanceOf", account))

    async def ether(self, account: AccountId) -> int:
        """Return an account's ether just now, in wei."""
        return await self._node.ether(account)

    async def escrowed(self) -> Grains:
        """Return what the contract of deals says is locked in them."""
        return int(await self._ask("Deals", "escrowed"))

    async def supply(self) -> Grains:
        """Return how many grains there are in all."""
        return int(await self._ask("Token", "totalSupply"))

    async def balances(self) -> dict[AccountId, Grains]:
        """Return the balance of everybody to whom grains ever went."""
        moved = await self._events("Token", "Transfer")
        takers = {AccountId(said["receiver"]) for _, said in moved}
        return {taker: await self.balance(taker) for taker in sorted(takers)}

    async def flows(self) -> Flows:
        """Return what was earned, spent, slashed and claimed so far."""
        answer = await self._answer("Settlement", "totals")
        unsettled, *grains = (int(one) for one in answer)
        return Flows(unsettled - 1 if unsettled else None, *grains)

    async def final(self) -> ChainHealth:
        """Return the newest final block, by the network file's rule."""
        from holdfast.ledger.evm.follower import Finality  # noqa: PLC0415

        found = await Finality(self._finality_blocks).block(self._node)
        return ChainHealth(found.number, found.seconds) if found else ChainHealth(0, 0)

    async def newest_beacon(self) -> tuple[int, int]:
        """Return the newest epoch with a beacon, and its block; -1 before the first."""
        found = await self._events("Network", "BeaconRecorded")
        return (int(found[-1][1]["epoch"]), found[-1][0].block) if found else (-1, 0)

    async def certificates(self) -> tuple[TakenCertificate, ...]:
        """Return every certificate that was taken, oldest first."""
        return tuple(
            [
                TakenCertificate(
                    int(said["period"]),
                    bytes(said["statement"]),
                    int(said["signers"]),
                    bytes(said["evidence"]),
                    log.block,
                    await self._gas(log),
                )
                for log, said in await self._events("Settlement", "PeriodSettled")
            ]
        )

    async def claims(self) -> tuple[PaidClaim, ...]:
        """Return every claim that was paid, oldest first."""
        return tuple(
            [
                PaidClaim(
                    VaultId(said["vault"]),
                    said["payout"],
                    int(said["amount"]),
                    await self._gas(log),
                )
                for log, said in await self._events("Registry", "Claimed")
            ]
        )

    async def ejections(self) -> tuple[Ejected, ...]:
        """Return every vault that certificates threw out, oldest first."""
        return tuple(
            Ejected(VaultId(said["vault"]), int(said["slashed"]), log.block)
            for log, said in await self._events("Registry", "VaultEjected")
        )

    async def refused(
        self, taken: TakenCertificate, *, root_bit: int = 0, signers: int | None = None
    ) -> str | None:
        """Return why a certificate is refused as things stood just before it was taken.

        `root_bit` is a mask turned in the first byte of its root, `signers` says who
        else is to have signed. None: the contract takes it.
        """
        from holdfast.ledger.evm.abi import call_data  # noqa: PLC0415
        from holdfast.ledger.evm.node_errors import RevertedError  # noqa: PLC0415

        statement = bytearray(taken.statement)
        statement[ROOT_AT] ^= root_bit
        claimed = taken.signers if signers is None else signers
        arguments = (bytes(statement), claimed, taken.evidence)
        data = call_data("Settlement", "settle", *arguments)
        try:
            before = taken.block - 1
            await self._node.call(self._where.settlement, data, block=before)
        except RevertedError as error:
            return error.reason
        return None

    async def _ask(self, contract: str, question: str, *arguments: object) -> Any:  # noqa: ANN401 # the ABI says which type
        return (await self._answer(contract, question, *arguments))[0]

    async def _answer(
        self, contract: str, question: str, *arguments: object
    ) -> tuple[Any, ...]:
        from holdfast.ledger.evm.abi import call_data, returned  # noqa: PLC0415

        data = call_data(contract, question, *arguments)
        where = self._address(contract)
        answer = await self._node.call(where, data, block=self._block)
        return returned(contract, question, answer)

    async def _events(self, contract: str, event: str) -> list[tuple["Log", Any]]:
        from holdfast.ledger.evm.abi import read_event  # noqa: PLC0415

        where = (self._address(contract),)
        logs = await self._node.logs(where, self._where.first_block, self._block)
        said = ((log, read_event(contract, log.topics, log.data)) for log in logs)
        return [(log, one) for log, one in said if one and one.event == event]

    async def _gas(self, log: "Log") -> int:
        receipts = await self._node.receipts(log.block)
        return receipts[log.transaction].gas

    def _address(self, contract: str) -> AccountId:
        return AccountId(getattr(self._where, contract.lower()))
