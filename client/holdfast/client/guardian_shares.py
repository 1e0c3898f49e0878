"""Guardian shares: the master key cut into m texts, of which any t bring it back.

SLIP-39 by its reference library; fewer than t shares tell nothing. They do not say
where the network is: whoever recovers needs its file, too.
"""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from shamir_mnemonic import MnemonicError, Share, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.wordlist import WORDLIST

from holdfast.client.core.owner_keys import MASTER_KEY_BYTES
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.frozen import frozen

SHARES_MAX: Final = 16
SHARE_WORDS: Final = 33
_FILE_BYTES_MAX: Final = 1 << 16
_EXPONENT_MAX: Final = 4
"""A forged share must not ask for minutes of key stretching; ours ask for none."""
_WORD: Final = re.compile(r"[a-z]+")
_WORDS: Final = frozenset(WORDLIST)


class ShareError(HoldfastError):
    """Guardian shares cannot be made, or do not bring a key back."""


@frozen
class ShareDetails:
    """What a guardian's file says beside the words."""

    account: str
    network_name: str
    ledger: str
    threshold: int
    count: int


def make_shares(master: bytes, threshold: int, count: int) -> tuple[str, ...]:
    """Return `count` texts of 33 words, any `threshold` of which are the key.

    Raises ShareError unless 2 <= threshold <= count <= 16.
    """
    if not 2 <= threshold <= count <= SHARES_MAX:
        raise ShareError(
            f"{threshold} of {count} cannot be: at least 2 shares are needed to "
            f"recover, and there are at most {SHARES_MAX}"
        )
    (shares,) = generate_mnemonics(
        1, [(threshold, count)], master, iteration_exponent=0
    )
    assert join_shares({text: text for text in shares[-threshold:]}) == master
    return tuple(shares)


def join_shares(texts: Mapping[str, str]) -> bytes:
    """Return the master key of named shares, or raise ShareError saying what is wrong.

    Lines that begin with "#", case and line breaks do not matter.
    """
    shares = {name: _read(name, text) for name, text in texts.items()}
    if not shares:
        raise ShareError("no shares are given")
    first_name, first = next(iter(shares.items()))
    by_index: dict[int, Share] = {}
    for name, share in shares.items():
        if share.group_parameters() != first.group_parameters():
            raise ShareError(f"{name} and {first_name} are of different sets of shares")
        by_index[share.index] = share
    needed = first.member_threshold
    if len(by_index) < needed:
        raise ShareError(
            f"{needed} different shares are needed and {len(by_index)} given; "
            "ask more of the guardians"
        )
    chosen = [share.mnemonic() for share in list(by_index.values())[:needed]]
    try:
        master: bytes = combine_mnemonics(chosen)
    except MnemonicError as error:
        raise ShareError(
            "each share reads well, but together they make no key; "
            "one of them was altered: try others"
        ) from error
    if len(master) != MASTER_KEY_BYTES:
        raise ShareError("these are shares of something else than a Holdfast key")
    return master


def _read(name: str, text: str) -> Share:
    lines = [line for line in text.lower().splitlines() if not line.startswith("#")]
    words = " ".join(lines).split()
    wrong = [n for n, word in enumerate(words, 1) if not _is_known(word)]
    if wrong:
        places = ", ".join(map(str, wrong[:5]))
        raise ShareError(f"{name}: not in the list of words: word {places}")
    if len(words) != SHARE_WORDS:
        raise ShareError(f"{name} has {len(words)} words; a share has {SHARE_WORDS}")
    try:
        share = Share.from_mnemonic(" ".join(words))
    except MnemonicError as error:
        raise ShareError(
            f"{name}: all words exist, but their checksum does not fit; "
            "compare them with the paper"
        ) from error
    if share.group_count != 1 or share.iteration_exponent > _EXPONENT_MAX:
        raise ShareError(f"{name} was not made by Holdfast")
    return share


def _is_known(word: str) -> bool:
    return bool(_WORD.fullmatch(word)) and word in _WORDS


def write_shares(
    folder: Path, shares: Sequence[str], details: ShareDetails
) -> tuple[Path, ...]:
    """Write one file for each guardian, mode 0600; raises ShareError.

    If one cannot be written, none is left behind.
    """
    count = len(shares)
    paths = tuple(folder / f"share-{n}-of-{count}.txt" for n in range(1, count + 1))
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (path, share) in enumerate(zip(paths, shares, strict=True), 1):
            _write_new(path, _page(number, share, details))
            written.append(path)
    except OSError as error:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise ShareError(
            f"{error.filename} cannot be written: {error.strerror}; "
            "no share was written; name another folder"
        ) from error
    return paths


def read_share_file(path: Path) -> str:
    """Return the text of a share's file, or raise ShareError."""
    try:
        with path.open("rb") as file:
            return file.read(_FILE_BYTES_MAX).decode("utf-8", errors="replace")
    except OSError as error:
        raise ShareError(f"{path} cannot be read: {error.strerror}") from error


def _write_new(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _page(number: int, share: str, details: ShareDetails) -> str:
    words = share.split()
    lines = [" ".join(words[first : first + 6]) for first in range(0, len(words), 6)]
    return "\n".join(
        (
            f"# Holdfast guardian share {number} of {details.count}.",
            f"# Any {details.threshold} of the {details.count} bring back the backups",
            f"# of account {details.account}",
            f"# on the network {details.network_name} (ledger {details.ledger}).",
            "# Keep it safe, and give it only to its owner or the heirs. To recover:",
            "#   holdfast recover --network network.json --share FILE --share FILE ...",
            *lines,
            "",
        )
    )
