"""Certificates by accounts count when every signer's own account signed."""

from dataclasses import replace
from typing import Any

import pytest

from holdfast.ledger.core.account_certificates import (
    NO_BLS_SIGNATURE,
    accounts_signed,
    countersign_settlement,
    sign_settlement,
)
from holdfast.protocol import bls
from holdfast.protocol.settlement import Certificate, Totals, signers_bitmap
from ledger_stage import HOURLY, statement, vault_key

OTHER = replace(HOURLY, name="another")
MADE = statement(HOURLY, 0, Totals({}, {}))
RANKS = (0, 2, 4)


class Member:
    """As much of a registry's row as a signature needs."""

    def __init__(self, number: int) -> None:
        self.account = vault_key(number).id


MEMBERS: Any = [Member(number) for number in range(1, 6)]
BARE = Certificate(MADE, signers_bitmap(RANKS, 5), NO_BLS_SIGNATURE)


def signed(*numbers: int, params: Any = HOURLY, made: Any = MADE) -> Certificate:
    signatures = [sign_settlement(params, made, vault_key(one)) for one in numbers]
    return countersign_settlement(BARE, signatures)


def test_signers_accounts_in_order_of_rank_certify() -> None:
    assert accounts_signed(HOURLY, MEMBERS, signed(1, 3, 5))


@pytest.mark.parametrize(
    "wrong",
    [
        signed(3, 1, 5),
        signed(1, 3),
        signed(1, 3, 5, 5),
        signed(1, 3, 4),
        signed(1, 3, 5, params=OTHER),
        signed(1, 3, 5, made=replace(MADE, period=1)),
        countersign_settlement(BARE, [b"", b"\0" * 65, b"\xff" * 64]),
        replace(signed(1, 3, 5), signers=b"\x95"),
        BARE,
    ],
)
def test_other_signatures_certify_nothing(wrong: Certificate) -> None:
    assert not accounts_signed(HOURLY, MEMBERS, wrong)


def test_infinity_certifies_nothing_by_bls() -> None:
    keys = [bls.public_key(number) for number in (1, 2, 3)]
    assert not bls.aggregate_verify_same(keys, MADE.digest(), NO_BLS_SIGNATURE)
