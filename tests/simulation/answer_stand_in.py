"""Signs answers over the pieces that they are made of, each encoded once.

An answer is large and its leaves come again; what is signed stands for all of it.
"""

import hashlib

from holdfast.protocol.answer import ANSWER, ENTRY_PROOF, LEAF_PROOF, Answer
from holdfast.protocol.checkpoint import STANDING
from holdfast.protocol.signing import SignedFormat
from holdfast.protocol.units import NetworkId
from simulation.memory import Memory


class PiecewiseAnswers(SignedFormat[Answer]):
    """Stands in for `ANSWER` wherever answers are signed and verified."""

    def __init__(self) -> None:
        super().__init__(ANSWER.format)
        self._memory = Memory()

    def message(self, value: Answer, network: NetworkId) -> bytes:
        said: bytes = self._memory.get(id(value), value, self._said, value, network)
        return said

    def _said(self, value: Answer, network: NetworkId) -> bytes:
        whole = hashlib.blake2b(network + value.epoch.to_bytes(8, "big"))
        whole.update(STANDING.encode(value.standing))
        whole.update(b"%d %d " % (len(value.entries), len(value.leaves)))
        for entry in value.entries:
            whole.update(ENTRY_PROOF.encode(entry))
        for leaf in value.leaves:
            whole.update(LEAF_PROOF.encode(leaf))
        return b"answer" + whole.digest()
