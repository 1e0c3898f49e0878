"""An object open for reading, for coroutines."""

import asyncio
import io
import os
from typing import Self


class AsyncFile:
    """An object open for reading; its methods are those of a binary file."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close."""
        await self.close()

    async def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes from the position, or all that is left."""
        return await asyncio.to_thread(self._file.read, size)

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position and return it."""
        return await asyncio.to_thread(self._file.seek, offset, whence)

    async def tell(self) -> int:
        """Return the position."""
        return await asyncio.to_thread(self._file.tell)

    async def close(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._file.close)
