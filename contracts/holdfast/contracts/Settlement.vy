# pragma version 0.4.3
# pragma evm-version cancun
# @license Apache-2.0
"""
@title  Settlements: one certificate a period says what was earned and spent so far
@notice Nothing of it is computed again here. It is checked that a majority of the
        period's committee signed the statement, that totals never shrink, and that no
        more is paid than deals spent and ejected vaults lost. Vaults claim with a
        proof. Nobody owns this contract, and nobody can stop it.
"""

from ethereum.ercs import IERC20

import calendar
import merkle

initializes: calendar

interface Network:
    def network_id() -> bytes32: view
    def period_beacon(period: uint256) -> bytes32: view

interface Certificates:
    def registry() -> address: view
    def network() -> address: view
    def verify(
        members: DynArray[uint256, COMMITTEE_MAX],
        signers: uint256,
        digest: bytes32,
        evidence: Bytes[EVIDENCE_BYTES_MAX],
    ) -> bool: view

interface Registry:
    def network() -> address: view
    def token() -> address: view
    def deals() -> address: view
    def settlement() -> address: view
    def certificates() -> address: view
    def advance(steps: uint256): nonpayable
    def committee(beacon: bytes32) -> DynArray[uint256, COMMITTEE_MAX]: view
    def is_empty() -> bool: view
    def take_claim(vault: bytes32, total: uint256) -> Payment: nonpayable
    def eject(vault: bytes32, slashed: uint256) -> uint256: nonpayable
    def pay_slashed(amount: uint256): nonpayable

interface Deals:
    def network() -> address: view
    def token() -> address: view
    def registry() -> address: view
    def settlement() -> address: view
    def escrowed() -> uint256: view
    def spend(amount: uint256): nonpayable

struct Payment:
    payout: address
    claimed: uint256
    number: uint256

struct Totals:
    period: uint256         # 64 bits; one more than the newest settled period
    count: uint256          # 32
    earned: uint256         # 64
    spent: uint256          # 64

struct Statement:
    period: uint256
    root: bytes32
    count: uint256
    earned: uint256
    spent: uint256
    ejections: uint256

event PeriodSettled:
    period: indexed(uint256)
    earned: uint256
    spent: uint256
    statement: Bytes[STATEMENT_BYTES_MAX]
    signers: uint256
    evidence: Bytes[EVIDENCE_BYTES_MAX]

COMMITTEE_MAX: constant(uint256) = 128
EVIDENCE_BYTES_MAX: constant(uint256) = 8320
EJECTIONS_MAX: constant(uint256) = 64
# A statement up to its list of ejections, and one ejection in it.
HEAD_BYTES: constant(uint256) = 100
EJECTION_BYTES: constant(uint256) = 72
STATEMENT_BYTES_MAX: constant(uint256) = HEAD_BYTES + EJECTIONS_MAX * EJECTION_BYTES
STATEMENT_PREFIX: constant(uint256) = 1212550401  # "HF", kind 13, version 1
STEPS: constant(uint256) = 256
U64: constant(uint256) = 2**64 - 1

network: public(immutable(Network))
token: public(immutable(IERC20))
registry: public(immutable(Registry))
deals: public(immutable(Deals))
certificates: public(immutable(Certificates))
NETWORK_ID: immutable(bytes32)

# The root of the newest settlement; its totals, packed; slashed << 64 | claimed.
_root: bytes32
_totals: uint256
_flows: uint256


@deploy
def __init__(
    network_: address, token_: address, registry_: address, deals_: address
):
    """
    @notice The last of the contracts: it refuses to be deployed unless the others
            name one another and this one.
    """
    calendar.__init__(network_)
    network = Network(network_)
    token = IERC20(token_)
    registry = Registry(registry_)
    deals = Deals(deals_)
    certificates = Certificates(staticcall registry.certificates())
    NETWORK_ID = staticcall network.network_id()
    self._root = sha256(b"")

    assert staticcall registry.settlement() == self, "registry elsewhere"
    assert staticcall registry.deals() == deals_, "registry elsewhere"
    assert staticcall registry.token() == token_, "registry elsewhere"
    assert staticcall registry.network() == network_, "registry elsewhere"
    assert staticcall certificates.registry() == registry_, "certificates elsewhere"
    assert staticcall certificates.network() == network_, "certificates elsewhere"
    assert staticcall deals.settlement() == self, "deals elsewhere"
    assert staticcall deals.registry() == registry_, "deals elsewhere"
    assert staticcall deals.token() == token_, "deals elsewhere"
    assert staticcall deals.network() == network_, "deals elsewhere"


@external
@nonreentrant
def settle(
    statement: Bytes[STATEMENT_BYTES_MAX],
    signers: uint256,
    evidence: Bytes[EVIDENCE_BYTES_MAX],
):
    """
    @notice Make a certified statement the newest settlement; anybody may bring it.
    @param statement The encoded Statement, whose SHA-256 the members signed.
    @param signers Bit r says that the member of rank r signed.
    @param evidence What the certificates contract checks: see there.
    """
    said: Statement = self._read(statement)
    before: Totals = self._load()
    assert said.period >= before.period, "already settled"
    period: uint256 = calendar._period_of(calendar._epoch())
    assert said.period + 1 == period, "not the last period"
    self._require_majority(period, sha256(statement), signers, evidence)

    assert said.earned >= before.earned, "totals shrink"
    assert said.spent >= before.spent, "totals shrink"
    spent: uint256 = said.spent - before.spent
    assert spent <= staticcall deals.escrowed(), "above the escrow"
    slashed: uint256 = self._eject(statement, said.ejections)
    flows: uint256 = self._flows + (slashed << 64)
    assert said.earned <= said.spent + (flows >> 64), "overpaid"

    self._root = said.root
    self._flows = flows
    self._store(
        Totals(
            period=said.period + 1,
            count=said.count,
            earned=said.earned,
            spent=said.spent,
        )
    )
    log PeriodSettled(
        period=said.period,
        earned=said.earned - before.earned,
        spent=spent,
        statement=statement,
        signers=signers,
        evidence=evidence,
    )
    if spent > 0:
        extcall deals.spend(spent)
    if slashed > 0:
        extcall registry.pay_slashed(slashed)


