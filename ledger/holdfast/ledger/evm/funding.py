"""Gives accounts the ether that their transactions need.

It comes from an account whose key we have, or from one that a development node keeps
unlocked for whoever asks. Each transfer is in a block when these return.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from holdfast.ledger.chain_errors import EtherMissingError, PayerMissingError
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.errors import LedgerUnreachableError
from holdfast.ledger.evm.node import Node
from holdfast.ledger.evm.transaction import Transaction, sign
from holdfast.protocol.units import AccountId

BLOCK_SECONDS: Final = 180.0
LOOK_SECONDS: Final = 0.3


async def give(
    node: Node, payer: AccountKey, takers: Sequence[AccountId], wei: int
) -> None:
    """Send so much to each; raises EtherMissingError before anything is sent."""
    chain_id, fees = await node.chain_id(), await node.fees()
    gas = await node.gas_for(payer.id, takers[0], b"")
    have = await node.ether(payer.id)
    needed = len(takers) * (wei + gas * fees.highest)
    if have < needed:
        raise EtherMissingError(payer.id, node.name, have, needed)
    first = await node.transaction_count(payer.id, "pending")
    sent = []
    for nonce, taker in enumerate(takers, first):
        made = Transaction(chain_id, nonce, fees, gas, taker, b"", wei)
        signed = sign(made, payer)
        await node.send(signed.raw)
        sent.append(signed.hash)
    await _in_blocks(node, sent)


async def give_unlocked(node: Node, taker: AccountId, wei: int) -> None:
    """Send so much from the richest account that the node keeps unlocked.

    Raises PayerMissingError when it keeps none, EtherMissingError.
    """
    accounts = await node.unlocked()
    if not accounts:
        raise PayerMissingError(node.name)
    have, payer = max([(await node.ether(one), one) for one in accounts])
    if have <= wei:
        raise EtherMissingError(payer, node.name, have, wei)
    await _in_blocks(node, [await node.send_unlocked(payer, taker, wei)])


async def _in_blocks(node: Node, sent: Sequence[bytes]) -> None:
    try:
        async with asyncio.timeout(BLOCK_SECONDS):
            for one in sent:
                while await node.receipt(one) is None:  # noqa: ASYNC110 # it has no event
                    await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError as error:
        raise LedgerUnreachableError(node.name) from error
