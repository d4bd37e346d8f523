"""Numbers and tables as people read them."""

from __future__ import annotations

from collections.abc import Sequence


def in_bytes(count: float | None) -> str:
    """Return a number of bytes: exact with separators below 10 MB, in MiB from there on; a dash for None."""
    if count is None:
        return "–"
    return f"{count:,.0f} B" if count < 10_000_000 else f"{count / 2**20:,.0f} MiB"


def in_mib(count: float) -> str:
    """Return bytes of memory in MiB."""
    return f"{count / 2**20:,.0f}"


def in_seconds(seconds: float) -> str:
    """Return a time."""
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


def times(value: float, best: float) -> str:
    """Return how many times the best a figure is."""
    return f"{value / best:.2f}×" if best else "–"


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for Markdown, aligned as `plain_table` is."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
