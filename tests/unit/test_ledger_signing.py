"""What accounts sign is what eth-account signs, byte for byte."""

from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.ledger.core.account_key import AccountKey, authenticate
from holdfast.ledger.core.address import address_from, address_text
from holdfast.ledger.core.encodings import SIGNED_OPERATION
from holdfast.ledger.core.errors import AddressTextError, OperationSignatureError
from holdfast.ledger.core.operations import Faucet, Operation, SignedOperation
from holdfast.ledger.core.typed_data import operation_digest, typed_data
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.network import NetworkParams
from ledger_operations import examples, operations, u64
from ledger_stage import DEVELOPMENT, account_key

secrets = st.integers(1, 1 << 255).map(lambda number: number.to_bytes(32, "big"))
chains = st.builds(
    NetworkParams,
    name=st.just("net"),
    chain_id=u64,
    genesis_seconds=st.integers(0, 1 << 40),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(secrets, chains, u64, operations)
def test_eth_account_signs_the_same_bytes(
    secret: bytes, params: NetworkParams, nonce: int, operation: Operation
) -> None:
    key = AccountKey.from_secret(secret)
    shown = typed_data(params, key.id, nonce, operation)
    theirs = Account.sign_typed_data(secret, full_message=shown)
    ours = key.sign(params, nonce, operation)
    assert ours.signature == theirs.signature
    assert theirs.message_hash == operation_digest(params, key.id, nonce, operation)
    assert Account.from_key(secret).address == address_text(key.id)
    assert authenticate(params, ours) == theirs.message_hash


@pytest.mark.parametrize("name", examples())
def test_a_wallet_that_sees_the_json_signs_for_the_same_account(name: str) -> None:
    key = account_key(7)
    shown = typed_data(DEVELOPMENT, key.id, 3, examples()[name])
    signed = Account.sign_message(
        encode_typed_data(full_message=shown), (7).to_bytes(32, "big")
    )
    operation = SignedOperation(key.id, 3, examples()[name], bytes(signed.signature))
    authenticate(DEVELOPMENT, operation)
    assert shown["message"]["nonce"] == 3


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        SignedOperation,
        st.binary(min_size=20, max_size=20),
        u64,
        operations,
        st.binary(min_size=65, max_size=65),
    )
)
def test_operations_survive_their_encoding(signed: SignedOperation) -> None:
    data = SIGNED_OPERATION.encode(signed)
    assert SIGNED_OPERATION.decode(data) == signed
    for cut in (data[:-1], data + b"\0"):
        with pytest.raises(DecodingError):
            SIGNED_OPERATION.decode(cut)


@given(st.binary(max_size=400))
def test_bytes_that_are_no_operation_are_refused(data: bytes) -> None:
    prefix = SIGNED_OPERATION.encode(
        SignedOperation(account_key(1).id, 0, Faucet(), bytes(65))
    )[:-66]
    for bad in (data, prefix + data):
        try:
            decoded = SIGNED_OPERATION.decode(bad)
        except DecodingError:
            continue
        assert SIGNED_OPERATION.encode(decoded) == bad


@given(st.binary(min_size=65, max_size=65))
def test_random_signatures_recover_nobody_who_matters(signature: bytes) -> None:
    key = account_key(1)
    with pytest.raises(OperationSignatureError):
        authenticate(DEVELOPMENT, SignedOperation(key.id, 0, Faucet(), signature))


def test_a_signature_is_for_one_network_nonce_and_operation() -> None:
    key = account_key(1)
    digests = {
        operation_digest(params, key.id, nonce, operation)
        for params in (DEVELOPMENT, replace(DEVELOPMENT, name="other"))
        for nonce in (0, 1)
        for operation in examples().values()
    }
    assert len(digests) == 2 * 2 * len(examples())


# The first four are EIP-55's own examples.
@pytest.mark.parametrize(
    "text",
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_addresses_are_written_with_their_checksum(text: str) -> None:
    account = address_from(text)
    assert address_text(account) == text
    assert address_from(text.lower()) == account
    assert address_from(text[2:]) == account
    assert address_from("0x" + text[2:].upper()) == account


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "hello",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed00",
        "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x5a Aeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    ],
)
def test_a_mistyped_address_is_refused(text: str) -> None:
    with pytest.raises(AddressTextError, match="40 hex digits"):
        address_from(text)
