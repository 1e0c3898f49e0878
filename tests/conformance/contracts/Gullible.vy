# pragma version 0.4.3
# pragma evm-version cancun
"""
@notice Believes every signature: for tests with hundreds of vaults.
"""


@external
@view
def verify(key: bytes32, message: Bytes[278], signature: Bytes[64]) -> bool:
    return True
