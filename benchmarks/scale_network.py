"""The network that `scale.py` reckons with: full vaults of 10 TB, its defaults."""

import math
from typing import Final

from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import DEAL_BYTES_MAX, MIB

TB: Final = 10**12
VAULT_BYTES: Final = 10 * TB
HOURS_A_MONTH: Final = 730.5
HOURS_A_YEAR: Final = 12 * HOURS_A_MONTH
SIZES: Final = (1_000, 10_000, 100_000)
PARAMS: Final = NetworkParams("scale", 1, 0)
K, N = PARAMS.policy_k, PARAMS.policy_n
DEALS_A_VAULT: Final = math.ceil(VAULT_BYTES / DEAL_BYTES_MAX)
TOLD: Final = 4
CHUNKS_A_DEAL: Final = DEAL_BYTES_MAX // (8 * MIB // K)
