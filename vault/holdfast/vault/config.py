"""A vault's directory: its seed, settings, network file, TLS identity and marks.

Settings are in vault.toml, for people to change; everything else is the vault's.
"""

import contextlib
import fcntl
import json
import os
import secrets
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from holdfast.ledger.core.address import address_from, address_text
from holdfast.ledger.errors import AddressTextError
from holdfast.ledger.joining import open_keystore
from holdfast.ledger.network_file import NetworkFile, SeedVault, write_whole
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.units import AccountId, Grains
from holdfast.wire.rpc import TlsIdentity, make_certificate

SEED_BYTES: Final = 32
VARIABLE: Final = "HOLDFAST_PASSPHRASE"
FILE_VARIABLE: Final = "HOLDFAST_PASSPHRASE_FILE"
_KEYSTORE: Final = "account.json"
SEEDS_MAX: Final = 64

_SETTINGS: Final = """\
# The settings of this vault; it reads them when it starts.

# Shard bytes that it stores at most. Its stake grows with them.
quota_bytes = {quota_bytes}

# Grains (10^-9 HOLD) per GiB and epoch that it asks of new deals.
price = {price}

# Where it listens. Port 0: any, chosen at the first start and kept.
endpoint = {endpoint}

# What it tells others to call, if that is another address; empty: the same.
advertise = {advertise}

# Where claims are paid to: an account's address; empty: the vault's own account.
payout = {payout}

# Earnings are claimed when they reach so many grains.
claim_grains = {claim_grains}
"""
_SEED: Final = """
[[seeds]]
endpoint = {endpoint}
certificate = {certificate}
"""


class ConfigError(HoldfastError):
    """The vault's directory or settings are not as they must be."""


def keystore_secret(keystore: Path) -> bytes:
    """Return the secret of the account in a keystore.

    Its passphrase is in the environment, or in the first line of the file named there.
    Raises ConfigError, LedgerFileError, ChainExtraMissingError.
    """
    passphrase = os.environ.get(VARIABLE)
    named = os.environ.get(FILE_VARIABLE)
    if passphrase is None and named:
        try:
            passphrase = Path(named).read_text("utf-8").split("\n", 1)[0]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read {FILE_VARIABLE}={named}") from error
    if not passphrase:
        raise ConfigError(
            f"the account in {keystore} is behind a passphrase: put it in a file that "
            f"only the vault may read, and name that in {FILE_VARIABLE}"
        )
    return open_keystore(keystore, passphrase).secret


@frozen
class Settings:
    """What vault.toml says."""

    quota_bytes: int
    price: Grains
    endpoint: str
    advertise: str = ""
    payout: AccountId | None = None
    claim_grains: Grains = 1
    seeds: tuple[SeedVault, ...] = ()


