"""Cheap stand-ins for the costly parts of a simulated story, in one place.

Signatures are keyed hashes that anybody could make: the simulated adversaries
never forge, they lie with their own keys. All of it is put in for the time of a
story and taken out again; production is unchanged.
"""

import asyncio
import hashlib
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    ExitStack,
    contextmanager,
    nullcontext,
)
from functools import lru_cache
from typing import Any
from unittest import mock

from nacl.exceptions import BadSignatureError

from holdfast.ledger.core import court
from holdfast.protocol import bls, judgement, keys
from holdfast.protocol.errors import SignatureInvalidError
from holdfast.vault import (
    authority,
    data_side,
    former_deals,
    leaf_reading,
    owner_desk,
    quote_desk,
    rebuilding,
    scrubbing,
    taking_over,
    voiding,
)
from simulation.answer_stand_in import PiecewiseAnswers
from simulation.patching import everywhere
from simulation.remembering import remembered
from simulation.thawing import thawed

WAITING = (
    data_side,
    former_deals,
    leaf_reading,
    owner_desk,
    quote_desk,
    rebuilding,
    scrubbing,
    taking_over,
    voiding,
)
"""The modules whose work runs to its end although a client hangs up."""


class StandInVerifyKey:
    """What `nacl.signing.VerifyKey` is used for."""

    def __init__(self, public: bytes) -> None:
        self._public = public

    def __bytes__(self) -> bytes:
        return self._public

    def verify(self, message: bytes, signature: bytes) -> None:
        if keyed(self._public, message) != signature:
            raise BadSignatureError


def sign(pair: keys.SigningPair, message: bytes) -> bytes:
    """Stand in for `SigningPair.sign`."""
    return keyed(pair.public, message)


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Stand in for `keys.verify`."""
    if keyed(public, message) != signature:
        raise SignatureInvalidError("the signature does not fit")


class StandInSigningKey:
    """What `nacl.signing.SigningKey` is used for beside `SigningPair.sign`."""

    def __init__(self, seed: bytes) -> None:
        public = hashlib.blake2b(seed, digest_size=32, person=b"stand-in key").digest()
        self.verify_key = StandInVerifyKey(public)


@lru_cache(1 << 14)
def keyed(public: bytes, message: bytes) -> bytes:
    """Return the signature of a message; each is made once and verified often."""
    return hashlib.blake2b(message, key=public[:32], digest_size=64).digest()


class StandInBls:
    """A BLS backend whose aggregate is the exclusive or of its signatures."""

    NAME = "stand-in"

    @staticmethod
    @lru_cache(4096)
    def public_key(secret: int) -> bytes:
        return hashlib.blake2b(
            secret.to_bytes(32, "big"), digest_size=48, person=b"stand-in bls"
        ).digest()

    def sign(self, secret: int, message: bytes) -> bytes:
        return self._signature(self.public_key(secret), message)

    def prove_possession(self, secret: int) -> bytes:
        return self.sign(secret, b"possession")

    def verify_possession(self, public: bytes, proof: bytes) -> bool:
        return self._signature(public, b"possession") == proof

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        if not signatures or any(len(one) != bls.SIGNATURE_BYTES for one in signatures):
            raise SignatureInvalidError("not signatures")
        return _xor(signatures)

    def aggregate_verify_same(
        self, publics: Sequence[bytes], message: bytes, signature: bytes
    ) -> bool:
        single = [self._signature(public, message) for public in publics]
        return bool(single) and _xor(single) == signature

    @staticmethod
    def _signature(public: bytes, message: bytes) -> bytes:
        first = hashlib.blake2b(message, key=public).digest()
        return first + hashlib.blake2b(first, key=public, digest_size=32).digest()


def _xor(signatures: Sequence[bytes]) -> bytes:
    total = 0
    for one in signatures:
        total ^= int.from_bytes(one, "big")
    return total.to_bytes(bls.SIGNATURE_BYTES, "big")


async def straight(work: Coroutine[Any, Any, Any]) -> Any:
    """Stand in for `to_the_end`: nobody hangs up inside a simulated call."""
    return await work


class OneAfterAnother:
    """Stands in for `asyncio` where calls are only gathered."""

    @staticmethod
    async def gather(*work: Coroutine[Any, Any, Any]) -> list[Any]:
        return [await one for one in work]


class NeverLate:
    """Stands in for `asyncio` where a call has a limit of time: none takes any."""

    Semaphore = asyncio.Semaphore

    @staticmethod
    def timeout(_seconds: float) -> AbstractAsyncContextManager[None]:
        return nullcontext()


@contextmanager
def stand_ins() -> Iterator[None]:
    """Put everything in, and take it out at the end."""
    answers = PiecewiseAnswers()
    patches: tuple[tuple[Any, str, Any], ...] = (
        (judgement, "ANSWER", answers),
        (court, "ANSWER", answers),
        (keys, "SigningKey", StandInSigningKey),
        (keys, "VerifyKey", StandInVerifyKey),
        (keys.SigningPair, "sign", sign),
        *everywhere(keys, "verify", lambda _: verify),
        (bls, "_backend", StandInBls()),
        (authority, "asyncio", NeverLate),
        (taking_over, "asyncio", OneAfterAnother),
        (rebuilding, "asyncio", OneAfterAnother),
        *((module, "to_the_end", straight) for module in WAITING),
        *remembered(),
        *thawed(),
    )
    with ExitStack() as stack:
        for target, name, stand_in in patches:
            stack.enter_context(mock.patch.object(target, name, stand_in))
        yield
