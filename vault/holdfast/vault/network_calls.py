"""Calls to other vaults' Network service: a request out, a reply or a refusal back."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import grpc

from holdfast.protocol.errors import ProtocolError
from holdfast.vault.core import messages as m
from holdfast.vault.core.events import Peer
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.network_codec import METHODS, read_totals
from holdfast.vault.peers import PeerChannels
from holdfast.vault.statuses import STATUS
from holdfast.wire import rpc
from holdfast.wire.v1 import network_pb2 as pb

SERVICE: Final = "holdfast.v1.Network"
PAGES_MAX: Final = 4096
_KINDS: Final = {status: kind for kind, status in STATUS.items()}
_LARGE: Final = (m.SubmitAnswer, m.Certify)


class UnreachableError(ProtocolError):
    """A peer could not be reached, or did not answer in time."""


class NetworkCalls:
    """Encodes requests, calls, and decodes replies."""

    def __init__(self, peers: PeerChannels) -> None:
        self._peers = peers
        self._methods: dict[tuple[int, str], tuple[object, Any]] = {}
        self._encoded: tuple[object, asyncio.Future[bytes]] | None = None

    async def ask(self, peer: Peer, request: m.Request, seconds: float) -> m.Reply:
        """Return the reply, or raise RefusedError, UnreachableError, DecodingError."""
        channel = (
            self._peers.seed(peer)
            if isinstance(peer, int)
            else self._peers.channel(peer)
        )
        if channel is None:
            raise UnreachableError("nobody knows yet where this vault listens")
        try:
            if isinstance(request, m.AskTotals):
                return await self._totals(channel, request, seconds)
            method = METHODS[type(request)]
            encoded = await self._encode(request)
            call = self._method(channel, method.name)
            data = await call(encoded, timeout=seconds, metadata=rpc.metadata())
            reply = method.reply.FromString(data)
            return method.read_reply(reply)
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error

    async def _encode(self, request: m.Request) -> bytes:
        """Return the request's bytes; what goes to many peers is encoded once."""
        key = request.answer if isinstance(request, m.SubmitAnswer) else request
        if self._encoded is None or self._encoded[0] is not key:
            method = METHODS[type(request)]

            def write() -> bytes:
                return method.write_request(request).SerializeToString()

            if not isinstance(request, _LARGE):
                return write()
            loop = asyncio.get_running_loop()
            self._encoded = (key, loop.run_in_executor(None, write))
        return await asyncio.shield(self._encoded[1])

    async def _totals(
        self, channel: grpc.aio.Channel, request: m.AskTotals, seconds: float
    ) -> m.TotalsOf:
        call: Any = channel.unary_stream(
            f"/{SERVICE}/Totals", response_deserializer=pb.TotalsReply.FromString
        )
        message = pb.TotalsRequest(period=request.period).SerializeToString()
        pages: list[pb.TotalsReply] = []
        stream = call(message, timeout=seconds, metadata=rpc.metadata())
        async for page in stream:
            pages.append(page)
            if len(pages) > PAGES_MAX:
                stream.cancel()
                raise UnreachableError("the peer sends totals without end")
        return read_totals(request.period, pages)

    def _method(self, channel: grpc.aio.Channel, name: str) -> Callable[..., Any]:
        # A multi-callable costs as much to make as a call, and channels are few.
        known = self._methods.get((id(channel), name))
        if known is None or known[0] is not channel:
            if len(self._methods) > 4096:
                self._methods.clear()
            known = (channel, channel.unary_unary(f"/{SERVICE}/{name}"))
            self._methods[id(channel), name] = known
        return cast("Callable[..., Any]", known[1])


def _translated(error: grpc.aio.AioRpcError) -> ProtocolError:
    kind = _KINDS.get(error.code())
    text = error.details() or error.code().name
    if kind is None or kind is Refusal.UNREADY:
        # A peer that is not there and one that is not ready are asked again alike.
        return UnreachableError(text)
    return RefusedError(kind, text)
