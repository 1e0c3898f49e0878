# pragma version 0.4.3
# @license Apache-2.0
"""
@title  What stakes vouch for: so many bytes of deals for so many grains
"""

import vault_events
import vault_rows

uses: vault_rows

interface Network:
    def rebuild_price() -> uint256: view

GIB: constant(uint256) = 2**30

REBUILD_PRICE: immutable(uint256)


@deploy
def __init__(network: address):
    REBUILD_PRICE = staticcall Network(network).rebuild_price()


@internal
def _commit(vault: bytes32, added: uint256) -> address:
    """
    Let an active vault vouch for so many more bytes, and return its account.
    """
    standing: vault_rows.Standing = vault_rows._standing(vault)
    assert standing.listing == vault_rows.Listing.ACTIVE, "vault not active"
    stake: vault_rows.Stake = vault_rows._stake(vault)
    stake.committed_bytes += added
    assert stake.committed_bytes <= self._covered(stake.grains), "stake too low"
    vault_rows._put_stake(vault, stake)
    log vault_events.Committed(vault=vault, committed_bytes=stake.committed_bytes)
    return standing.account


@internal
def _release(vault: bytes32, removed: uint256, epoch: uint256):
    """
    Take bytes off a vault for which their deal was over with `epoch`.
    """
    stake: vault_rows.Stake = vault_rows._stake(vault)
    stake.committed_bytes -= removed
    stake.free_epoch = max(stake.free_epoch, epoch)
    vault_rows._put_stake(vault, stake)
    log vault_events.Committed(vault=vault, committed_bytes=stake.committed_bytes)


@internal
@view
def _covered(stake: uint256) -> uint256:
    """
    How many bytes a stake may vouch for: `pricing.bytes_covered`.
    """
    if REBUILD_PRICE == 0:
        return 2**63
    return stake * GIB // REBUILD_PRICE
