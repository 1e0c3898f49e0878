"""The parameters of one network and its calendar: epochs, periods, beacons."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from holdfast.protocol.encoding import U8, U16, U32, U64, Format, text
from holdfast.protocol.units import GRAINS_PER_HOLD, Digest, Grains, NetworkId

NAME_BYTES_MAX = 64


@dataclass(frozen=True)
class NetworkParams:
    """What all parties of a network agree on; its hash is the NetworkId.

    Times are integer seconds or epochs; `rebuild_price` is grains per GiB;
    `least_stake` is what a vault must stake at least, so that seats cost something.
    """

    name: str
    chain_id: int
    genesis_seconds: int
    epoch_seconds: int = 3600
    period_epochs: int = 24
    group_size: int = 8
    committee_size: int = 128
    leaves_per_audit: int = 256
    policy_k: int = 4
    policy_n: int = 8
    missed_reachable: int = 3
    window_reachable: int = 24
    missed_unreachable: int = 24
    window_unreachable: int = 72
    unbonding_epochs: int = 168
    keep_epochs: int = 168
    rebuild_price: Grains = GRAINS_PER_HOLD // 100
    least_stake: Grains = 10 * GRAINS_PER_HOLD
    faucet_grains: Grains = 0

    @cached_property
    def network_id(self) -> NetworkId:
        """SHA-256 of the encoded parameters."""
        return NetworkId(hashlib.sha256(NETWORK_PARAMS.encode(self)).digest())

    @property
    def development(self) -> bool:
        """Whether this network gives tokens away; such a network is worth nothing."""
        return self.faucet_grains > 0

    def epoch_at(self, seconds: float) -> int:
        """Return the epoch that contains a time; negative before genesis."""
        return int((seconds - self.genesis_seconds) // self.epoch_seconds)

    def epoch_start(self, epoch: int) -> int:
        """Return the second at which `epoch` begins."""
        return self.genesis_seconds + epoch * self.epoch_seconds

    def period_of(self, epoch: int) -> int:
        """Return the period that contains `epoch`."""
        return epoch // self.period_epochs

    def first_epoch(self, period: int) -> int:
        """Return the first epoch of `period`; its beacon is the period's."""
        return period * self.period_epochs


NETWORK_PARAMS = Format(
    NetworkParams,
    kind=1,
    version=2,
    name=text(NAME_BYTES_MAX),
    chain_id=U64,
    genesis_seconds=U64,
    epoch_seconds=U32,
    period_epochs=U32,
    group_size=U16,
    committee_size=U16,
    leaves_per_audit=U16,
    policy_k=U8,
    policy_n=U8,
    missed_reachable=U16,
    window_reachable=U16,
    missed_unreachable=U16,
    window_unreachable=U16,
    unbonding_epochs=U32,
    keep_epochs=U32,
    rebuild_price=U64,
    least_stake=U64,
    faucet_grains=U64,
)


def development_params(
    name: str, genesis_seconds: int, epoch_seconds: int = 5
) -> NetworkParams:
    """Return the design's development network: short epochs, a faucet."""
    return NetworkParams(
        name=name,
        chain_id=31337,
        genesis_seconds=genesis_seconds,
        epoch_seconds=epoch_seconds,
        period_epochs=4,
        leaves_per_audit=32,
        missed_reachable=2,
        window_reachable=8,
        missed_unreachable=4,
        window_unreachable=8,
        unbonding_epochs=4,
        keep_epochs=4,
        least_stake=GRAINS_PER_HOLD,
        faucet_grains=10_000 * GRAINS_PER_HOLD,
    )


def beacon(network: NetworkId, epoch: int, randomness: bytes) -> Digest:
    """Return epoch's beacon from 32 bytes that nobody chose (design §4).

    They are the hash of the embedded ledger's tick, or what the chain's epoch began
    with as randomness (EIP-4399; docs/adr/0009 says why not its hash).
    """
    message = network + epoch.to_bytes(8, "big") + randomness
    return Digest(hashlib.sha256(b"holdfast beacon v1" + message).digest())
