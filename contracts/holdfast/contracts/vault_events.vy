# pragma version 0.4.3
# @license Apache-2.0
"""
@title  What Registry says: with these events anybody can keep the list of vaults
"""

event Registered:
    vault: indexed(bytes32)
    account: indexed(address)
    number: uint256
    identity_key: bytes32
    bls_key: Bytes[48]
    possession: Bytes[96]
    payout: address
    consent: Bytes[64]
    joined_epoch: uint256

event Staked:
    vault: indexed(bytes32)
    amount: uint256

event Unbonded:
    vault: indexed(bytes32)
    left_epoch: uint256

event Withdrawn:
    vault: indexed(bytes32)
    amount: uint256

event VaultEjected:
    vault: indexed(bytes32)
    slashed: uint256
    left_epoch: uint256

event Claimed:
    vault: indexed(bytes32)
    payout: indexed(address)
    amount: uint256

event Committed:
    vault: indexed(bytes32)
    committed_bytes: uint256
