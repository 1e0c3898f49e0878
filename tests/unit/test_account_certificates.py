"""Certificates by accounts count when every signer's own account signed."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_parties import keys_of, row_of
from holdfast.ledger.core.account_certificates import (
    accounts_signed,
    is_signed_by,
    settlement_signer,
    sign_settlement,
)
from holdfast.ledger.core.account_key import ORDER
from holdfast.ledger.core.values import RegisteredVault
from holdfast.protocol import bls
from holdfast.protocol.account_certificate import (
    ACCOUNT_CERTIFICATE,
    ANY_CERTIFICATE,
    NO_BLS_SIGNATURE,
    AccountCertificate,
)
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.settlement import (
    CERTIFICATE,
    Certificate,
    Totals,
    signers_bitmap,
)
from ledger_stage import HOURLY, statement, vault_key

OTHER = replace(HOURLY, name="another")
MADE = statement(HOURLY, 0, Totals({}, {}))
RANKS = (0, 2, 4)
BITMAP = signers_bitmap(RANKS, 5)
ROWS = [
    row_of(keys_of(number), number, account=vault_key(number).id)
    for number in range(1, 6)
]
SIGNERS = [ROWS[rank] for rank in RANKS]
BARE = Certificate(MADE, BITMAP, NO_BLS_SIGNATURE)


def by_accounts(*signatures: bytes) -> AccountCertificate:
    return AccountCertificate(MADE, BITMAP, account_signatures=signatures)


def signed(*numbers: int, params: Any = HOURLY, made: Any = MADE) -> Certificate:
    keys = map(vault_key, numbers)
    return by_accounts(*(sign_settlement(params, made, key) for key in keys))


def by_bls(signers: list[RegisteredVault]) -> Certificate:
    secrets = [keys_of(signer.number).bls_secret for signer in signers]
    single = [bls.sign(secret, MADE.digest()) for secret in secrets]
    return Certificate(MADE, BITMAP, bls.aggregate(single))


def high(signature: bytes) -> bytes:
    """Return the other signature that the same account could have made."""
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def test_signers_accounts_in_order_of_rank_certify() -> None:
    assert accounts_signed(HOURLY, SIGNERS, signed(1, 3, 5))


@pytest.mark.parametrize(
    "wrong",
    [
        signed(3, 1, 5),
        signed(1, 3),
        signed(1, 3, 5, 5),
        signed(1, 1, 1),
        signed(1, 3, 4),
        signed(1, 3, 5, params=OTHER),
        signed(1, 3, 5, made=replace(MADE, period=1)),
        by_accounts(b"", b"\0" * 65, b"\xff" * 64),
        by_accounts(),
        BARE,
    ],
)
def test_other_signatures_certify_nothing(wrong: Certificate) -> None:
    assert not accounts_signed(HOURLY, SIGNERS, wrong)


def test_nobody_certifies_nothing() -> None:
    nobody = AccountCertificate(MADE, b"\0")
    assert not accounts_signed(HOURLY, [], nobody)


def test_the_high_s_of_a_signature_is_nobodys() -> None:
    good = sign_settlement(HOURLY, MADE, vault_key(1))
    assert settlement_signer(HOURLY, MADE, good) == vault_key(1).id
    assert settlement_signer(HOURLY, MADE, high(good)) is None
    three = (sign_settlement(HOURLY, MADE, vault_key(one)) for one in (1, 3, 5))
    assert not accounts_signed(HOURLY, SIGNERS, by_accounts(*map(high, three)))


@given(st.binary(max_size=80), st.integers(0, 64), st.integers(1, 255))
def test_any_other_bytes_are_not_the_accounts(
    noise: bytes, place: int, turned: int
) -> None:
    good = sign_settlement(HOURLY, MADE, vault_key(1))
    altered = bytearray(good)
    altered[place] ^= turned
    for wrong in (noise, bytes(altered)):
        assert settlement_signer(HOURLY, MADE, wrong) != vault_key(1).id


def test_infinity_certifies_nothing_by_bls() -> None:
    keys = [bls.public_key(number) for number in (1, 2, 3)]
    assert not bls.aggregate_verify_same(keys, MADE.digest(), NO_BLS_SIGNATURE)


@pytest.mark.parametrize("accounts_certify", [False, True])
def test_the_networks_kind_of_certificate_counts_and_the_other_does_not(
    accounts_certify: bool,
) -> None:
    def counts(certificate: Certificate) -> bool:
        return is_signed_by(
            HOURLY, SIGNERS, certificate, accounts_certify=accounts_certify
        )

    assert counts(by_bls(SIGNERS)) is not accounts_certify
    assert counts(signed(1, 3, 5)) is accounts_certify


def test_each_kind_has_its_own_format_and_is_read_back_from_either() -> None:
    by_keys, by_three = by_bls(SIGNERS), by_accounts(b"1" * 65)
    assert ANY_CERTIFICATE.encode(by_keys) == CERTIFICATE.encode(by_keys)
    assert ANY_CERTIFICATE.encode(by_three) == ACCOUNT_CERTIFICATE.encode(by_three)
    for certificate in (by_keys, by_three):
        assert (
            ANY_CERTIFICATE.decode(ANY_CERTIFICATE.encode(certificate)) == certificate
        )


@given(st.binary(max_size=200), st.sampled_from([14, 15, 16]))
def test_bytes_of_no_certificate_are_refused(noise: bytes, kind: int) -> None:
    with pytest.raises(DecodingError):
        ANY_CERTIFICATE.decode(b"HF" + bytes([kind, 1]) + noise)
