# pragma version 0.4.3
# pragma evm-version cancun
# @license Apache-2.0
"""
@title  Certificates by ECDSA signatures, for chains without EIP-2537
@notice Takes the place of BlsCertificates: members sign with their accounts. Cheaper
        below some twenty signers, and it costs more with each of them. BLS keys are
        not kept, and their proofs not checked, because here nothing depends on them.
"""

MEMBERS_MAX: constant(uint256) = 128
SIGNATURE_BYTES: constant(uint256) = 65
EVIDENCE_BYTES_MAX: constant(uint256) = MEMBERS_MAX * SIGNATURE_BYTES
S_MAX: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)
DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,bytes32 salt)"
)
SETTLEMENT_TYPE: constant(bytes32) = keccak256("Settlement(bytes32 statement)")

interface Network:
    def network_id() -> bytes32: view

network: public(immutable(address))
registry: public(immutable(address))
DOMAIN: immutable(bytes32)
accounts: public(HashMap[uint256, address])


@deploy
def __init__(registry_: address, network_: address):
    network = network_
    registry = registry_
    network_id: bytes32 = staticcall Network(network_).network_id()
    DOMAIN = keccak256(
        abi_encode(
            DOMAIN_TYPE, keccak256("Holdfast"), keccak256("1"), chain.id, network_id
        )
    )


@external
def enroll(
    number: uint256, account: address, key: Bytes[128], possession: Bytes[256]
):
    """
    @notice Take the account of a new vault, which signs for it.
    """
    assert msg.sender == registry, "only the registry"
    self.accounts[number] = account


@external
@view
def verify(
    members: DynArray[uint256, MEMBERS_MAX],
    signers: uint256,
    digest: bytes32,
    evidence: Bytes[EVIDENCE_BYTES_MAX],
) -> bool:
    """
    @notice Tell whether the members whose bit is set in `signers` signed `digest`.
    @param members The numbers of vaults, by rank; bit r of `signers` is rank r.
    @param evidence A signature (r, s, v) of 65 bytes for each signer, in that order.
    """
    body: bytes32 = keccak256(abi_encode(SETTLEMENT_TYPE, digest))
    message: bytes32 = keccak256(concat(x"1901", DOMAIN, body))
    rest: uint256 = signers
    at: uint256 = 0
    for number: uint256 in members:
        if rest == 0:
            break
        if rest & 1 == 1:
            assert at + SIGNATURE_BYTES <= len(evidence), "signature malformed"
            signature: Bytes[65] = slice(evidence, at, 65)
            if not self._signed(message, signature, self.accounts[number]):
                return False
            at += SIGNATURE_BYTES
        rest >>= 1
    assert rest == 0, "signers unknown"
    assert at == len(evidence), "signature malformed"
    return True


@internal
@pure
def _signed(message: bytes32, signature: Bytes[65], account: address) -> bool:
    s: uint256 = convert(extract32(signature, 32), uint256)
    if s > S_MAX:
        return False
    r: uint256 = convert(extract32(signature, 0), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    signer: address = ecrecover(message, v, r, s)
    return signer != empty(address) and signer == account
