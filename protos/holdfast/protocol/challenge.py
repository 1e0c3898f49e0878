"""Challenges: which bytes a vault must show, chosen by nobody.

Anybody who knows the beacon and the checkpoint's root computes the same
offsets, so an audit can be repeated by everybody, at any time.
"""

import hashlib

from holdfast.protocol.checkpoint import Checkpoint
from holdfast.protocol.frozen import frozen
from holdfast.protocol.units import Digest, NetworkId


@frozen
class Challenge:
    """The seed of one vault's audit of one epoch, and how many leaves it asks."""

    seed: bytes
    present_bytes: int
    leaves: int

    def offsets(self) -> tuple[int, ...]:
        """Return byte offsets, uniform with replacement; none if nothing is held.

        A 256-bit hash modulo the bytes held is uniform to within 2^-190.
        """
        if not self.present_bytes:
            return ()
        return tuple(
            int.from_bytes(
                hashlib.sha256(self.seed + draw.to_bytes(4, "big")).digest(), "big"
            )
            % self.present_bytes
            for draw in range(self.leaves)
        )


def challenge(
    network: NetworkId, epoch: int, beacon: Digest, checkpoint: Checkpoint, leaves: int
) -> Challenge:
    """Return the challenge of `epoch` on the checkpoint that stands."""
    message = (
        b"holdfast challenge v1"
        + network
        + epoch.to_bytes(8, "big")
        + beacon
        + checkpoint.vault
        + checkpoint.root
    )
    seed = hashlib.sha256(message).digest()
    return Challenge(seed, checkpoint.present_bytes, leaves)