@external
@nonreentrant
def claim(
    vault: bytes32,
    total: uint64,
    index: uint256,
    path: DynArray[bytes32, merkle.PATH_MAX],
):
    """
    @notice Pay a vault's unclaimed earnings to its payout account; anybody may ask.
    @param total All that the newest settlement says the vault has earned.
    @param index The place of its leaf; `path` leads from there to the root.
    """
    totals: Totals = self._load()
    root: bytes32 = merkle._root(
        merkle.VAULT_LEAF, vault, total, index, totals.count, path
    )
    assert root == self._root, "proof refused"
    payment: Payment = extcall registry.take_claim(vault, convert(total, uint256))
    flows: uint256 = self._flows
    assert payment.claimed + (flows & U64) <= totals.earned, "overdrawn"
    self._flows = flows + payment.claimed
    assert extcall token.transfer(payment.payout, payment.claimed), "token refused"


# ---------------------------------------------------------------- questions


@external
@view
@nonreentrant
def certified() -> (bytes32, uint256):
    """
    @notice The root of the newest settlement and its number of leaves.
    """
    return self._root, self._load().count


@external
@view
@nonreentrant
def totals() -> (uint256, uint256, uint256, uint256, uint256):
    """
    @notice The first period that is not settled; earned, spent, slashed and claimed.
    """
    totals: Totals = self._load()
    flows: uint256 = self._flows
    return totals.period, totals.earned, totals.spent, flows >> 64, flows & U64


@external
@view
@nonreentrant
def is_settled(epoch: uint256) -> bool:
    """
    @notice Whether everything up to the epoch's period is settled. When everybody has
            left there is nobody who could settle, and what is locked must not stay so
            for ever: then an empty committee counts as a settlement.
    """
    period: uint256 = calendar._period_of(epoch)
    if period < self._load().period:
        return True
    current: uint256 = calendar._period_of(calendar._epoch())
    if current <= period + 1:
        return False
    if staticcall network.period_beacon(current) == empty(bytes32):
        return False
    return staticcall registry.is_empty()


# ------------------------------------------------------------------ details


@internal
def _require_majority(
    period: uint256,
    digest: bytes32,
    signers: uint256,
    evidence: Bytes[EVIDENCE_BYTES_MAX],
):
    beacon: bytes32 = staticcall network.period_beacon(period)
    assert beacon != empty(bytes32), "no committee"
    extcall registry.advance(STEPS)
    members: DynArray[uint256, COMMITTEE_MAX] = staticcall registry.committee(beacon)
    size: uint256 = len(members)
    assert size > 0, "no committee"
    assert signers >> size == 0, "signers unknown"
    assert self._count(signers) > size // 2, "no majority"
    signed: bool = staticcall certificates.verify(members, signers, digest, evidence)
    assert signed, "signature refused"


@internal
def _eject(statement: Bytes[STATEMENT_BYTES_MAX], count: uint256) -> uint256:
    """
    Throw out the vaults that the statement names; return what was slashed.
    """
    slashed: uint256 = 0
    for i: uint256 in range(count, bound=EJECTIONS_MAX):
        at: uint256 = HEAD_BYTES + i * EJECTION_BYTES
        vault: bytes32 = extract32(statement, at)
        # 8 bytes of grains, then the 32 bytes of the case's digest
        grains: uint256 = convert(extract32(statement, at + 32), uint256) >> 192
        slashed += extcall registry.eject(vault, grains)
    return slashed


@internal
@view
def _read(statement: Bytes[STATEMENT_BYTES_MAX]) -> Statement:
    assert len(statement) >= HEAD_BYTES, "statement malformed"
    first: uint256 = convert(extract32(statement, 0), uint256)
    assert first >> 224 == STATEMENT_PREFIX, "statement malformed"
    assert extract32(statement, 4) == NETWORK_ID, "another network"
    # count, earned, spent and the number of ejections: 4, 8, 8 and 4 bytes
    last: uint256 = convert(extract32(statement, HEAD_BYTES - 32), uint256)
    ejections: uint256 = last & (2**32 - 1)
    size: uint256 = HEAD_BYTES + ejections * EJECTION_BYTES
    assert len(statement) == size, "statement malformed"
    return Statement(
        period=convert(extract32(statement, 36), uint256) >> 192,
        root=extract32(statement, 44),
        count=(last >> 160) & (2**32 - 1),
        earned=(last >> 96) & U64,
        spent=(last >> 32) & U64,
        ejections=ejections,
    )


@internal
@pure
def _count(bits: uint256) -> uint256:
    rest: uint256 = bits
    for count: uint256 in range(COMMITTEE_MAX + 1):
        if rest == 0:
            return count
        rest &= rest - 1
    raise "signers unknown"


@internal
@view
def _load() -> Totals:
    word: uint256 = self._totals
    return Totals(
        period=word >> 160,
        count=(word >> 128) & (2**32 - 1),
        earned=(word >> 64) & U64,
        spent=word & U64,
    )


@internal
def _store(totals: Totals):
    self._totals = (
        totals.period << 160 | totals.count << 128 | totals.earned << 64 | totals.spent
    )
