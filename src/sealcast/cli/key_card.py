"""``sealcast key card``: a public key on paper or on a screen, to be compared by eye, by ear and by camera."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from ..errors import SigningError
from ..files import write_durably
from ..proquint import proquints
from ..signing import KEY_SUFFIX, RECORD_SUFFIX, PublicRecord, is_example, key_of, read_record, record_bytes, type_of
from .command import command
from .key_outside import directory_option
from .output import caution, good, name, strong
from .session import Session

if TYPE_CHECKING:
    import segno

_QR_LIMIT = 1500
"""Bytes of a record that go into a QR code; more would be too fine for a camera. Only ML-DSA keys have more."""

_PAGE = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Signing key of {name}</title>
<style>
body {{ font: 12pt/1.4 system-ui, sans-serif; max-width: 44em; margin: 2em auto; padding: 0 1em }}
code {{ font: 11pt/1.5 ui-monospace, monospace; overflow-wrap: anywhere }}
dt {{ font-weight: 600; margin-top: .8em }} dd {{ margin: 0 }} svg {{ width: 9cm; height: 9cm }}
</style>
<h1>Signing key of {name}</h1>
<dl>
<dt>Type</dt><dd>{type}</dd>
<dt>Key id</dt><dd><code>{hex}</code></dd>
<dt>The same in words</dt><dd><code>{words}</code></dd>
<dt>QR code</dt><dd>{held}</dd>
</dl>
{qr}
<p>Everything here is public. Compare the words with the holder, aloud, before you list this key.</p>
</html>
"""


@command(
    example="""
    sealcast key card alice --dir keys
    sealcast key card keys/alice.pub.json --out alice.html
    """,
    exits=(5, 6),
)
@click.argument("holder", metavar="NAME")
@directory_option
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a page to print (FILE.html) or the QR code alone (FILE.svg).",
)
def card(session: Session, holder: str, directory: Path, out: Path | None) -> object:
    """Print a public key to hand out: id, words, QR code.

    NAME is a key in DIR, or the path of its public record. The QR code holds the record, less where the private key is.
    The words say the key id: read them to each other when a key is listed for the first time.
    """
    path = Path(holder) if holder.endswith((RECORD_SUFFIX, KEY_SUFFIX)) else directory / f"{holder}{RECORD_SUFFIX}"
    if path.name.endswith(KEY_SUFFIX):
        path = path.with_name(path.stem + RECORD_SUFFIX)
    record = read_record(path)
    words = proquints(bytes.fromhex(record.keyid))
    content, held = _content(record)
    code = _qr(content)
    kind = type_of(key_of(record)).name
    if out is None:
        _show(session, record, kind, words, held, code)
    else:
        _write(out, code, name=record.name, type=kind, hex=_grouped(record.keyid, 4), words=words, held=held)
        session.output.line(good("Wrote"), " ", name(out), ".")
    if is_example(record.keyid):
        session.output.note(caution("note"), ": this is one of the example keys. Everybody can sign with it.")
    return {
        "name": record.name,
        "type": kind,
        "keyid": record.keyid,
        "words": words,
        "qr": content.decode(),
        "out": out,
    }


def _content(record: PublicRecord) -> tuple[bytes, str]:
    """Return what the QR code holds, and what to call that. Where the private key is, is nobody else's business."""
    public = record_bytes(msgspec.structs.replace(record, uri=None)).strip()
    if len(public) <= _QR_LIMIT:
        return public, f"the public record, {record.name}{RECORD_SUFFIX}"
    return record.keyid.encode(), "the key id; the key itself is too long for one"


def _qr(content: bytes) -> segno.QRCode:
    try:
        import segno
    except ModuleNotFoundError:
        raise SigningError(
            "MISSING_PACKAGE",
            "A QR code needs a package that is not installed: segno.",
            hint="Run: python3 -m pip install 'sealcast[publisher]'",
            package="segno",
        ) from None
    return segno.make_qr(content, error="l", boost_error=False)


def _show(session: Session, record: PublicRecord, kind: str, words: str, held: str, code: segno.QRCode) -> None:
    output = session.output
    output.fields(
        [
            ("name", strong(record.name)),
            ("type", kind),
            ("key id", _grouped(record.keyid, 4)),
            ("words", _grouped_words(words)[0]),
            *(("", line) for line in _grouped_words(words)[1:]),
            ("QR code", held),
        ]
    )
    for line in _drawn(code):
        output.line(line)


def _drawn(code: segno.QRCode) -> Iterator[str]:
    """Yield the QR code as text, two rows of it on a line, light where the terminal is."""
    rows = [bytes(row) for row in code.matrix_iter(border=2)]
    rows.append(bytes(len(rows[0])))  # their number is odd
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        yield "".join("█▀▄ "[2 * above + below] for above, below in zip(upper, lower, strict=True))


def _write(out: Path, code: segno.QRCode, **facts: str) -> None:
    if out.suffix == ".svg":
        data = code.svg_inline(scale=4, border=4) + "\n"
    elif out.suffix == ".html":
        shown = {label: html.escape(fact) for label, fact in facts.items()}
        data = _PAGE.format(qr=code.svg_inline(border=4, omitsize=True), **shown)
    else:
        raise click.UsageError(f"A card is written as .html or .svg, not as {out.name!r}.")
    write_durably(out, data.encode())


def _grouped(text: str, size: int) -> str:
    return " ".join(text[start : start + size] for start in range(0, len(text), size))


def _grouped_words(words: str) -> list[str]:
    """Return the words, four on a line: so many can be said in one breath."""
    listed = words.split("-")
    return ["  ".join(listed[start : start + 4]) for start in range(0, len(listed), 4)]
