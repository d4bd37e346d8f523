"""Packs, deltas, and the local store of objects (DESIGN section 4, "Pack").

Names load when they are first used: a check that finds nothing new unpacks nothing.

Nothing here knows manifests or paths on disk: contents come as digests and sizes, numbered as in their release, and
bytes come through callables.

    the bytes        `container`    magic, header, bodies
                     `pack`         objects that hold contents
                     `delta`        objects that need a base release
                     `single`       a pack that holds one content and needs no manifest
                     `tar`          a release as one ordinary file
                     `pieces`       how both name parts of contents
                     `bounds`       what a reader may be asked for
    how they shrink  `codecs`       the codecs by name
                     `zstandard`    the one that is always there
                     `diff`         copies with changed bytes, in `streams`
    publishing       `grouping`     which contents share a pack
                     `build_packs`  a release's packs
                     `build_delta`  a delta, with `likeness` to choose its inputs and `copies` to search them
                     `effort`       how hard both try
                     `store`        where objects lie
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..faces import load_from

if TYPE_CHECKING:
    from .bounds import (
        FRAME_INPUT_LIMIT,
        FRAME_OUTPUT_LIMIT,
        HEADER_LIMIT,
        OBJECT_LIMIT,
        SKELETON_LIMIT,
    )
    from .build_delta import MEMORY, Side, made, make_delta
    from .build_packs import BuiltPack, Progress, known_packs
    from .codecs import CODECS, encoder
    from .delta import DeltaHeader, DeltaReader, ReadRange
    from .effort import EFFORTS, Effort
    from .grouping import Identity
    from .pack import PackHeader, PackReader
    from .pieces import Piece, Runs, pieces_from_runs, runs_from_pieces
    from .single import read_single, write_single
    from .store import ObjectStore

__getattr__ = load_from(
    __name__,
    {
        "BuiltPack": "build_packs",
        "CODECS": "codecs",
        "DeltaHeader": "delta",
        "DeltaReader": "delta",
        "EFFORTS": "effort",
        "Effort": "effort",
        "FRAME_INPUT_LIMIT": "bounds",
        "FRAME_OUTPUT_LIMIT": "bounds",
        "HEADER_LIMIT": "bounds",
        "Identity": "grouping",
        "MEMORY": "build_delta",
        "OBJECT_LIMIT": "bounds",
        "ObjectStore": "store",
        "PackHeader": "pack",
        "PackReader": "pack",
        "Piece": "pieces",
        "Progress": "build_packs",
        "ReadRange": "delta",
        "Runs": "pieces",
        "SKELETON_LIMIT": "bounds",
        "Side": "build_delta",
        "encoder": "codecs",
        "known_packs": "build_packs",
        "made": "build_delta",
        "make_delta": "build_delta",
        "pieces_from_runs": "pieces",
        "read_single": "single",
        "runs_from_pieces": "pieces",
        "write_single": "single",
    },
)

__all__ = [
    "CODECS",
    "EFFORTS",
    "FRAME_INPUT_LIMIT",
    "FRAME_OUTPUT_LIMIT",
    "HEADER_LIMIT",
    "MEMORY",
    "OBJECT_LIMIT",
    "SKELETON_LIMIT",
    "BuiltPack",
    "DeltaHeader",
    "DeltaReader",
    "Effort",
    "Identity",
    "ObjectStore",
    "PackHeader",
    "PackReader",
    "Piece",
    "Progress",
    "ReadRange",
    "Runs",
    "Side",
    "encoder",
    "known_packs",
    "made",
    "make_delta",
    "pieces_from_runs",
    "read_single",
    "runs_from_pieces",
    "write_single",
]
