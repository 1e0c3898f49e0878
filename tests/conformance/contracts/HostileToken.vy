# pragma version 0.4.3
# pragma evm-version cancun
"""
@notice A token that calls back in the middle of a transfer, as ours never does.
"""

balanceOf: public(HashMap[address, uint256])
target: address
message: Bytes[4096]
armed: bool
answered: public(uint256)
succeeded: public(bool)


@deploy
def __init__(supply: uint256, holder: address):
    self.balanceOf[holder] = supply


@external
def arm(target: address, message: Bytes[4096]):
    self.target = target
    self.message = message
    self.armed = True


@external
def approve(spender: address, amount: uint256) -> bool:
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self._move(owner, to, amount)
    return True


@internal
def _move(owner: address, to: address, amount: uint256):
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    if self.armed:
        self.armed = False
        self.answered += 1
        self.succeeded = raw_call(
            self.target, self.message, revert_on_failure=False
        )
