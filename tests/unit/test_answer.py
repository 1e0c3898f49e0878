from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audited import Held
from examples import DEAL_ID, DEAL_PAIR, NETWORK, VAULTS
from holdfast.protocol.answer import ANSWER, Answer, AnswerError, check_answer
from holdfast.protocol.errors import ProtocolError

KEYS = {DEAL_ID: DEAL_PAIR.public}
HELD = Held()


def check(answer: Answer, held: Held = HELD) -> None:
    check_answer(answer, held.challenge(), NETWORK, KEYS)


def test_an_honest_answer_is_accepted_and_survives_its_encoding() -> None:
    answer = HELD.answer(HELD.challenge())
    signed = ANSWER.sign(answer, NETWORK, VAULTS[0].identity)
    assert ANSWER.decode(ANSWER.encode(signed)) == signed
    check(answer)


def test_bytes_declared_missing_are_never_asked_for() -> None:
    spans = ((0, 50_000), (60_000, 5_000))
    held = Held(missing=spans)
    asked = held.challenge(256)
    places = [held.entry.place_of(offset) for offset in asked.offsets()]
    assert not [p for p in places for first, n in spans if first <= p < first + n]
    check_answer(held.answer(asked), asked, NETWORK, KEYS)


def test_a_vault_that_holds_nothing_answers_with_nothing() -> None:
    held = Held(sizes=())
    check_answer(held.answer(held.challenge()), held.challenge(), NETWORK, KEYS)


@settings(max_examples=60, deadline=None)
@given(leaf=st.integers(0, 15), bit=st.integers(0, 8 * 16_384 - 1))
def test_any_altered_bit_of_any_leaf_is_found(leaf: int, bit: int) -> None:
    answer = HELD.answer(HELD.challenge())
    data = bytearray(answer.leaves[leaf].data)
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    leaves = list(answer.leaves)
    leaves[leaf] = replace(leaves[leaf], data=bytes(data))
    with pytest.raises(AnswerError):
        check(replace(answer, leaves=tuple(leaves)))


def test_another_leaf_than_the_asked_one_is_refused() -> None:
    answer = HELD.answer(HELD.challenge())
    leaves = answer.leaves
    swapped = next(
        (leaves[i], *leaves[1:]) for i in range(1, 16) if leaves[i] != leaves[0]
    )
    with pytest.raises(ProtocolError):
        check(replace(answer, leaves=swapped))


def test_a_leaf_too_few_or_too_many_is_refused() -> None:
    answer = HELD.answer(HELD.challenge())
    for leaves in (answer.leaves[:-1], (*answer.leaves, answer.leaves[0]), ()):
        with pytest.raises(AnswerError):
            check(replace(answer, leaves=leaves))


def test_a_siblings_shard_does_not_answer() -> None:
    sibling = Held(index=2)
    answer = HELD.answer(HELD.challenge())
    others = tuple(sibling.leaf(offset) for offset in HELD.challenge().offsets())
    with pytest.raises(AnswerError, match="another holder"):
        check(replace(answer, leaves=others))


def test_an_entry_that_is_not_in_the_checkpoint_is_refused() -> None:
    answer = HELD.answer(HELD.challenge())
    proof = answer.entries[0]
    less = replace(proof.entry, missing=((0, 1),))
    with pytest.raises(ProtocolError):
        check(replace(answer, entries=(replace(proof, entry=less),)))


def test_a_head_signed_by_another_key_is_refused() -> None:
    answer = HELD.answer(HELD.challenge())
    with pytest.raises(ProtocolError):
        check_answer(
            answer, HELD.challenge(), NETWORK, {DEAL_ID: VAULTS[0].identity.public}
        )
    with pytest.raises(AnswerError, match="does not know"):
        check_answer(answer, HELD.challenge(), NETWORK, {})
