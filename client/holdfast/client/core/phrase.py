"""The recovery phrase: the master key as 24 English words (BIP-39), and back."""

from typing import Final

from mnemonic import Mnemonic

from holdfast.client.core.errors import PhraseError
from holdfast.client.core.owner_keys import MASTER_KEY_BYTES

PHRASE_WORDS: Final = 24
_BOOK: Final = Mnemonic("english")
_WORDS: Final = frozenset(_BOOK.wordlist)


def phrase_from_key(master: bytes) -> str:
    """Return the 24 words, one space between them, of a 32-byte master key."""
    assert len(master) == MASTER_KEY_BYTES
    return _BOOK.to_mnemonic(master)


def key_from_phrase(phrase: str) -> bytes:
    """Return the master key of 24 words, or raise PhraseError saying what is wrong.

    Case, spaces and line breaks do not matter.
    """
    words = phrase.lower().split()
    wrong = [
        _wrong_word(place, word)
        for place, word in enumerate(words, 1)
        if word not in _WORDS
    ]
    if wrong:
        raise PhraseError("; ".join(wrong[:5]))
    if len(words) != PHRASE_WORDS:
        raise PhraseError(f"a recovery phrase has 24 words, and this one {len(words)}")
    if not _BOOK.check(" ".join(words)):
        raise PhraseError(
            "all 24 words exist, but their checksum does not fit: "
            "one word was mistaken for another, or two changed places"
        )
    return bytes(_BOOK.to_entropy(words))


def _wrong_word(place: int, word: str) -> str:
    starts = [known for known in _BOOK.wordlist if known.startswith(word[:4])]
    from difflib import get_close_matches  # noqa: PLC0415 # for typing errors alone

    close = get_close_matches(word, _BOOK.wordlist, n=3, cutoff=0.6)
    meant = list(dict.fromkeys(close + starts))[:3]
    hint = f"; did you mean {' or '.join(meant)}?" if meant else ""
    return f"word {place}, {word!r}, is not in the word list{hint}"