@frozen
class VaultDirectory:
    """Where one vault keeps its files."""

    path: Path

    @property
    def run_mark(self) -> Path:
        """The file that says that, and where, the vault serves."""
        return self.path / "run.json"

    def create(
        self, settings: Settings, network: Path, keystore: Path | None = None
    ) -> NodeKeys:
        """Make a vault here; raises ConfigError if there is one, LedgerFileError.

        `keystore` is copied: the vault's account is the one in it, and its passphrase
        is needed at every start.
        """
        wallet = keystore_secret(keystore) if keystore else None
        file = NetworkFile.load(network)
        if self._seed.exists():
            raise ConfigError(f"there is a vault in {self.path} already")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = f"cannot make {self.path}: {error.strerror}"
            raise ConfigError(text) from error
        file.save(self.path / "network.json")
        if keystore is not None:
            write_whole(self.path / _KEYSTORE, keystore.read_bytes(), 0o600)
        self._save_settings(settings)
        identity = make_certificate()
        write_whole(self.path / "tls.key", identity.key_pem, 0o600)
        write_whole(self.path / "tls.pem", identity.certificate_pem, 0o644)
        # The seed comes last: a directory without one can be made again.
        write_whole(self._seed, secrets.token_bytes(SEED_BYTES), 0o600)
        return replace(self.keys(), wallet=wallet)

    def keys(self) -> NodeKeys:
        """Return the vault's keys, or raise ConfigError."""
        seed = self._read("seed")
        if len(seed) != SEED_BYTES:
            raise ConfigError(f"{self._seed} is not a seed: it must have 32 bytes")
        return NodeKeys(seed)

    def keys_with_account(self) -> NodeKeys:
        """Return the keys with the account that pays, which a keystore may hold.

        Raises ConfigError when its passphrase is not at hand, LedgerFileError when it
        is another, ChainExtraMissingError.
        """
        keys, keystore = self.keys(), self.path / _KEYSTORE
        if not keystore.exists():
            return keys
        return replace(keys, wallet=keystore_secret(keystore))

    def network(self) -> NetworkFile:
        """Return the network file, or raise LedgerFileError."""
        return NetworkFile.load(self.path / "network.json")

    def identity(self) -> TlsIdentity:
        """Return the TLS key and certificate, or raise ConfigError."""
        return TlsIdentity(self._read("tls.key"), self._read("tls.pem"))

    def settings(self) -> Settings:
        """Return what vault.toml says, or raise ConfigError."""
        path = self.path / "vault.toml"
        try:
            found = tomllib.loads(self._read("vault.toml").decode("utf-8"))
            return _settings(found)
        except (KeyError, TypeError, ValueError, AddressTextError) as error:
            text = f"{path} has a missing or wrong setting: {error}"
            raise ConfigError(text) from error

    def kept_endpoint(self) -> str | None:
        """Return the address that was chosen at the first start, if any."""
        path = self.path / "endpoint"
        return path.read_text("ascii").strip() if path.exists() else None

    def keep_endpoint(self, endpoint: str) -> None:
        """Keep the address for later starts."""
        write_whole(self.path / "endpoint", f"{endpoint}\n".encode(), 0o644)

    def mark_running(self, endpoint: str, vault: str) -> None:
        """Write run.json."""
        mark = {"pid": os.getpid(), "endpoint": endpoint, "vault": vault}
        write_whole(self.run_mark, json.dumps(mark).encode(), 0o644)

    def running(self) -> dict[str, Any] | None:
        """Return what run.json says, or None."""
        try:
            mark: dict[str, Any] = json.loads(self.run_mark.read_bytes())
            return mark
        except (OSError, ValueError):
            return None

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the directory alone; raises ConfigError when another process does."""
        self.keys()
        with (self.path / "lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                text = f"the vault in {self.path} runs already"
                raise ConfigError(text) from error
            yield

    @property
    def _seed(self) -> Path:
        return self.path / "seed"

    def _read(self, name: str) -> bytes:
        path = self.path / name
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            text = (
                f"there is no vault in {self.path}; make one with `holdfast-vault init`"
                if name == "seed"
                else f"{path} is missing"
            )
            raise ConfigError(text) from error
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from error

    def _save_settings(self, settings: Settings) -> None:
        text = _SETTINGS.format(
            quota_bytes=settings.quota_bytes,
            price=settings.price,
            endpoint=json.dumps(settings.endpoint),
            advertise=json.dumps(settings.advertise),
            payout=json.dumps(address_text(settings.payout) if settings.payout else ""),
            claim_grains=settings.claim_grains,
        )
        for seed in settings.seeds:
            text += _SEED.format(
                endpoint=json.dumps(seed.endpoint),
                certificate=json.dumps(seed.certificate.decode("ascii")),
            )
        write_whole(self.path / "vault.toml", text.encode(), 0o644)


def _settings(found: dict[str, Any]) -> Settings:
    payout = str(found.get("payout", ""))
    seeds = found.get("seeds", [])
    settings = Settings(
        quota_bytes=_whole(found["quota_bytes"], "quota_bytes"),
        price=_whole(found["price"], "price"),
        endpoint=checked_endpoint(str(found["endpoint"])),
        advertise=str(found.get("advertise", "")),
        payout=address_from(payout) if payout else None,
        claim_grains=_whole(found.get("claim_grains", 1), "claim_grains"),
        seeds=tuple(
            SeedVault(
                checked_endpoint(str(seed["endpoint"])),
                str(seed["certificate"]).encode("ascii"),
            )
            for seed in seeds[:SEEDS_MAX]
        ),
    )
    if settings.advertise:
        checked_endpoint(settings.advertise)
    return settings


def _whole(value: object, name: str) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} must be a whole number, not negative")
    return value


def checked_endpoint(text: str) -> str:
    """Return a "host:port", or raise ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return text
