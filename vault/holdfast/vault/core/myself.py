"""Who this vault is, and the ledger as it knows it: what every machine is given."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.keys import NodeKeys, SigningPair
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import NetworkId, VaultId


@dataclass(frozen=True)
class Myself:
    """The vault's keys beside the ledger's state."""

    keys: NodeKeys
    ledger: LedgerState

    @cached_property
    def id(self) -> VaultId:
        """The vault's id."""
        return self.keys.vault_id

    @cached_property
    def pair(self) -> SigningPair:
        """The identity key."""
        return self.keys.identity

    @cached_property
    def params(self) -> NetworkParams:
        """The network's parameters."""
        return self.ledger.params

    @cached_property
    def network(self) -> NetworkId:
        """The network's id."""
        return self.ledger.network_id

    @cached_property
    def epoch_at(self) -> Callable[[float], int]:
        """The epoch at a second: `NetworkParams.epoch_at`, which every step asks."""
        return self.params.epoch_at
