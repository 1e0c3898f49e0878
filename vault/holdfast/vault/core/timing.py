"""When things happen within an epoch, as seconds."""

from typing import Final

from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import VaultId

_SPREAD_PARTS: Final = 16


def offer_start(params: NetworkParams, epoch: int, vault: VaultId) -> float:
    """Return when a vault signs checkpoint `epoch`: in the last quarter before it.

    Vaults start spread over a sixteenth of an epoch, so that they do not all
    compute at the same instant.
    """
    quarter = params.epoch_start(epoch) - params.epoch_seconds / 4
    share = int.from_bytes(vault[:2], "big") / (1 << 16)
    return quarter + share * params.epoch_seconds / _SPREAD_PARTS


def answer_deadline(params: NetworkParams, epoch: int, beacon_seconds: float) -> float:
    """Return until when the answer of `epoch` is taken: half an epoch long.

    The half counts from when the beacon was learned, within the epoch.
    """
    start = params.epoch_start(epoch)
    due = max(start, beacon_seconds) + params.epoch_seconds / 2
    return min(due, float(start + params.epoch_seconds))


def proposal_start(params: NetworkParams, period: int, rank: int) -> float:
    """Return when the member of `rank` may propose the settlement of `period`."""
    epochs = 2 + rank / 16
    first = params.epoch_start(params.first_epoch(period + 1))
    return first + epochs * params.epoch_seconds


def retry_seconds(params: NetworkParams) -> float:
    """Return how long to wait before a peer is asked again."""
    return min(max(params.epoch_seconds / 20, 0.2), 30.0)


def call_seconds(params: NetworkParams) -> float:
    """Return how long one call to a peer may take that carries little."""
    return min(max(params.epoch_seconds / 4, 1.0), 30.0)


def large_call_seconds(params: NetworkParams) -> float:
    """Return how long a call may take that carries an answer, or many certificates.

    It goes by the epoch alone: a slow uplink has to bring it to a whole committee.
    """
    return max(params.epoch_seconds / 4, 1.0)


def show_seconds(params: NetworkParams) -> float:
    """Return how long one who kept an answer may take to show it: others are asked too.

    It is half of what else a large call has.
    """
    return large_call_seconds(params) / 2


def try_seconds(params: NetworkParams, left: float) -> float:
    """Return how long one try may take of what must arrive in the `left` seconds.

    Half of them, where what is small has less: an answer is 4.6 MB, and goes to 8
    neighbours at once. There is time for another try then.
    """
    return max(min(call_seconds(params), left), left / 2, 0.1)


def probe_seconds(params: NetworkParams) -> float:
    """Return how long a vault may take to say that it is alive."""
    return min(max(params.epoch_seconds / 10, 0.2), 10.0)


def miss_start(params: NetworkParams, deadline: float) -> float:
    """Return from when an answer that was due at `deadline` counts as missing.

    A little later than the deadline: a vote that was just given still counts.
    """
    return deadline + params.epoch_seconds / 20


def court_start(params: NetworkParams, epoch: int) -> float:
    """Return when a court begins to ask for the answer of `epoch`."""
    return params.epoch_start(epoch) + 3 * params.epoch_seconds / 4


def stand_in_start(params: NetworkParams, ends: float, takes: float) -> float:
    """Return when stand-ins are asked too: half of `takes` seconds before `ends`."""
    return min(ends - takes / 2, ends - params.epoch_seconds / 16)


def repeat_end(params: NetworkParams, epoch: int) -> float:
    """Return until when acknowledgements for `epoch` may be repeated: a quarter in."""
    return params.epoch_start(epoch) + params.epoch_seconds / 4


def repeat_seconds(params: NetworkParams) -> float:
    """Return how long a neighbour may take to repeat what it gave."""
    return min(max(params.epoch_seconds / 16, 0.2), 10.0)
