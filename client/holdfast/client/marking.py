"""Marking, in an index, the blobs that trees and lists need."""

from holdfast.client.blob_reader import BlobReader
from holdfast.client.core.blobs import BlobId, BlobList, list_ids
from holdfast.client.core.prune import Liveness
from holdfast.client.core.tree import NodeKind, decode_page


class Marker:
    """Marks what trees need; what was marked before is not read again.

    Raises BlobMissingError, ChunkUnavailableError or ProtocolError for a tree that
    cannot be read.
    """

    def __init__(self, liveness: Liveness, reader: BlobReader) -> None:
        self._liveness = liveness
        self._reader = reader

    def mark_tree(self, top: BlobList) -> None:
        """Mark a tree's pages and all that its files consist of."""
        waiting = [top]
        while waiting:
            for page in self.mark_list(waiting.pop()):
                for node in decode_page(self._reader.load(page)):
                    if node.kind is NodeKind.DIRECTORY:
                        waiting.append(node.content)
                    else:
                        self.mark_list(node.content)

    def mark_list(self, blobs: BlobList) -> list[BlobId]:
        """Mark a list and its list blobs; return the blobs that were unmarked."""
        level = [blob for blob in blobs.ids if self._liveness.mark(blob)]
        for _ in range(blobs.depth):
            level = [
                blob
                for part in level
                for blob in list_ids(self._reader.load(part))
                if self._liveness.mark(blob)
            ]
        return level
