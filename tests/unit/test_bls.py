"""arkworks against py_ecc, which is slow: what both say is asked for once."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from py_ecc.bls.ciphersuites import G2ProofOfPossession
from py_ecc.bls.point_compression import compress_G1, compress_G2, decompress_G2
from py_ecc.bls.typing import G2Compressed
from py_ecc.fields import optimized_bls12_381_FQ as FQ
from py_ecc.fields import optimized_bls12_381_FQ2 as FQ2
from py_ecc.optimized_bls12_381.optimized_curve import (
    add,
    b2,
    field_modulus,
    is_on_curve,
)

from holdfast.protocol import bls, bls_arkworks, bls_pyecc
from holdfast.protocol.errors import SignatureInvalidError

BACKENDS: list[bls.Backend] = [bls_arkworks, bls_pyecc]

MESSAGE = b"what the committee certifies"
SECRETS = [bls.secret_key(bytes([number]) * 32) for number in range(3)]
KEYS = [bls_arkworks.public_key(secret) for secret in SECRETS]
SIGNATURES = [bls_arkworks.sign(secret, MESSAGE) for secret in SECRETS]
NO_KEY = b"\xc0" + bytes(47)
NO_SIGNATURE = b"\xc0" + bytes(95)

for_both = pytest.mark.parametrize("backend", BACKENDS, ids=lambda each: each.NAME)


def compressed(first: int, second: int) -> bytes:
    return first.to_bytes(48) + second.to_bytes(48)


def key_outside_the_group() -> bytes:
    """Return a point of the curve that the generator does not reach."""
    x = 1
    while pow(x**3 + 4, (field_modulus - 1) // 2, field_modulus) != 1:
        x += 1
    y = pow(x**3 + 4, (field_modulus + 1) // 4, field_modulus)
    return compress_G1((FQ(x), FQ(y), FQ(1))).to_bytes(48)


def signature_outside_the_group() -> bytes:
    """Return an encoding that decompresses to a point outside the group."""
    x = 1
    while True:
        try:
            point = decompress_G2(G2Compressed((1 << 383, x)))
        except ValueError:
            x += 1
        else:
            assert is_on_curve(point, b2)
            return compressed(*compress_G2(point))


def with_bits(data: bytes, place: int, bits: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= bits
    return bytes(changed)


WRONG_KEYS = {
    "empty": b"",
    "short": KEYS[0][:47],
    "long": KEYS[0] + b"\x00",
    "zeros": bytes(48),
    "ones": b"\xff" * 48,
    "the identity": NO_KEY,
    "the identity with a sign": b"\xe0" + bytes(47),
    "the identity with garbage": b"\xc0" + bytes(46) + b"\x01",
    "a key under the infinity flag": with_bits(KEYS[0], 0, 0x40),
    "a key without the compression flag": with_bits(KEYS[0], 0, 0x80),
    "x beyond the field": (field_modulus | 1 << 383).to_bytes(48),
    "x off the curve": (1 << 383 | 1).to_bytes(48),
    "outside the group": key_outside_the_group(),
    "the negated key": with_bits(KEYS[0], 0, 0x20),
    "another's key": KEYS[1],
}

WRONG_SIGNATURES = {
    "empty": b"",
    "short": SIGNATURES[0][:95],
    "long": SIGNATURES[0] + b"\x00",
    "zeros": bytes(96),
    "ones": b"\xff" * 96,
    "the identity": NO_SIGNATURE,
    "the identity with a sign": b"\xe0" + bytes(95),
    "the identity with garbage": b"\xc0" + bytes(94) + b"\x01",
    "a signature under the infinity flag": with_bits(SIGNATURES[0], 0, 0x40),
    "a signature without the compression flag": with_bits(SIGNATURES[0], 0, 0x80),
    "a flag in the second half": with_bits(SIGNATURES[0], 48, 0x80),
    "x beyond the field": compressed(1 << 383 | field_modulus, 0),
    "outside the group": signature_outside_the_group(),
    "the negated signature": with_bits(SIGNATURES[0], 0, 0x20),
    "another's signature": SIGNATURES[1],
}

# These are points of the group, so they can be added up though they verify nothing.
ADDABLE = {"the identity", "the negated signature", "another's signature"}


@given(st.binary(min_size=32, max_size=32))
@example(bytes(32))
def test_secret_keys_are_those_of_py_ecc(seed: bytes) -> None:
    assert bls.secret_key(seed) == G2ProofOfPossession.KeyGen(seed)


@pytest.mark.parametrize("secret", [1, SECRETS[0], bls.CURVE_ORDER - 1])
def test_both_make_the_same_bytes(secret: int) -> None:
    made = [
        (
            backend.public_key(secret),
            backend.sign(secret, b""),
            backend.sign(secret, b"\xff" * 300),
            backend.prove_possession(secret),
        )
        for backend in BACKENDS
    ]
    assert made[0] == made[1]


@for_both
def test_a_signature_is_its_owners_and_its_messages_only(backend: bls.Backend) -> None:
    verify = backend.aggregate_verify_same
    assert verify(KEYS[:1], MESSAGE, SIGNATURES[0])
    assert not verify(KEYS[:1], MESSAGE + b".", SIGNATURES[0])


@for_both
@pytest.mark.parametrize("key", WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_a_wrong_key_verifies_nothing(backend: bls.Backend, key: bytes) -> None:
    assert not backend.aggregate_verify_same([key], MESSAGE, SIGNATURES[0])


@for_both
@pytest.mark.parametrize("signature", WRONG_SIGNATURES.values(), ids=WRONG_SIGNATURES)
def test_a_wrong_signature_is_refused(backend: bls.Backend, signature: bytes) -> None:
    assert not backend.aggregate_verify_same(KEYS[:1], MESSAGE, signature)


@pytest.mark.parametrize("key", [NO_KEY, WRONG_KEYS["the identity with garbage"]])
def test_no_encoding_of_the_identity_hides_among_keys(key: bytes) -> None:
    for backend in BACKENDS:
        assert not backend.aggregate_verify_same([KEYS[0], key], MESSAGE, SIGNATURES[0])


@given(st.binary(min_size=48, max_size=48))
def test_nothing_under_the_infinity_flag_is_a_key(data: bytes) -> None:
    key = bytes([data[0] | 0xC0]) + data[1:]
    publics = [KEYS[0], key]
    assert not bls_arkworks.aggregate_verify_same(publics, MESSAGE, SIGNATURES[0])


@given(st.binary(min_size=96, max_size=96))
def test_only_one_encoding_of_the_empty_sum_can_be_added(data: bytes) -> None:
    signature = bytes([data[0] | 0xC0]) + data[1:]
    if signature != NO_SIGNATURE:
        with pytest.raises(SignatureInvalidError):
            bls_arkworks.aggregate([signature])


@for_both
def test_a_sum_is_verified_by_exactly_its_signers(backend: bls.Backend) -> None:
    total = backend.aggregate(SIGNATURES)
    assert total == bls_arkworks.aggregate(SIGNATURES)
    assert backend.aggregate_verify_same(KEYS, MESSAGE, total)
    assert not backend.aggregate_verify_same(KEYS[:2], MESSAGE, total)
    assert not backend.aggregate_verify_same([], MESSAGE, total)


@for_both
def test_a_signer_counts_as_often_as_it_is_named(backend: bls.Backend) -> None:
    twice = backend.aggregate([SIGNATURES[0], SIGNATURES[0]])
    assert backend.aggregate_verify_same([KEYS[0], KEYS[0]], MESSAGE, twice)
    assert not backend.aggregate_verify_same([KEYS[0]], MESSAGE, twice)


@for_both
def test_keys_that_cancel_out_verify_nothing(backend: bls.Backend) -> None:
    opposite = bls.CURVE_ORDER - SECRETS[0]
    keys = [KEYS[0], backend.public_key(opposite)]
    total = backend.aggregate([SIGNATURES[0], backend.sign(opposite, MESSAGE)])
    assert total == NO_SIGNATURE
    assert not backend.aggregate_verify_same(keys, MESSAGE, total)


@for_both
@pytest.mark.parametrize("name", WRONG_SIGNATURES)
def test_only_points_of_the_group_are_added_up(backend: bls.Backend, name: str) -> None:
    signatures = [WRONG_SIGNATURES[name], SIGNATURES[2]]
    if name in ADDABLE:
        assert backend.aggregate(signatures) == bls_arkworks.aggregate(signatures)
    else:
        with pytest.raises(SignatureInvalidError):
            backend.aggregate(signatures)


@for_both
def test_strays_that_add_up_to_a_signature_are_still_refused(
    backend: bls.Backend,
) -> None:
    stray = decompressed(signature_outside_the_group())
    x, y, z = stray
    halves = [add(decompressed(SIGNATURES[0]), stray), (x, -y, z)]
    signatures = [compressed(*compress_G2(half)) for half in halves]
    with pytest.raises(SignatureInvalidError):
        backend.aggregate(signatures)


def decompressed(signature: bytes) -> tuple[FQ2, FQ2, FQ2]:
    first, second = signature[:48], signature[48:]
    return decompress_G2(G2Compressed((int.from_bytes(first), int.from_bytes(second))))


@for_both
def test_nothing_cannot_be_added_up(backend: bls.Backend) -> None:
    with pytest.raises(SignatureInvalidError):
        backend.aggregate([])


@for_both
def test_a_proof_of_possession_is_its_owners_only(backend: bls.Backend) -> None:
    proof = bls_arkworks.prove_possession(SECRETS[0])
    assert backend.verify_possession(KEYS[0], proof)
    assert not backend.verify_possession(KEYS[1], proof)
    assert not backend.verify_possession(NO_KEY, proof)
    assert not backend.verify_possession(KEYS[0], NO_SIGNATURE)
    assert not backend.verify_possession(KEYS[0], b"")


@for_both
def test_a_signature_of_the_key_is_no_proof_of_possession(backend: bls.Backend) -> None:
    signature = bls_arkworks.sign(SECRETS[0], KEYS[0])
    assert not backend.verify_possession(KEYS[0], signature)


def test_the_public_functions_fit_together() -> None:
    secret = SECRETS[0]
    key = bls.public_key(secret)
    signature = bls.sign(secret, MESSAGE)
    assert bls.verify(key, MESSAGE, signature)
    assert bls.verify_possession(key, bls.prove_possession(secret))
    assert bls.aggregate([signature]) == signature
    assert bls.aggregate_verify_same([key], MESSAGE, signature)


@pytest.mark.parametrize("secret", [0, -1, bls.CURVE_ORDER])
@pytest.mark.parametrize("use", [bls.public_key, bls.prove_possession])
def test_what_is_no_secret_key_is_our_own_bug(
    use: Callable[[int], bytes], secret: int
) -> None:
    with pytest.raises(AssertionError):
        use(secret)


def python_says(program: str) -> str:
    run = [sys.executable, "-c", program]
    return subprocess.check_output(run, text=True).strip()


def test_py_ecc_is_not_imported_where_arkworks_is() -> None:
    assert (
        python_says(
            "import sys; from holdfast.protocol import bls;"
            "print(bls.backend_name(), 'py_ecc' in sys.modules)"
        )
        == "arkworks False"
    )


def test_py_ecc_serves_where_arkworks_is_missing() -> None:
    assert (
        python_says(
            "import sys; sys.modules['py_arkworks_bls12381'] = None;"
            "from holdfast.protocol import bls;"
            "print(bls.backend_name(), bls.public_key(1).hex()[:8])"
        )
        == "py_ecc 97f1d3a7"
    )
