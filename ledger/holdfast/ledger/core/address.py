"""Accounts are EVM addresses: Keccak-256, and EIP-55 text that shows a typing error."""

from sha3 import keccak_256

from holdfast.ledger.core.errors import AddressTextError
from holdfast.protocol.units import AccountId

ADDRESS_BYTES = 20


def keccak(data: bytes) -> bytes:
    """Return Keccak-256 of `data`, as the EVM computes it (not SHA3-256)."""
    digest: bytes = keccak_256(data).digest()
    return digest


def address_of(public: bytes) -> AccountId:
    """Return the address of an uncompressed 65-byte secp256k1 public key."""
    assert len(public) == 65
    return AccountId(keccak(public[1:])[-ADDRESS_BYTES:])


def address_text(account: AccountId) -> str:
    """Return "0x…" with the upper and lower case of EIP-55."""
    plain = account.hex()
    check = keccak(plain.encode()).hex()
    cased = (
        letter.upper() if digit >= "8" else letter
        for letter, digit in zip(plain, check, strict=False)
    )
    return "0x" + "".join(cased)


def address_from(text: str) -> AccountId:
    """Return the address that a person typed, or raise AddressTextError.

    Text in one case only has no checksum and is taken as it is.
    """
    plain = text.strip().removeprefix("0x")
    try:
        account = AccountId(bytes.fromhex(plain))
    except ValueError as error:
        raise AddressTextError(text) from error
    if len(plain) != 2 * ADDRESS_BYTES or len(account) != ADDRESS_BYTES:
        raise AddressTextError(text)
    mixed = plain not in {plain.lower(), plain.upper()}
    if mixed and address_text(account) != "0x" + plain:
        raise AddressTextError(text)
    return account
