# pragma version 0.4.3
# pragma evm-version cancun
# @license Apache-2.0
"""
@title  Answering: stands for any contract of a network when another asks who it names
"""

network: public(immutable(address))
token: public(immutable(address))
registry: public(immutable(address))
certificates: public(immutable(address))
deals: public(immutable(address))
settlement: public(immutable(address))


@deploy
def __init__(
    network_: address,
    token_: address,
    registry_: address,
    certificates_: address,
    deals_: address,
    settlement_: address,
):
    network = network_
    token = token_
    registry = registry_
    certificates = certificates_
    deals = deals_
    settlement = settlement_
