"""Contents as they are read from files that somebody may be changing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ..errors import RepositoryError
from ..values import Content
from .delta import ReadRange
from .pieces import Piece, segments


class VerifiedSource:
    """Reads pieces of contents, and proves by each content's digest that the bytes are still those that were listed.

    A content read from its start to its end, in one piece or in several, is hashed as it goes; one of which a part is
    read out of turn is first read whole.
    """

    def __init__(self, contents: Sequence[Content], read: ReadRange) -> None:
        self._contents = contents
        self._read = read
        self._proved: set[int] = set()
        self._hashed = 0  # bytes of the content that is being read in turn
        self._turn = -1
        self._digest = hashlib.sha256()

    def read(self, piece: Piece) -> bytes:
        """Return the piece's bytes.

        Raises ``RepositoryError`` (SOURCE_CHANGED), at the content's last piece at the latest.
        """
        in_turn = piece.offset == 0 or (piece.content, piece.offset) == (self._turn, self._hashed)
        if not in_turn and piece.content not in self._proved:
            for segment in segments(piece.content, self._contents[piece.content].size):
                self._follow(segment, self._bytes(segment))
        data = self._bytes(piece)
        self._follow(piece, data)
        return data

    def join(self, pieces: Sequence[Piece]) -> bytes:
        """Return the bytes of ``pieces``, one after the other. Raises as `read` does."""
        return b"".join([self.read(piece) for piece in pieces])

    def _bytes(self, piece: Piece) -> bytes:
        data = self._read(*piece)
        if len(data) != piece.length:
            raise self._changed(piece.content)
        return data

    def _follow(self, piece: Piece, data: bytes) -> None:
        if piece.offset == 0:
            self._turn, self._hashed, self._digest = piece.content, 0, hashlib.sha256()
        if (piece.content, piece.offset) != (self._turn, self._hashed):
            return
        self._digest.update(data)
        self._hashed += piece.length
        content = self._contents[piece.content]
        if self._hashed == content.size:
            if self._digest.hexdigest() != content.sha256:
                raise self._changed(piece.content)
            self._proved.add(piece.content)

    def _changed(self, number: int) -> RepositoryError:
        content = self._contents[number]
        return RepositoryError(
            "SOURCE_CHANGED",
            f"A file of {content.size} bytes changed while it was read.",
            hint="Let the build finish, then run the command again.",
            content=number,
            sha256=content.sha256,
        )
