"""A kit's fingerprint is enough to pin a real server of ours."""

import asyncio
import ssl

import pytest

from holdfast.client.core.kit_bytes import KitEndpoint, fingerprint
from holdfast.client.kit_certificate import KitServerError, fetch_certificate
from holdfast.wire import rpc


async def _fetch(shown: rpc.TlsIdentity, known: rpc.TlsIdentity) -> bytes:
    server = await rpc.serve("127.0.0.1:0", shown, [], [])
    try:
        mark = fingerprint(known.certificate_der())
        asked = KitEndpoint(f"127.0.0.1:{server.port}", mark)
        pem = await asyncio.to_thread(fetch_certificate, asked)
        channel = rpc.connect(asked.endpoint, pem)
        await rpc.wait_ready(channel, 10)
        await channel.close()
        return pem
    finally:
        await server.stop(0)


def test_the_certificate_of_a_fingerprint_opens_a_pinned_channel() -> None:
    identity = rpc.make_certificate()
    pem = asyncio.run(_fetch(identity, identity))
    assert ssl.PEM_cert_to_DER_cert(pem.decode()) == identity.certificate_der()


def test_another_certificate_is_refused() -> None:
    with pytest.raises(KitServerError, match="another certificate"):
        asyncio.run(_fetch(rpc.make_certificate(), rpc.make_certificate()))


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(KitServerError, match=r"127.0.0.1:1 does not answer"):
        fetch_certificate(KitEndpoint("127.0.0.1:1", bytes(16)))
