"""Follows the ledger once for all vaults: who came equally far knows the same.

A follower's state is a function of the ledger's order alone. So one state is brought
up to date, and vaults share its tables; who is told something besides gets its own.
"""

from typing import Any

from holdfast.ledger.core.followed import LedgerNews, LedgerState
from simulation.sim_chain import SimChain


class Following:
    """The newest state of the ledger, for whoever comes to follow it."""

    def __init__(self, chain: SimChain) -> None:
        self._chain = chain
        self._newest = LedgerState(chain.params)

    def bring(self, state: LedgerState) -> bool:
        """Bring a follower up to date; return whether there was anything new."""
        head = self._chain.book.state.head.sequence
        if head == state.sequence:
            return False
        if head != self._newest.sequence:
            self._newest = self._advanced()
        vars(state).update(vars(self._newest))
        return True

    def tell(self, state: LedgerState, news: LedgerNews) -> None:
        """Tell one follower alone."""
        vars(state).update(_copied(state))
        state.absorb(news)

    def _advanced(self) -> LedgerState:
        """Return the next state; who shares the one before stays with that."""
        state = LedgerState(self._chain.params)
        vars(state).update(_copied(self._newest))
        news = self._chain.news(state.sequence)
        state.absorb(news)
        state.followed(row.vault for row in news.vaults)
        return state


def _copied(state: LedgerState) -> dict[str, Any]:
    """Return a state's attributes, with copies of the tables among them."""
    copied = {
        name: value.copy() if isinstance(value, dict | set) else value
        for name, value in vars(state).items()
    }
    copied["_held"] = {vault: list(deals) for vault, deals in state._held.items()}
    return copied
