"""The ledger on an EVM chain: the port over the contracts, through web3.

Needs the extra `evm`. Nothing outside this package imports web3, and only
`node`, `in_process` and what they call import it at all.
"""
