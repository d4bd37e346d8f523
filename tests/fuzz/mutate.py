"""Samples made wrong: bytes flipped, cut, doubled and mixed; JSON with values that nobody expects.

A loop of our own and no coverage-guided fuzzer: the parsers are small and typed, and thousands of changed real samples
a second reach every branch of theirs, on every system and Python, with nothing more to install.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, 2**31, 2**53 - 1, 2**53, 2**63, 2**64, 10**30, -(10**30), float("nan")),
    *("", "\0", "..", "/", "a/../b", "C:", "con", "a" * 300, "\ud800", "\u202e", "é", "e\u0301", "0" * 64, "A" * 64),
    *("2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z", "1.2.3", ">=1,<0", "sealcast/channel/2"),
    *([], {}, [[]], [None], {"": ""}, [[[[[[[[]]]]]]]], ["x"] * 50),
)
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutate(data: bytes, chosen: random.Random, others: Sequence[bytes]) -> bytes:
    """Return ``data`` with one to four changes to its bytes, some of them taken from other samples."""
    changed = bytearray(data)
    for _ in range(chosen.randint(1, 4)):
        start = chosen.randrange(len(changed) + 1)
        length = min(chosen.choice((1, 1, 1, 2, 4, 8, 64, 1024)), len(changed) - start)
        match chosen.randrange(8):
            case 0 if length:
                changed[start] ^= 1 << chosen.randrange(8)
            case 1 if length:
                changed[start] = chosen.choice(b'\0\1\x7f\x80\xff"{}[],:0-9\\')
            case 2:
                del changed[start : start + length]
            case 3:
                changed[start:start] = changed[start : start + length] * chosen.choice((1, 2, 16))
            case 4:
                changed[start:start] = chosen.randbytes(chosen.choice((1, 2, 8, 100)))
            case 5:
                other = chosen.choice(others)
                place = chosen.randrange(len(other) + 1)
                changed[start : start + length] = other[place : place + chosen.choice((4, 16, 256))]
            case 6:
                del changed[start:]
            case _:
                changed[start : start + 4] = struct.pack("<I", chosen.choice(NUMBERS))
    return bytes(changed)


def mutate_json(data: bytes, chosen: random.Random) -> bytes:
    """Return the JSON document ``data`` with one to three of its values replaced, doubled, renamed or taken away."""
    value = json.loads(data)
    for _ in range(chosen.randint(1, 3)):
        _change(value, chosen)
    text = json.dumps(value, separators=(",", ":"), sort_keys=chosen.random() < 0.8, ensure_ascii=chosen.random() < 0.5)
    match chosen.randrange(20):
        case 0:
            place = text.find('"', chosen.randrange(len(text)))
            text = f'{text[:place]}"twice":1,"twice":2,{text[place:]}'
        case 1:
            text = "[" * 100_000 + text
        case 2:
            text = text.replace(":1", ":1e400", 1)
        case 3:
            text = f" {text}\n"
    return text.encode("utf-8", "surrogatepass")


def _change(value: Any, chosen: random.Random) -> None:
    holders = [holder for holder in _holders(value) if holder]
    if not holders:
        return
    holder = chosen.choice(holders)
    key = chosen.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    match chosen.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[chosen.choice((*holder, "unknown", "must_understand", ""))] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.insert(key, holder[key])
        case 3:
            donor = chosen.choice(holders)
            holder[key] = deepcopy(chosen.choice(list(donor.values()) if isinstance(donor, dict) else donor))
        case 4 if isinstance(holder[key], int):
            holder[key] += chosen.choice((-1, 1, 2**32, -(2**40)))
        case _:
            holder[key] = deepcopy(chosen.choice(ODD))


def _holders(value: Any) -> list[Any]:
    found, waiting = [], [value]
    while waiting and len(found) < 2000:
        one = waiting.pop()
        if isinstance(one, dict | list):
            found.append(one)
            waiting.extend(one.values() if isinstance(one, dict) else one)
    return found
