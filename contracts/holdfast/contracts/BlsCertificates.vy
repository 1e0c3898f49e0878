# pragma version 0.4.3
# pragma evm-version cancun
# @license Apache-2.0
"""
@title  Certificates by BLS signatures: one signature for all signers
@notice Keeps the BLS key of every vault, by the vault's number, and checks that the
        owners of a set of keys signed. Only keys with a proof of possession come in.
"""

import bls

MEMBERS_MAX: constant(uint256) = 128
EVIDENCE_BYTES_MAX: constant(uint256) = 8320

network: public(immutable(address))
registry: public(immutable(address))
taken: public(HashMap[bytes32, bool])
keys: HashMap[uint256, bls.Key]


@deploy
def __init__(registry_: address, network_: address):
    network = network_
    registry = registry_


@external
def enroll(
    number: uint256, account: address, key: Bytes[128], possession: Bytes[256]
):
    """
    @notice Take the key of a new vault, once, with the proof that it is the vault's.
    @param key A point of G1, 128 bytes as EIP-2537 has them.
    @param possession A point of G2, 256 bytes: PopProve of the draft.
    """
    assert msg.sender == registry, "only the registry"
    packed: bls.Key = bls._pack(key)
    assert not bls._is_infinity(key), "key refused"
    mark: bytes32 = keccak256(key)
    assert not self.taken[mark], "BLS key taken"
    message: Bytes[48] = bls._compress_key(packed)
    proved: bool = bls._verify(key, message, bls.TAG_POSSESSION, possession)
    assert proved, "possession refused"
    self.taken[mark] = True
    self.keys[number] = packed


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
    @param evidence The aggregate signature, a point of G2 in 256 bytes.
    """
    assert len(evidence) == 256, "signature malformed"
    total: Bytes[128] = b""
    rest: uint256 = signers
    for number: uint256 in members:
        if rest == 0:
            break
        if rest & 1 == 1:
            key: Bytes[128] = bls._unpack(self.keys[number])
            if len(total) == 0:
                total = key
            else:
                total = bls._add_keys(total, key)
        rest >>= 1
    assert rest == 0 and len(total) == 128, "signers unknown"
    if bls._is_infinity(total):
        return False
    signature: Bytes[256] = slice(evidence, 0, 256)
    return bls._verify(total, slice(digest, 0, 32), bls.TAG_SIGNATURE, signature)


@external
@view
def key_of(number: uint256) -> Bytes[48]:
    """
    @notice The compressed BLS key of a vault.
    """
    return bls._compress_key(self.keys[number])
