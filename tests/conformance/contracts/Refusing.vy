# pragma version 0.4.3
# pragma evm-version cancun
"""
@notice A token that says no, where ours reverts, to transfers from or to one account.
"""

balanceOf: public(HashMap[address, uint256])
refused: address


@deploy
def __init__(supply: uint256, holder: address):
    self.balanceOf[holder] = supply


@external
def refuse(party: address):
    self.refused = party


@external
def approve(spender: address, amount: uint256) -> bool:
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    return self._move(msg.sender, to, amount)


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    return self._move(owner, to, amount)


@internal
def _move(owner: address, to: address, amount: uint256) -> bool:
    if self.refused in [owner, to]:
        return False
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    return True
