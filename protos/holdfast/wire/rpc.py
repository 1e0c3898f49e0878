"""gRPC as every Holdfast process speaks it: pinned TLS, one version, known limits.

A server shows a self-signed certificate that its callers pin. Each call names
the protocol version in its metadata; another major version is refused with a
sentence, before any handler runs. Health and reflection are always on.

What only servers need is imported when one starts: clients start many times a day.
"""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import grpc

from holdfast.protocol.frozen import frozen

if TYPE_CHECKING:
    from grpc_health.v1 import health

PROTOCOL_VERSION: Final = "1.0"
VERSION_KEY: Final = "holdfast-protocol"
TLS_NAME: Final = "holdfast"
MESSAGE_BYTES_MAX: Final = 16 << 20
CERTIFICATE_DAYS: Final = 36_500

_LIMITS: Final = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    # On a slow connection a ping waits behind megabytes; gRPC gives it a minute.
    ("grpc.http2.ping_timeout_ms", 600_000),
)
_CHANNEL_OPTIONS: Final = (
    *_LIMITS,
    ("grpc.ssl_target_name_override", TLS_NAME),
    ("grpc.default_authority", TLS_NAME),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    # One process talks to many networks in tests; never share their sockets.
    ("grpc.use_local_subchannel_pool", 1),
)
_SERVER_OPTIONS: Final = (*_LIMITS, ("grpc.so_reuseport", 0))


@frozen
class TlsIdentity:
    """A private key and its self-signed certificate, both PEM."""

    key_pem: bytes
    certificate_pem: bytes

    def certificate_der(self) -> bytes:
        """Return the certificate as DER, as vault records carry it."""
        from cryptography import x509  # noqa: PLC0415
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

        certificate = x509.load_pem_x509_certificate(self.certificate_pem)
        return certificate.public_bytes(serialization.Encoding.DER)


def make_certificate() -> TlsIdentity:
    """Return a new P-256 key with a self-signed certificate for it."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, TLS_NAME)])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(TLS_NAME)]), False)
        .sign(key, hashes.SHA256())
    )
    return TlsIdentity(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


def certificate_pem(der: bytes) -> bytes:
    """Return a DER certificate as PEM, or raise ValueError."""
    if not _is_whole(der):
        raise ValueError("no certificate: it is cut off, or something follows it")
    try:
        # OpenSSL reads it; the package cryptography would be 40 ms of a command.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except ssl.SSLError as error:
        raise ValueError(f"no certificate: {error.reason}") from error
    return ssl.DER_cert_to_PEM_cert(der).encode()


def _is_whole(der: bytes) -> bool:
    """Return whether a DER value ends where its length says; OpenSSL reads on."""
    if len(der) < 2:
        return False
    more = der[1] & 0x7F if der[1] & 0x80 else 0
    length = int.from_bytes(der[2 : 2 + more], "big") if more else der[1]
    return len(der) == 2 + more + length


def connect(endpoint: str, certificate: bytes) -> grpc.aio.Channel:
    """Return a channel to "host:port" that trusts only the PEM `certificate`."""
    credentials = grpc.ssl_channel_credentials(root_certificates=certificate)
    return grpc.aio.secure_channel(endpoint, credentials, options=_CHANNEL_OPTIONS)


def metadata() -> tuple[tuple[str, str], ...]:
    """Return the metadata that every call carries."""
    return ((VERSION_KEY, PROTOCOL_VERSION),)


@frozen
class RunningServer:
    """A started server: its port, and how to stop it."""

    port: int
    _server: grpc.aio.Server
    _health: "health.aio.HealthServicer"

    async def stop(self, grace_seconds: float = 1.0) -> None:
        """Refuse new calls, let running ones end for a while, and close."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)

    async def wait(self) -> None:
        """Return when the server has stopped."""
        await self._server.wait_for_termination()


async def serve(
    bind: str,
    identity: TlsIdentity,
    services: Sequence[Callable[[grpc.aio.Server], None]],
    names: Sequence[str],
) -> RunningServer:
    """Start a TLS server on "host:port" (port 0 for any), or raise OSError.

    `services` add their handlers to the server; `names` are their full names,
    which health and reflection then list.
    """
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # noqa: PLC0415
    from grpc_reflection.v1alpha import reflection  # noqa: PLC0415

    server = grpc.aio.server(
        interceptors=[VersionCheck()],
        options=_SERVER_OPTIONS,
        maximum_concurrent_rpcs=512,
    )
    for add in services:
        add(server)
    checker = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checker, server)
    listed = (*names, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(listed, server)
    pair = [(identity.key_pem, identity.certificate_pem)]
    try:
        port = server.add_secure_port(bind, grpc.ssl_server_credentials(pair))
    except RuntimeError as error:
        raise OSError(f"cannot listen on {bind}") from error
    await server.start()
    for name in ("", *names):
        await checker.set(name, health_pb2.HealthCheckResponse.SERVING)
    return RunningServer(port, server, checker)


class VersionCheck(grpc.aio.ServerInterceptor):
    """Refuses callers whose major version differs; health and reflection are free."""

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,  # noqa: ANN401 # the stubs leave it open
    ) -> Any:  # noqa: ANN401 # likewise
        """Pass the call on, or put a refusing handler in its place."""
        if not handler_call_details.method.startswith("/holdfast."):
            return await continuation(handler_call_details)
        carried = dict(handler_call_details.invocation_metadata or ())
        version = str(carried.get(VERSION_KEY, ""))
        if version.partition(".")[0] == PROTOCOL_VERSION.partition(".")[0]:
            return await continuation(handler_call_details)
        handler = await continuation(handler_call_details)
        return None if handler is None else _refusal(handler, version)


def _refusal(handler: Any, version: str) -> Any:  # noqa: ANN401 # as above
    spoken = f"version {version!r}" if version else "no version"
    text = f"this peer speaks Holdfast {PROTOCOL_VERSION}; the call named {spoken}"

    async def refuse(
        _request: object, context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, text)

    async def refuse_stream(
        request: object, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[bytes]:
        await refuse(request, context)
        nothing: tuple[bytes, ...] = ()
        for message in nothing:
            yield message

    codecs = {
        "request_deserializer": None,
        "response_serializer": None,
    }
    match handler.request_streaming, handler.response_streaming:
        case False, False:
            return grpc.unary_unary_rpc_method_handler(refuse, **codecs)
        case True, False:
            return grpc.stream_unary_rpc_method_handler(refuse, **codecs)
        case False, True:
            return grpc.unary_stream_rpc_method_handler(refuse_stream, **codecs)
        case _:
            return grpc.stream_stream_rpc_method_handler(refuse_stream, **codecs)


async def wait_ready(channel: grpc.aio.Channel, seconds: float) -> None:
    """Return when the channel is connected, or raise TimeoutError."""
    await asyncio.wait_for(channel.channel_ready(), seconds)
