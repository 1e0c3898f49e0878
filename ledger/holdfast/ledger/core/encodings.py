"""The byte form of operations: what a signer sends and what the journal keeps.

The first byte after account and nonce is the operation's kind. EIP-712 (see
`typed_data`) defines what is signed; this is only how it travels and rests.
"""

from collections.abc import Mapping
from typing import Any, Final

from holdfast.ledger.core.operations import (
    Claim,
    Close,
    Extend,
    Faucet,
    Fund,
    Open,
    Operation,
    Refund,
    Register,
    Replace,
    Settle,
    SignedOperation,
    Transfer,
    Unbond,
    Withdraw,
)
from holdfast.protocol.deal import QUOTE
from holdfast.protocol.encoding import (
    BYTES20,
    BYTES32,
    BYTES64,
    U8,
    U64,
    Codec,
    Format,
    Reader,
    fixed,
    sequence,
)
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.settlement import CERTIFICATE, REPLACEMENT, TOTAL_PROOF
from holdfast.protocol.units import HOLDERS_MAX

SIGNATURE_BYTES: Final = 65
PROOFS_MAX: Final = 2
QUOTES: Final = sequence(QUOTE.nested(), HOLDERS_MAX)

OPERATIONS: Final[Mapping[type[Any], Format[Any]]] = {
    Transfer: Format(Transfer, kind=51, version=1, to=BYTES20, amount=U64),
    Faucet: Format(Faucet, kind=52, version=1),
    Register: Format(
        Register,
        kind=53,
        version=1,
        identity_key=BYTES32,
        bls_key=fixed(48),
        possession=fixed(96),
        payout=BYTES20,
        stake=U64,
        consent=BYTES64,
    ),
    Unbond: Format(Unbond, kind=54, version=1, vault=BYTES32),
    Withdraw: Format(Withdraw, kind=55, version=1, vault=BYTES32),
    Open: Format(
        Open,
        kind=56,
        version=1,
        nonce=BYTES32,
        deal_key=BYTES32,
        k=U8,
        capacity=U64,
        end_epoch=U64,
        quotes=QUOTES,
    ),
    Fund: Format(Fund, kind=57, version=1, deal=BYTES32, amount=U64),
    Extend: Format(
        Extend,
        kind=58,
        version=1,
        deal=BYTES32,
        capacity=U64,
        end_epoch=U64,
        quotes=QUOTES,
    ),
    Close: Format(Close, kind=59, version=1, deal=BYTES32),
    Settle: Format(Settle, kind=60, version=1, certificate=CERTIFICATE.bare()),
    Claim: Format(Claim, kind=61, version=1, proof=TOTAL_PROOF.bare()),
    Refund: Format(
        Refund,
        kind=62,
        version=1,
        deal=BYTES32,
        proof=sequence(TOTAL_PROOF.bare(), PROOFS_MAX),
    ),
    # 63 to 65 are entries of the journal.
    Replace: Format(
        Replace,
        kind=49,
        version=1,
        replacement=REPLACEMENT.bare(),
        proof=TOTAL_PROOF.bare(),
    ),
}
_BY_KIND: Final = {form.kind: form for form in OPERATIONS.values()}


def _write(operation: Operation) -> bytes:
    form = OPERATIONS[type(operation)]
    return U8.write(form.kind) + form.bare().write(operation)


def _read(reader: Reader) -> Operation:
    kind = U8.read(reader)
    if kind not in _BY_KIND:
        raise DecodingError(f"no operation is of kind {kind}")
    operation: Operation = _BY_KIND[kind].bare().read(reader)
    return operation


SIGNED_OPERATION: Final = Format(
    SignedOperation,
    kind=50,
    version=1,
    account=BYTES20,
    nonce=U64,
    operation=Codec(_write, _read),
    signature=fixed(SIGNATURE_BYTES),
)
