"""Auditing over the network: asks the ledger and the vaults, believes neither.

No account, no profile. What to think of the answers is decided in
`core/auditing*.py`; vaults that do not answer are asked once in a while only.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Self, TypeVar

from holdfast.client.core.auditing import AuditFinding, VaultAudit, Verdict
from holdfast.client.core.auditing_deal import DealFinding, judge_deal, terms_of
from holdfast.client.core.auditing_settlement import (
    Leaves,
    SettlementFinding,
    judge_settlement,
    makes,
    proved_total,
)
from holdfast.client.followed_ledger import FollowedLedger
from holdfast.client.network_directory import NetworkDirectory, Seed
from holdfast.client.network_errors import (
    NetworkError,
    Refusal,
    VaultMisbehavedError,
    VaultRefusedError,
    VaultUnreachableError,
)
from holdfast.client.transport import ShownAudit, VaultLink
from holdfast.ledger.core.followed import LedgerState
from holdfast.ledger.joining import join
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.port import Ledger
from holdfast.protocol.cases import CaseFile
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.faults import MissCertificate
from holdfast.protocol.frozen import frozen
from holdfast.protocol.record import SignedRecord
from holdfast.protocol.settlement import DEAL_LEAF, Certificate
from holdfast.protocol.units import DealId, Grains, VaultId

_AT_ONCE: Final = 8
_SHOWERS_MAX: Final = 16
_MISS_WITNESSES: Final = 3
_ID_DIGITS: Final = 64
_NOTHING: Final = ShownAudit(None, None)
Id = TypeVar("Id", bound=bytes)


class AuditedNameError(HoldfastError):
    """No vault or deal of the network has that name, or several have."""

    def __init__(self, what: str, prefix: str, found: int) -> None:
        count = f"{found} {what}s have" if found else f"no {what} has"
        super().__init__(f"{count} an id that starts with {prefix!r}")
        self.prefix = prefix


@frozen
class EpochFinding:
    """All vaults' audits of one epoch, in order of registration."""

    epoch: int
    audits: tuple[AuditFinding, ...]

    @property
    def holds(self) -> bool:
        """Whether every vault that had to prove something did."""
        return all(audit.verdict.holds for audit in self.audits)


class ForgottenRecords:
    """Keeps vault records for as long as the command runs: in the directory."""

    def records(self) -> Mapping[VaultId, SignedRecord]:
        """Return none."""
        return {}

    def keep_records(self, records: Iterable[SignedRecord]) -> None:
        """Keep none."""


