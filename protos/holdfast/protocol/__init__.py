"""The pure protocol: values, keys, erasure code, trees, proofs, placement, pricing.

Nothing here opens a file, reads a clock, rolls dice or touches the network.
"""
