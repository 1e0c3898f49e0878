"""What a vault says of itself: where it listens, what it asks, what is free.

Records spread by gossip; of two records of one vault the higher sequence wins.
"""

from holdfast.protocol.encoding import (
    BYTES20,
    BYTES32,
    U64,
    Format,
    fixed,
    sequence,
    text,
    variable,
)
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import vault_id, verify
from holdfast.protocol.signing import Signed, SignedFormat
from holdfast.protocol.units import AccountId, Grains, NetworkId, VaultId

ENDPOINTS_MAX = 4
CERTIFICATE_BYTES_MAX = 4096


@frozen
class VaultRecord:
    """One vault's self-description; `ask_price` is grains per GiB per epoch.

    Endpoints are "host:port"; `certificate` is the DER of its self-signed TLS
    certificate, which callers pin; `free_bytes` is what it still offers.
    """

    identity_key: bytes
    box_key: bytes
    bls_key: bytes
    account: AccountId
    endpoints: tuple[str, ...]
    certificate: bytes
    ask_price: Grains
    free_bytes: int
    sequence: int

    @property
    def vault(self) -> VaultId:
        """The id that follows from the identity key."""
        return vault_id(self.identity_key)


VAULT_RECORD = SignedFormat(
    Format(
        VaultRecord,
        kind=2,
        version=1,
        identity_key=BYTES32,
        box_key=BYTES32,
        bls_key=fixed(48),
        account=BYTES20,
        endpoints=sequence(text(255), ENDPOINTS_MAX),
        certificate=variable(CERTIFICATE_BYTES_MAX),
        ask_price=U64,
        free_bytes=U64,
        sequence=U64,
    )
)

SignedRecord = Signed[VaultRecord]


def check_record(record: SignedRecord, network: NetworkId) -> VaultRecord:
    """Return the record if it is signed by the key it names."""
    message = VAULT_RECORD.message(record.value, network)
    verify(record.value.identity_key, message, record.signature)
    return record.value
