"""A server's certificate, when all that is known of it is its fingerprint.

A recovery kit has room for fingerprints only, while a channel pins the certificate
itself: this asks the server for it, and believes it if the fingerprint fits.
"""

import hmac
import ssl
from typing import Final

from holdfast.client.core.kit_bytes import KitEndpoint, fingerprint
from holdfast.client.network_errors import NetworkError

ANSWER_SECONDS: Final = 10.0


class KitServerError(NetworkError):
    """A server that a recovery kit names does not answer, or is another one now."""


def fetch_certificate(server: KitEndpoint, seconds: float = ANSWER_SECONDS) -> bytes:
    """Return the PEM certificate of a kit's server, or raise KitServerError.

    Blocks for at most about `seconds`; call it from a thread.
    """
    host, _, port = server.endpoint.rpartition(":")
    try:
        pem = ssl.get_server_certificate((host.strip("[]"), int(port)), timeout=seconds)
        shown = fingerprint(ssl.PEM_cert_to_DER_cert(pem))
    except (OSError, ValueError) as error:
        raise KitServerError(f"{server.endpoint} does not answer") from error
    if not hmac.compare_digest(shown, server.fingerprint):
        raise KitServerError(
            f"{server.endpoint} shows another certificate than the kit knows"
        )
    return pem.encode("ascii")
