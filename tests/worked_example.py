"""The worked example in docs/reference/formats.md: two tiny releases, their pack and their delta, byte by byte.

Run as ``python -m tests.worked_example`` to write the page's part again; `tests/test_docs.py` compares.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sealcast.documents import encode
from sealcast.model import File, Manifest, Pack, skeleton
from sealcast.packs import BuiltPack, DeltaReader, Effort, Side, encoder, made, make_delta
from sealcast.packs.build_packs import build_packs
from sealcast.packs.container import MAGIC, read_header
from sealcast.packs.delta import DeltaHeader
from sealcast.packs.pack import PackHeader
from sealcast.packs.zstandard import VERSION
from sealcast.values import Content, content_of

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "formats.md"
BEGIN, END = "<!-- worked example: begin -->", "<!-- worked example: end -->"

LEVEL = 12
OLD = {"again.txt": b"Hello, world!\n", "empty": b"", "hello.txt": b"Hello, world!\n"}
NEW = {"empty": b"", "hello.txt": b"Hello, world! It is later now.\n"}


class Example(NamedTuple):
    """One release: its manifest's bytes, its contents by number, and its one pack."""

    manifest: bytes
    contents: list[bytes]
    pack: bytes


def release(version: str, files: dict[str, bytes]) -> tuple[Manifest, Example]:
    """Return a release made as the publisher makes one."""
    listed = tuple(
        File(path=path, size=len(data), sha256=content_of(data).sha256) for path, data in sorted(files.items())
    )
    bare = Manifest(app="demo", version=version, platform="any", encoder=encoder(LEVEL), files=listed, packs=())
    by_digest = {content_of(data): data for data in files.values()}
    contents = [by_digest[content] for content in bare.contents]
    kept: list[bytes] = []

    def keep(pack: bytes) -> Content:
        kept.append(pack)
        return content_of(pack)

    built: tuple[BuiltPack, ...] = build_packs(
        bare.contents, first_paths(bare), lambda number, start, length: contents[number][start : start + length], keep,
        level=LEVEL,
    )  # fmt: skip
    packs = tuple(Pack(sha256=pack.content.sha256, size=pack.content.size, holds=pack.holds) for pack in built)
    manifest = Manifest(
        app="demo", version=version, platform="any", encoder=bare.encoder, files=listed, packs=packs
    )  # fmt: skip
    (pack,) = kept
    return manifest, Example(encode(manifest), contents, pack)


def first_paths(manifest: Manifest) -> list[str]:
    """Return the first path of each content."""
    return [manifest.paths[content.sha256][0] for content in manifest.contents]


def delta() -> tuple[bytes, bytes]:
    """Return the delta from the old release to the new one, and the skeleton in it."""
    old, before = release("1.0.0", OLD)
    new, after = release("1.1.0", NEW)
    bare = skeleton(new, made(old.contents, new.contents))

    def side(manifest: Manifest, contents: list[bytes]) -> Side:
        return Side(
            manifest.contents,
            first_paths(manifest),
            lambda number, start, length: contents[number][start : start + length],
        )

    data = make_delta(
        side(old, before.contents),
        side(new, after.contents),
        base_manifest=before.manifest,
        skeleton=bare,
        effort=Effort(LEVEL, ("zstd-from",)),
    )
    assert data is not None
    return data, bare


def dump(data: bytes) -> str:
    """Return ``data`` as offset, hex and text, sixteen bytes to a line."""
    lines = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:08x}  {row[:8].hex(' '):23}  {row[8:].hex(' '):23}  |{text}|")
    return "\n".join(lines)


def parts(data: bytes, bodies: list[tuple[str, int]]) -> str:
    """Return a table of what lies where in a pack or delta."""
    stored = int.from_bytes(data[8:12], "little")
    decoded = int.from_bytes(data[12:16], "little")
    rows = [
        (0, 8, f"magic, `{MAGIC.decode()}`"),
        (8, 4, f"length of the header as stored: {stored}"),
        (12, 4, f"length of the header decoded: {decoded}"),
        (16, stored, "the header, one Zstandard frame"),
    ]
    start = 16 + stored
    for what, size in bodies:
        rows.append((start, size, what))
        start += size
    assert start == len(data)
    return "\n".join(
        [
            "| offset | bytes | what |",
            "|---|---|---|",
            *(f"| {start} | {size} | {what} |" for start, size, what in rows),
        ]
    )


def indented(document: bytes) -> str:
    """Return a document as people read it."""
    return json.dumps(json.loads(document), indent=2, ensure_ascii=False)


def fenced(language: str, text: str) -> str:
    """Return a fenced block."""
    return f"```{language}\n{text}\n```"


def section() -> str:
    """Return the page's part between the markers, as this libzstd makes it."""
    return "\n\n".join(_paragraphs())


def _paragraphs() -> Iterator[str]:
    _, example = release("1.0.0", OLD)
    data, bare = delta()
    pack_header, _ = read_header(io.BytesIO(example.pack), len(example.pack), PackHeader)
    delta_header, _ = read_header(io.BytesIO(data), len(data), DeltaHeader)
    base = DeltaReader(io.BytesIO(data), len(data), [len(content) for content in example.contents])
    yield (
        f"Made with libzstd {VERSION} at level {LEVEL}. Release 1.0.0 has `again.txt` and `hello.txt`, both `Hello,\n"
        "world!⏎`, and `empty`, which has no byte. Its manifest, written here with spaces for the eye, has\n"
        f"{len(example.manifest)} bytes as canonical JSON and the SHA-256\n`{content_of(example.manifest).sha256}`:"
    )
    yield fenced("json", indented(example.manifest))
    yield (
        "It has **one** content, number 0: the two equal files are one, the empty one is none. The pack holds it\n"
        f"whole, `[0, 1]`. The pack's {len(example.pack)} bytes:"
    )
    yield fenced("text", dump(example.pack))
    yield parts(example.pack, [("body of frame 0", frame.size) for frame in pack_header.frames])
    yield "Its header, decoded. A frame's codec is `zstd` and its pieces are one, unless it says otherwise:"
    yield fenced("json", encode(pack_header).decode())
    yield (
        "Release 1.1.0 drops `again.txt` and changes `hello.txt` to `Hello, world! It is later now.⏎`. The delta's\n"
        f"{len(data)} bytes:"
    )
    yield fenced("text", dump(data))
    yield parts(
        data,
        [
            ("the manifest's skeleton, against the base manifest", delta_header.manifest.size),
            *(("body of frame 0, against content 0 of the base", frame.size) for frame in delta_header.frames),
        ],
    )
    yield f"Its header, decoded. It needs the codecs {', '.join(f'`{name}`' for name in base.codecs)}:"
    yield fenced("json", encode(delta_header).decode())
    yield (
        "Its skeleton, decoded against the base manifest. The digest of `hello.txt` is the number 0: the device makes\n"
        "content 0, hashes it, and writes the digest there."
    )
    yield fenced("json", bare.decode())


def shown(page: str) -> str:
    """Return what stands between the markers of ``page``."""
    return page.split(BEGIN, 1)[1].split(END, 1)[0].strip()


def main() -> None:
    """Write the page's part again."""
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN, 1)
    PAGE.write_text(f"{before}{BEGIN}\n\n{section()}\n\n{END}{rest.split(END, 1)[1]}", "utf-8", newline="\n")


if __name__ == "__main__":
    main()
