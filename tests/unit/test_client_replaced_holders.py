"""What an owner makes of a deal one of whose holders was replaced."""

import asyncio
from dataclasses import replace
from pathlib import Path

from holdfast.client.core.deal_state import HolderWord, deal_state
from holdfast.client.deal_book import Terms
from holdfast.protocol.deal import Holder, PastHolder
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.manifest import HEAD, Manifest, next_head
from holdfast.protocol.receipt import RECEIPT, FullReceipt, Receipt
from small_market import market
from upload_world import DEAL, IDENTITIES, KEYS, NETWORK, PAIR, K, N

NEW = NodeKeys(b"\x77" * 32)
PLACE = 1
OLD = DEAL.holders[PLACE]
DEAL_NOW = replace(
    DEAL,
    holders=(
        *DEAL.holders[:PLACE],
        Holder(NEW.vault_id, OLD.price, 9),
        *DEAL.holders[PLACE + 1 :],
    ),
    past=(PastHolder(PLACE, OLD.vault, OLD.price, 0, 9),),
)
KNOWN = IDENTITIES | {NEW.vault_id: NEW.identity.public}


def full_receipt(keys: list[NodeKeys]) -> FullReceipt:
    head = HEAD.sign(
        next_head(DEAL.id, None, Manifest(K, N), bytes(256)), NETWORK, PAIR
    )
    digest = head.value.digest()
    receipts = tuple(
        RECEIPT.sign(
            Receipt(DEAL.id, 1, digest, index, one.vault_id, 5), NETWORK, one.identity
        )
        for index, one in enumerate(keys)
    )
    identities = tuple(one.identity.public for one in keys)
    return FullReceipt(head, DEAL.deal_key, receipts, identities)


BEFORE = full_receipt(KEYS)
RENEWED = full_receipt([*KEYS[:PLACE], NEW, *KEYS[PLACE + 1 :]])


def test_a_full_receipt_with_the_replaced_holders_word_still_counts() -> None:
    state = deal_state(DEAL_NOW, [HolderWord(0, BEFORE, None)], NETWORK, KNOWN)
    assert (state.full, state.doubted) == (BEFORE, frozenset())


def test_a_full_receipt_renewed_by_the_new_holder_counts_too() -> None:
    state = deal_state(DEAL_NOW, [HolderWord(0, RENEWED, None)], NETWORK, KNOWN)
    assert (state.full, state.informed) == (RENEWED, frozenset({0}))


def test_a_receipt_by_a_holder_that_is_not_known_yet_is_doubted() -> None:
    words = [HolderWord(0, RENEWED, None), HolderWord(2, RENEWED, None)]
    state = deal_state(DEAL, words, NETWORK, KNOWN)
    assert (state.full, state.doubted) == (None, frozenset({0, 2}))


def test_a_stranger_is_no_holder_whatever_it_signs() -> None:
    stranger = NodeKeys(b"\x78" * 32)
    forged = full_receipt([*KEYS[:PLACE], stranger, *KEYS[PLACE + 1 :]])
    known = KNOWN | {stranger.vault_id: stranger.identity.public}
    state = deal_state(DEAL_NOW, [HolderWord(0, forged, None)], NETWORK, known)
    assert (state.full, state.doubted) == (None, frozenset({0}))


def test_a_deal_that_was_read_before_the_replacement_is_read_again(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with market(tmp_path) as one, one.client() as book:
            deal = await book.open(Terms(2, 4, 1 << 20, 720))
            held = {holder.vault for holder in deal.holders}
            other = next(v for v in one.vaults if v.keys.vault_id not in held)
            before = Holder(other.keys.vault_id, 1, 0)
            stale = replace(deal, holders=(before, *deal.holders[1:]))
            state = await book.state(stale)
            assert state.deal == deal
            assert state.answered == frozenset(range(deal.n))

    asyncio.run(story())
