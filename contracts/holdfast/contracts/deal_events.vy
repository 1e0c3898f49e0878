# pragma version 0.4.3
# @license Apache-2.0
"""
@title  What Deals says: with these events anybody can keep the list of deals
"""

import quotes

event DealOpened:
    deal: indexed(bytes32)
    owner: indexed(address)
    nonce: bytes32
    deal_key: bytes32
    k: uint256
    capacity: uint256
    opened_epoch: uint256
    end_epoch: uint256
    escrow: uint256
    holders: DynArray[quotes.Holder, quotes.HOLDERS_MAX]

event DealFunded:
    deal: indexed(bytes32)
    account: indexed(address)
    amount: uint256

event DealExtended:
    deal: indexed(bytes32)
    capacity: uint256
    end_epoch: uint256
    amount: uint256

event DealClosed:
    deal: indexed(bytes32)
    closed_epoch: uint256
    last_epoch: uint256

event DealRefunded:
    deal: indexed(bytes32)
    owner: indexed(address)
    amount: uint256
    spent: uint256

event HolderReplaced:
    deal: indexed(bytes32)
    index: uint256
    lost: indexed(bytes32)
    vault: indexed(bytes32)
    price: uint256
    epoch: uint256

event EscrowSpent:
    amount: uint256
