"""Signatures become points for a contract, and points become signatures again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.points import compressed_signature, signature_point
from holdfast.protocol import bls
from holdfast.protocol.errors import SignatureInvalidError
from ledger_stage import node_keys


@given(st.binary(min_size=32, max_size=32), st.integers(1, 4))
def test_a_signature_survives_the_way_through_a_contract(
    message: bytes, number: int
) -> None:
    signature = bls.sign(node_keys(number).bls_secret, message)
    assert compressed_signature(signature_point(signature)) == signature


@pytest.mark.parametrize("point", [b"", bytes(255), b"\xff" * 256])
def test_what_is_no_point_is_refused(point: bytes) -> None:
    with pytest.raises(SignatureInvalidError):
        compressed_signature(point)
