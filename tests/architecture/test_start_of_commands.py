"""What everyday commands import before they do anything: as little as they need."""

import subprocess
import sys

import pytest

# What only coding, writing, chains, tables of the ledger or settings need.
HEAVY = (
    *("numpy", "reedsolo", "pycparser", "cffi", "Crypto", "py_ecc", "web3"),
    *("eth_account", "sqlite_utils", "pyfastcdc", "tomllib", "difflib", "email"),
    *("cryptography.x509", "holdfast.client.archive", "holdfast.client.restore"),
    *("holdfast.client.session", "holdfast.protocol.erasure"),
)
# `snapshots` is to be there in half a second; each module is about a millisecond.
MODULES_MAX = 160


def imported(*modules: str) -> set[str]:
    """Return what a fresh process has imported after these."""
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return set(said.stdout.split())


@pytest.fixture(scope="module")
def reading() -> set[str]:
    """All that commands import which only read, before they connect."""
    client = "holdfast.client"
    commands = [f"{client}.commands.{name}" for name in ("snapshots", "ls", "find")]
    parts = [f"{client}.{name}" for name in ("bandwidth", "reading_session", "upkeep")]
    return imported(f"{client}.main", *commands, *parts)


def test_listing_backups_imports_nothing_that_codes_writes_or_settles(
    reading: set[str],
) -> None:
    assert not reading & set(HEAVY)


def test_listing_backups_imports_few_of_our_modules(reading: set[str]) -> None:
    ours = {name for name in reading if name.startswith("holdfast.")}
    assert len(ours) <= MODULES_MAX


def test_the_whole_sdk_imports_no_numpy_before_it_codes() -> None:
    found = imported("holdfast.client.session", "holdfast.client.upkeep")
    assert not found & {"numpy", "reedsolo", "pycparser", "Crypto", "py_ecc", "web3"}


def test_a_vault_imports_no_numpy_before_it_codes_or_reads_large_shards() -> None:
    found = imported("holdfast.vault.main", "holdfast.vault.running")
    assert not found & {"numpy", "reedsolo", "py_ecc", "web3"}
