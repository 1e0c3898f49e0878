"""Whose orders a running vault takes: those signed with its own key, just now."""

from holdfast.protocol.operator import (
    FRESH_SECONDS,
    OPERATOR_REQUEST,
    Order,
    SignedOperatorRequest,
)
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.holdings_driver import Holder
from holdfast.vault.ports import Clock


def check_order(
    signed: SignedOperatorRequest, order: Order, holder: Holder, clock: Clock
) -> None:
    """Raise ProtocolError unless this vault's operator ordered this lately."""
    network, key = holder.params.network_id, holder.identity.public
    value = OPERATOR_REQUEST.verify(signed, network, key)
    if (value.vault, value.order) != (holder.vault, order.value):
        raise RefusedError(Refusal.DENIED, "the order is for another vault or act")
    if abs(clock.now() - value.seconds) > FRESH_SECONDS:
        raise RefusedError(
            Refusal.DENIED, "the order is too old; is the computer's clock right?"
        )
