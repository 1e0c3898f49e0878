import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.client.core.errors import PhraseError
from holdfast.client.core.owner_keys import OwnerKeys
from holdfast.client.core.phrase import key_from_phrase, phrase_from_key

PHRASE = phrase_from_key(bytes(32)).split()


@given(master=st.binary(min_size=32, max_size=32))
def test_a_phrase_gives_its_key_back(master: bytes) -> None:
    phrase = phrase_from_key(master)
    assert len(phrase.split()) == 24
    assert key_from_phrase(phrase) == master


def test_case_spaces_and_lines_do_not_matter() -> None:
    typed = "\n  ".join(word.upper() for word in PHRASE)
    assert key_from_phrase(typed) == bytes(32)


def test_a_wrong_word_is_named_with_what_was_meant() -> None:
    typed = [*PHRASE[:4], "abandn", *PHRASE[5:]]
    with pytest.raises(PhraseError, match=r"word 5, 'abandn'.*abandon"):
        key_from_phrase(" ".join(typed))


def test_a_missing_word_is_counted() -> None:
    with pytest.raises(PhraseError, match="24 words, and this one 23"):
        key_from_phrase(" ".join(PHRASE[1:]))


def test_swapped_words_fail_the_checksum() -> None:
    phrase = phrase_from_key(bytes(range(32))).split()
    phrase[0], phrase[1] = phrase[1], phrase[0]
    with pytest.raises(PhraseError, match="checksum"):
        key_from_phrase(" ".join(phrase))


def test_every_key_of_an_owner_is_another_one() -> None:
    keys = OwnerKeys(bytes(32))
    derived = {
        keys.account_secret,
        keys.dedup,
        keys.seal,
        keys.memo,
        keys.cache,
        keys.deal_seed(b"1"),
        keys.deal_seed(b"2"),
    }
    assert len(derived) == 7
    assert keys.deal_pair(b"1").seed == keys.deal_seed(b"1")
    assert derived.isdisjoint({OwnerKeys(b"\1" * 32).seal, bytes(32)})


@given(master=st.binary(min_size=32, max_size=32))
def test_the_chunking_seed_fits_the_chunker(master: bytes) -> None:
    assert 0 < OwnerKeys(master).chunking_seed < 2**63


def test_keys_do_not_show_in_a_traceback() -> None:
    assert "abababab" not in repr(OwnerKeys(b"\xab" * 32))


def test_a_master_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        OwnerKeys(b"short")
