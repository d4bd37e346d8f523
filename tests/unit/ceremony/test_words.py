"""Words for digests."""

from __future__ import annotations

import hashlib

from sealcast.ceremony import words_of


def test_words_are_those_of_the_published_scheme() -> None:
    # Examples of the proposal: 127.0.0.1, 63.84.220.193, 63.118.7.35, 140.98.193.141, 64.255.6.200 and so on.
    pairs = {"7f000001": "lusab babad", "3f54dcc1": "gutih tugad", "3f760723": "gutuk bisog", "8c62c18d": "mudof sakat"}
    for digits, words in pairs.items():
        assert " ".join(words_of(digits.ljust(64, "0"))[:2]) == words


def test_eight_words_stand_for_half_of_a_digest() -> None:
    one = hashlib.sha256(b"one").hexdigest()
    assert len(words_of(one)) == 8
    assert words_of(one) == words_of(one[:32] + "0" * 32)
    seen = {words_of(f"{number:032x}".ljust(64, "0")) for number in range(1000)}
    assert len(seen) == 1000
