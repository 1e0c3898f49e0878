"""Certificates of vault records: bytes from strangers, turned into PEM."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.wire.rpc import certificate_pem, make_certificate

IDENTITY = make_certificate()
DER = IDENTITY.certificate_der()


def test_a_certificate_comes_back_as_it_was_made() -> None:
    assert certificate_pem(DER) == IDENTITY.certificate_pem


@given(st.binary(max_size=600) | st.integers(0, len(DER) - 1).map(lambda n: DER[:n]))
def test_what_is_no_certificate_is_a_value_error(noise: bytes) -> None:
    with pytest.raises(ValueError, match="ertificate"):
        certificate_pem(noise)


@given(st.binary(min_size=1, max_size=40) | st.just(DER))
def test_nothing_may_follow_a_certificate(more: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        certificate_pem(DER + more)
