# pragma version 0.4.3
# pragma evm-version cancun
# @license Apache-2.0
"""
@title  HOLD, the token of one Holdfast network
@notice ERC-20 with 9 decimals and EIP-2612 permits. All of it is made once, at
        deployment: nobody can make more, take any away, pause it or own it.
"""

from ethereum.ercs import IERC20

implements: IERC20

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

# Every amount of a network fits a signed 64-bit column.
SUPPLY_MAX: constant(uint256) = 2**63 - 1
DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
PERMIT_TYPE: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
# Of the two signatures that ECDSA allows, only the one with the lower s counts.
S_MAX: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)

name: public(constant(String[8])) = "Holdfast"
symbol: public(constant(String[4])) = "HOLD"
decimals: public(constant(uint8)) = 9
version: public(constant(String[1])) = "1"

totalSupply: public(immutable(uint256))
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
nonces: public(HashMap[address, uint256])


@deploy
def __init__(supply: uint256, holder: address):
    """
    @notice Make the whole supply, in grains, and give it to `holder`.
    """
    assert 0 < supply and supply <= SUPPLY_MAX, "supply refused"
    assert holder != empty(address), "zero address"
    totalSupply = supply
    self.balanceOf[holder] = supply
    log Transfer(sender=empty(address), receiver=holder, value=supply)


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Move grains of the caller.
    """
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Move grains of `owner`, who allowed the caller to.
    """
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert amount <= allowed, "allowance too low"
        self._allow(owner, msg.sender, allowed - amount)
    self._move(owner, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Allow `spender` to move so many grains of the caller.
    """
    self._allow(msg.sender, spender, amount)
    return True


@external
def permit(
    owner: address,
    spender: address,
    amount: uint256,
    deadline: uint256,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    """
    @notice Allow `spender` to move grains of `owner`, who signed this (EIP-2612).
    """
    assert block.timestamp <= deadline, "permit expired"
    assert convert(s, uint256) <= S_MAX, "signature refused"
    nonce: uint256 = self.nonces[owner]
    body: bytes32 = keccak256(
        abi_encode(PERMIT_TYPE, owner, spender, amount, nonce, deadline)
    )
    digest: bytes32 = keccak256(concat(x"1901", self._domain(), body))
    signer: address = ecrecover(digest, v, r, s)
    assert signer != empty(address) and signer == owner, "signature refused"
    self.nonces[owner] = nonce + 1
    self._allow(owner, spender, amount)


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    """
    @notice The EIP-712 domain of permits.
    """
    return self._domain()


@internal
@view
def _domain() -> bytes32:
    return keccak256(
        abi_encode(
            DOMAIN_TYPE, keccak256(name), keccak256(version), chain.id, self
        )
    )


@internal
def _move(owner: address, to: address, amount: uint256):
    assert to != empty(address), "zero address"
    assert amount <= self.balanceOf[owner], "balance too low"
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    log Transfer(sender=owner, receiver=to, value=amount)


@internal
def _allow(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    log Approval(owner=owner, spender=spender, value=amount)
