"""Digests as words that can be read aloud: proquints (D. S. Wilkerson, 2009, arXiv:0901.4016).

Sixteen bits make one word of five letters, consonants and vowels in turn: ``babab`` is 0x0000, ``zuzuz`` 0xffff. No two
numbers share a word, and every word can be said over a telephone. A SHA-256 digest or a key id has sixteen.
"""

from __future__ import annotations

from collections.abc import Iterator

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aiou"


def proquints(data: bytes) -> str:
    """Return ``data`` as words, a hyphen between two. Raises ``ValueError`` for an odd number of bytes."""
    if len(data) % 2:
        raise ValueError("a proquint holds two bytes")
    pairs = (int.from_bytes(data[start : start + 2], "big") for start in range(0, len(data), 2))
    return "-".join("".join(_letters(pair)) for pair in pairs)


def _letters(pair: int) -> Iterator[str]:
    yield _CONSONANTS[pair >> 12]
    yield _VOWELS[pair >> 10 & 0b11]
    yield _CONSONANTS[pair >> 6 & 0b1111]
    yield _VOWELS[pair >> 4 & 0b11]
    yield _CONSONANTS[pair & 0b1111]
