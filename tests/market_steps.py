"""What tests do on a small market again and again: store chunks, and read them."""

import asyncio
import os
from collections.abc import Sequence

from holdfast.client.core.read_twice import read_twice
from holdfast.client.deal_book import DealBook
from holdfast.client.download import Download
from holdfast.client.upload import Upload
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.units import KIB, ChunkId
from small_market import Market

MEMO = b"\5" * 256
EMPTY = bytes(256)


def payloads(count: int, size: int = 200 * KIB) -> list[bytes]:
    return [os.urandom(size + place) for place in range(count)]


async def send(upload: Upload, chunks: list[bytes]) -> list[ChunkId]:
    return await asyncio.to_thread(lambda: [upload.add(chunk) for chunk in chunks])


async def stored(
    market: Market, book: DealBook, chunks: list[bytes], memo: bytes = MEMO
) -> tuple[Deal, list[ChunkId]]:
    async with Upload(book, market.options()) as upload:
        ids = await send(upload, chunks)
        deal = await upload.commit(memo, [EMPTY])
    return deal, ids


async def reader(book: DealBook) -> Download:
    download = Download(book)
    for deal in await book.deals():
        state = await book.state(deal)
        download.learn(deal, await book.manifest(deal, state.head, state.answered))
    return download


async def read_all(
    book: DealBook, ids: list[ChunkId], stored: Sequence[bytes] = ()
) -> list[bytes]:
    """Return chunks as read; what is none of those `stored` is read again."""
    download = await reader(book)

    def known(data: bytes | memoryview) -> bytes:
        if stored and data not in stored:
            raise DecodingError("it does not open")
        return bytes(data)

    try:

        def read() -> list[bytes]:
            download.prefetch(ids)
            return [read_twice(download, chunk, known) for chunk in ids]

        return await asyncio.to_thread(read)
    finally:
        await download.close()
