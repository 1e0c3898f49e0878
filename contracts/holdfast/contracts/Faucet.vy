# pragma version 0.4.3
# pragma evm-version cancun
# @license Apache-2.0
"""
@title  The faucet of a development network
@notice It gives away what it was given, once to each account. It is deployed only
        where tokens are worth nothing; no other contract knows it.
"""

from ethereum.ercs import IERC20

event Fed:
    account: indexed(address)
    amount: uint256

token: public(immutable(IERC20))
amount: public(immutable(uint256))
fed: public(HashMap[address, bool])


@deploy
def __init__(token_: address, amount_: uint256):
    token = IERC20(token_)
    amount = amount_


@external
@nonreentrant
def drip():
    """
    @notice Give the caller the network's faucet amount.
    """
    assert amount > 0, "faucet closed"
    assert not self.fed[msg.sender], "faucet used"
    self.fed[msg.sender] = True
    log Fed(account=msg.sender, amount=amount)
    assert extcall token.transfer(msg.sender, amount), "token refused"
