"""The compiled contracts, with their ABIs, and what loads them.

`*.vy` are the sources; `*.json` beside them what `contracts/compile_contracts.py` made
of those that are deployed. Nothing here talks to a chain.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any, Final

from holdfast.protocol.frozen import frozen

NAMES: Final = (
    "BlsCertificates",
    "Deals",
    "EcdsaCertificates",
    "Ed25519",
    "Faucet",
    "Network",
    "Registry",
    "Settlement",
    "Token",
)


@frozen
class Contract:
    """A contract's interface and the bytecode that deploys it."""

    abi: list[dict[str, Any]]
    bytecode: bytes


@cache
def load(name: str) -> Contract:
    """Return the compiled contract with this name, one of NAMES."""
    assert name in NAMES, f"no contract is called {name}"
    text = files(__package__).joinpath(f"{name}.json").read_text("utf-8")
    stored = json.loads(text)
    return Contract(stored["abi"], bytes.fromhex(stored["bytecode"]))
