"""Digests as words, to be read aloud from one machine to another: proquints (Wilkerson, "A Proposal for Proquints").

Five letters stand for 16 bits, consonant and vowel by turns: no list of words is needed, and whoever hears one can
write it down.
"""

from __future__ import annotations

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aiou"

WORDS = 8
"""How many words of a digest are shown: 128 bits, more than anybody can search for a proposal that reads the same."""


def words_of(sha256: str) -> tuple[str, ...]:
    """Return the first 128 bits of a digest in hex as eight words, such as ``lusab``."""
    return tuple(_word(int(sha256[start : start + 4], 16)) for start in range(0, 4 * WORDS, 4))


def _word(number: int) -> str:
    return "".join(
        (
            _CONSONANTS[number >> 12 & 15],
            _VOWELS[number >> 10 & 3],
            _CONSONANTS[number >> 6 & 15],
            _VOWELS[number >> 4 & 3],
            _CONSONANTS[number & 15],
        )
    )
