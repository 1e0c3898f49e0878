"""What can go wrong between an owner's files and the sealed chunks."""

from holdfast.protocol.errors import HoldfastError, ProtocolError
from holdfast.protocol.units import ChunkId


class ChunkUnavailableError(HoldfastError):
    """Too few holders answer to rebuild a chunk; what needs it cannot be read now."""

    def __init__(
        self, chunk: ChunkId, reason: str = "too few holders answered"
    ) -> None:
        super().__init__(f"chunk {chunk.hex()[:16]} cannot be read: {reason}")
        self.chunk = chunk
        self.reason = reason


class SealBrokenError(ProtocolError):
    """Sealed bytes were altered, or were sealed with another owner's key."""


class BlobMissingError(HoldfastError):
    """The index knows no chunk that holds this blob."""

    def __init__(self, blob: bytes) -> None:
        super().__init__(f"blob {blob.hex()[:16]} is in no chunk that the index knows")
        self.blob = blob


class BlobDamagedError(ProtocolError):
    """A blob's bytes do not hash to its id."""


class PhraseError(HoldfastError):
    """The recovery phrase has a wrong word, count or checksum."""


class WrongPassphraseError(HoldfastError):
    """No passphrase of the key file fits; try again, or recover with the phrase."""


class KeyFileError(HoldfastError):
    """The key file is missing, in the way, or not a key file."""


class SnapshotUnknownError(HoldfastError):
    """No snapshot, or more than one, goes by this name."""


class PathUnknownError(HoldfastError):
    """The snapshot holds nothing at this path."""


class ObjectUnknownError(HoldfastError):
    """No object has this name."""


class ObjectNameError(HoldfastError):
    """An object's name is empty or too long, or its metadata are too large."""


class HistoryConflictError(HoldfastError):
    """Chunks that a change relies on were pruned meanwhile; run the command again."""


class StateTooLargeError(HoldfastError):
    """The list of snapshots is full; forget some and prune."""


class NothingToBackUpError(HoldfastError):
    """None of the paths exists; nothing was stored."""


class SnapshotLimitError(HoldfastError):
    """A snapshot has too many paths or tags, or one that is too long."""


class ChunkerMissingError(HoldfastError):
    """The compiled part of pyfastcdc did not load; install its wheel again."""
