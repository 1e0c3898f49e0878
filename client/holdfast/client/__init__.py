"""The client: the SDK and the command line.

    from holdfast.client import AsyncClient, Client, Profile

These names are imported when they are first used, so that `import holdfast.client`,
and with it every command's start, costs nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.client.async_client import AsyncClient
    from holdfast.client.profile import Profile
    from holdfast.client.session import Client

__all__ = ["AsyncClient", "Client", "Profile"]

_PLACES = {
    "AsyncClient": "holdfast.client.async_client",
    "Client": "holdfast.client.session",
    "Profile": "holdfast.client.profile",
}


def __getattr__(name: str) -> object:
    """Import what is asked for (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 # only when it is needed

    return getattr(import_module(_PLACES[name]), name)