class Auditor:
    """Anybody who looks; `connect` makes one, `async with` closes it."""

    def __init__(self, ledger: FollowedLedger, directory: NetworkDirectory) -> None:
        self._ledger = ledger
        self._directory = directory
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._silent: set[VaultId] = set()
        self._missed: dict[VaultId, tuple[MissCertificate, ...]] = {}

    @classmethod
    async def connect(cls, network: NetworkFile) -> Self:
        """Return an auditor of a network; raises LedgerUnreachableError."""
        ledger = await join(network)
        seeds = [Seed(seed.endpoint, seed.certificate) for seed in network.seeds]
        try:
            return await cls.over(ledger, seeds)
        except BaseException:
            await ledger.close()
            raise

    @classmethod
    async def over(cls, ledger: Ledger, seeds: Sequence[Seed]) -> Self:
        """Return an auditor on any ledger; it is closed with the auditor."""
        followed = FollowedLedger(ledger)
        auditor = cls(followed, NetworkDirectory(ledger, seeds, ForgottenRecords()))
        await auditor.refresh()
        return auditor

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close."""
        await self._directory.close()
        await self._ledger.close()

    @property
    def state(self) -> LedgerState:
        """What was read of the ledger."""
        return self._ledger.state

    @property
    def finished_epoch(self) -> int:
        """The newest epoch that is over; −1 before there is one."""
        return self.state.epoch - 1

    async def refresh(self, wait_seconds: float = 0.0) -> None:
        """Read what is new on the ledger, and ask for records of unknown vaults.

        Raises NoSeedAnswersError when no vault at all answers, and LedgerError.
        """
        await self._ledger.catch_up(wait_seconds)
        if self._silent:
            # Perhaps they listen elsewhere by now.
            await self._directory.ask_around()
        self._silent.clear()
        self._missed.clear()
        vaults = [v for v in self.state.vaults() if self.state.is_active(v)]
        if vaults:
            await self._directory.refresh_if_unknown(vaults)

    def find_vault(self, prefix: str) -> VaultId:
        """Return the vault whose id starts so, or raise AuditedNameError."""
        return _only("vault", prefix, self.state.vaults())

    async def find_deal(self, prefix: str) -> Deal:
        """Return the deal whose id starts so, or raise AuditedNameError."""
        if len(prefix) == _ID_DIGITS:
            await self._ledger.know_deals([DealId(_bytes_of("deal", prefix))])
        known = [deal.id for deal in self.state.deals()]
        found = self.state.deal(_only("deal", prefix, known))
        assert found is not None
        return found

    async def audit(self, vault: VaultId, epoch: int) -> AuditFinding:
        """Return the finding on one vault in one epoch."""
        await self._ledger.follow([vault])
        audit = VaultAudit(self.state, vault, epoch)
        for witness in audit.witnesses():
            if not audit.is_open:
                break
            async with self._turns:
                shown = await self._ask(witness, vault, epoch)
                if shown is None:
                    continue
                named = shown.answer.value.entries if shown.answer else ()
                await self._ledger.know_deals(proof.entry.deal for proof in named)
                await asyncio.to_thread(
                    audit.take, witness, shown.answer, shown.certificate
                )
        if audit.finding().verdict in {Verdict.MISSED, Verdict.UNKNOWN}:
            audit.take_misses(await self._misses(vault))
        return audit.finding()

    async def _misses(self, vault: VaultId) -> tuple[MissCertificate, ...]:
        """Return what is signed of a vault's missed epochs, as three neighbours say."""
        if vault not in self._missed:
            group = self.state.group(vault, self.state.epoch)
            answering = [v for v in group if v not in self._silent]
            found: list[MissCertificate] = []
            for witness in answering[:_MISS_WITNESSES]:
                try:
                    found += await self._link(witness).misses(vault)
                except NetworkError as error:
                    self._note(witness, error)
            self._missed[vault] = tuple(found)
        return self._missed[vault]

    async def vault(self, vault: VaultId, epochs: int) -> tuple[AuditFinding, ...]:
        """Return the findings on a vault's last finished epochs, newest first."""
        newest = self.finished_epoch
        wanted = range(newest, max(newest - epochs, -1), -1)
        return tuple(
            await asyncio.gather(*(self.audit(vault, epoch) for epoch in wanted))
        )

    async def epoch(self, epoch: int) -> EpochFinding:
        """Return the findings on every vault of the registry in one epoch."""
        audited = [v for v in self.state.vaults() if self.state.is_audited(v, epoch)]
        found = await asyncio.gather(*(self.audit(vault, epoch) for vault in audited))
        return EpochFinding(epoch, tuple(found))

    async def deal(self, deal: Deal, epochs: int) -> DealFinding:
        """Return the finding on a deal: its holders' last epochs, and its spending."""
        vaults = sorted({term.vault for term in terms_of(deal)})
        await self._ledger.follow(vaults)
        found = await asyncio.gather(*(self.vault(vault, epochs) for vault in vaults))
        spent = await self._spent(deal.id)
        current = self.state.deal(deal.id) or deal
        audits = dict(zip(vaults, found, strict=True))
        return judge_deal(self.state, current, audits, spent)

    async def case(self, witness: VaultId, vault: VaultId) -> CaseFile | None:
        """Return the case against a vault that a witness has; it is not judged."""
        if witness in self._silent:
            return None
        try:
            return await self._link(witness).case(vault)
        except NetworkError as error:
            self._note(witness, error)
            return None

    async def know_deals(self, deals: Iterable[DealId]) -> None:
        """Read these deals of the ledger, as far as it has them."""
        await self._ledger.know_deals(deals)

    async def settlement(self) -> SettlementFinding | None:
        """Return the finding on the newest settlement, or None before the first."""
        certificate = self.state.settlement
        if certificate is None:
            return None
        leaves = await self._leaves(certificate)
        return await asyncio.to_thread(
            judge_settlement, self.state, certificate, leaves
        )

    async def _leaves(self, certificate: Certificate) -> Leaves | None:
        for vault in self._showers(certificate):
            try:
                shown = await self._link(vault).totals(certificate.statement.period)
            except NetworkError as error:
                self._note(vault, error)
                continue
            if await asyncio.to_thread(makes, certificate, shown):
                return shown
        return None

    async def _spent(self, deal: DealId) -> Grains | None:
        certificate = self.state.settlement
        if certificate is None:
            return 0
        for vault in self._showers(certificate):
            try:
                proofs = await self._link(vault).prove(DEAL_LEAF, deal)
            except NetworkError as error:
                self._note(vault, error)
                continue
            found = proved_total(certificate, DEAL_LEAF, deal, proofs)
            if found is not None:
                return found
        return None

    def _showers(self, certificate: Certificate) -> list[VaultId]:
        """Return signers of a settlement, who serve its totals."""
        members = self.state.committee(certificate.statement.period + 1)
        signers = [members[r] for r in certificate.ranks() if r < len(members)]
        answering = [vault for vault in signers if vault not in self._silent]
        return answering[:_SHOWERS_MAX]

    async def _ask(
        self, witness: VaultId, vault: VaultId, epoch: int
    ) -> ShownAudit | None:
        """Return what a witness shows; None when it does not answer."""
        if witness in self._silent:
            return None
        try:
            return await self._link(witness).audit(vault, epoch)
        except VaultRefusedError as error:
            return _NOTHING if error.refusal is Refusal.UNKNOWN else None
        except VaultMisbehavedError:
            return None
        except VaultUnreachableError as error:
            self._note(witness, error)
            return None

    def _link(self, vault: VaultId) -> VaultLink:
        return self._directory.link(vault)

    def _note(self, vault: VaultId, error: NetworkError) -> None:
        if isinstance(error, VaultUnreachableError):
            self._silent.add(vault)


def _only(what: str, prefix: str, ids: Iterable[Id]) -> Id:
    wanted = prefix.lower()
    found = [one for one in ids if one.hex().startswith(wanted)]
    if len(found) != 1 or not wanted:
        raise AuditedNameError(what, prefix, len(found))
    return found[0]


def _bytes_of(what: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise AuditedNameError(what, text, 0) from error
