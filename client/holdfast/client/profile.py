"""A profile: an owner's keys, the network they are for, and a cache, in one folder.

`keys.json` holds the keys behind a passphrase, `network.json` says where the network
is, `profile.json` what may be known without the passphrase. `cache/` may be deleted.
"""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from holdfast.client.core.key_slots import DEFAULT_STRENGTH, Strength
from holdfast.client.core.owner_keys import MASTER_KEY_BYTES, OwnerKeys
from holdfast.client.durable_file import write_durably
from holdfast.client.home import default_home
from holdfast.client.key_file import create_key_file, open_key_file
from holdfast.client.network_errors import (
    ProfileError,
    ProfileExistsError,
    ProfileMissingError,
)
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.network_file import NetworkFile
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import AccountId

__all__ = ["Profile", "default_home"]

_VERSION: Final = 1
_KEYS: Final = "keys.json"
_NETWORK: Final = "network.json"
_PROFILE: Final = "profile.json"


@frozen
class Profile:
    """A profile on disk; `account` is its address, known without the passphrase."""

    home: Path
    network: NetworkFile
    account: AccountId

    @classmethod
    def check_absent(cls, home: Path) -> None:
        """Raise ProfileExistsError if there is a profile in `home` already.

        Keys without a profile are what an interrupted `make` left: they were never
        shown nor used, and are moved aside by the next.
        """
        if (home / _PROFILE).exists():
            raise ProfileExistsError(f"{home} has a profile already; it is left as is")

    @classmethod
    def create(
        cls,
        home: Path,
        network_file: Path,
        passphrase: str,
        phrase: str | None = None,
        *,
        strength: Strength = DEFAULT_STRENGTH,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> "tuple[Profile, str]":
        """Make a profile, new or from a recovery phrase; return it and its phrase.

        Raises ProfileExistsError, PhraseError, LedgerFileError or ProfileError.
        """
        from holdfast.client.core.phrase import (  # noqa: PLC0415 # with 2,048 words
            key_from_phrase,
            phrase_from_key,
        )

        cls.check_absent(home)
        network = NetworkFile.load(network_file)
        master = (
            entropy(MASTER_KEY_BYTES) if phrase is None else key_from_phrase(phrase)
        )
        made = cls.make(
            home,
            network,
            passphrase,
            master,
            source=network_file,
            strength=strength,
            entropy=entropy,
        )
        return made, phrase_from_key(master)

    @classmethod
    def make(
        cls,
        home: Path,
        network: NetworkFile,
        passphrase: str,
        master: bytes,
        *,
        source: Path | None = None,
        strength: Strength = DEFAULT_STRENGTH,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> "Profile":
        """Make a profile of a master key; `source` is where the network's file is.

        Raises ProfileExistsError or ProfileError.
        """
        cls.check_absent(home)
        account = AccountKey.from_secret(OwnerKeys(master).account_secret).id
        content = {
            "version": _VERSION,
            "account": account.hex(),
            "network_source": str(source.resolve()) if source else "",
        }
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            network.save(home / _NETWORK)
            _move_aside(home / _KEYS)
            create_key_file(
                home / _KEYS, master, passphrase, strength=strength, entropy=entropy
            )
            write_durably(home / _PROFILE, json.dumps(content, indent=2).encode())
        except OSError as error:
            raise ProfileError(
                f"the profile in {home} cannot be written: {error.strerror}"
            ) from error
        return cls(home, network, account)

    @classmethod
    def load(cls, home: Path) -> "Profile":
        """Return the profile in `home`, or raise ProfileMissingError, ProfileError."""
        try:
            content = json.loads((home / _PROFILE).read_bytes())
            account = AccountId(bytes.fromhex(content["account"]))
        except FileNotFoundError as error:
            raise ProfileMissingError(
                f"there is no profile in {home}; make one with `holdfast init`, or "
                "bring one back with `holdfast recover`"
            ) from error
        except OSError as error:
            raise ProfileError(
                f"the profile in {home} cannot be read: {error.strerror}"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ProfileError(
                f"{home / _PROFILE} is damaged; move {home} away and run "
                "`holdfast recover` with the 24 words"
            ) from error
        return cls(home, _network_of(home, content), account)

    def unlock(self, passphrase: str) -> OwnerKeys:
        """Return the owner's keys, or raise WrongPassphraseError or KeyFileError."""
        return open_key_file(self.key_file, passphrase)

    @property
    def key_file(self) -> Path:
        """The file that holds the keys behind its passphrases."""
        return self.home / _KEYS

    @property
    def cache(self) -> Path:
        """The folder of what can be read again from the network."""
        return self.home / "cache"


def _move_aside(path: Path) -> None:
    """Rename a file that may be there; it could still be somebody's only key."""
    if path.exists():
        taken = len(list(path.parent.glob(f"{path.name}.old-*")))
        path.rename(path.with_name(f"{path.name}.old-{taken + 1}"))


def _network_of(home: Path, content: dict[str, Any]) -> NetworkFile:
    """Return the network as its source says now, or else as it was copied."""
    copied = NetworkFile.load(home / _NETWORK)
    source = Path(str(content.get("network_source", "")))
    with contextlib.suppress(LedgerFileError):
        newer = NetworkFile.load(source)
        if newer.network_id == copied.network_id:
            if newer != copied:
                newer.save(home / _NETWORK)
            return newer
    return copied
