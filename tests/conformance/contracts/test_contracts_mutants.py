"""No condition of an `assert` is there for nothing: without it, a test fails."""

from pathlib import Path
from typing import Final

import pytest

from compile_source import ROOT
from contract_mutants import (
    NOT_ASKED,
    SOURCES,
    TESTS,
    conjuncts,
    make_tree,
    survivors,
    switchable,
)
from evm_anvil import anvil_program

ANVIL = anvil_program()

PAID_BY_NOBODY: Final = "our token has no more than 2^63 - 1 grains, and refuses"
OTHER_SAYS_SO: Final = (
    "another condition behind it refuses the same for the same reason"
)
UNSEEN: Final = "no test here can reach it"

NOT_MISSED: Final = {
    "Deals.open: escrow <= SUPPLY_MAX": PAID_BY_NOBODY,
    "Deals.fund: amount <= SUPPLY_MAX": PAID_BY_NOBODY,
    "Deals.fund: terms.escrow <= SUPPLY_MAX": PAID_BY_NOBODY,
    "Deals.extend: old.escrow + amount <= SUPPLY_MAX": PAID_BY_NOBODY,
    "Registry._require_amount: amount <= SUPPLY_MAX": PAID_BY_NOBODY,
    "Deals.spend: amount <= self.escrowed": "Settlement compares before it asks",
    "Settlement.settle: spent <= staticcall deals.escrowed()": OTHER_SAYS_SO,
    "Settlement._require_majority: signers >> size == 0": OTHER_SAYS_SO,
    "bls._compress_signature: len(point) == 256": OTHER_SAYS_SO,
    "bls._add_keys: done": OTHER_SAYS_SO,
    "bls._add_keys: len(total) == 128": OTHER_SAYS_SO,
    "merkle._root: count <= COUNT_MAX": OTHER_SAYS_SO,
    "quotes._check: signer != empty(address)": "no vault's account is the zero address",
    "Network.record: convert(first.randomness, uint256) > U64_MAX": (
        "shown on py-evm, where a test makes the blocks"
    ),
    "Network._read: said - 128 <= SHORT_MAX": UNSEEN,
    "bls._hash_to_g2: len(point) == 256": "a chain without precompiles is not joined",
    "roster._enter: number < VAULTS_MAX": UNSEEN,
    "roster._note_entry: epoch < 2**32": UNSEEN,
}
"""Conditions that are kept although no test here misses them, and why none does."""


def test_every_condition_can_be_switched_off_by_itself() -> None:
    text, found = switchable(ROOT / SOURCES / "merkle.vy", 7)
    assert len(found) == 3
    for number in (7, 8, 9):
        assert text.count(f"convert(block.coinbase, uint256) == {number})") == 1
    assert conjuncts("0 < (a and b) and c[d and e]") == ["0 < (a and b)", "c[d and e]"]


def test_every_reason_is_expected_by_a_test() -> None:
    asked = [p for p in (ROOT / TESTS).glob("test_*.py") if p.name not in NOT_ASKED]
    said = "\n".join(path.read_text("utf-8") for path in asked)
    for source in sorted((ROOT / SOURCES).glob("*.vy")):
        for one in switchable(source, 0)[1]:
            if one.name not in NOT_MISSED:
                assert f'"{one.reason}"' in said, one.name


@pytest.mark.long
@pytest.mark.skipif(ANVIL is None, reason="anvil is not installed")
def test_without_any_one_condition_a_test_fails(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    conditions = make_tree(tree)
    assert {one.name for one in conditions} >= NOT_MISSED.keys()
    wanted = [one for one in conditions if one.name not in NOT_MISSED]
    assert ANVIL is not None
    assert survivors(tree, ANVIL, wanted) == []
