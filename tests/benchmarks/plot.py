"""Bar charts as SVG, by hand: groups of bars on a logarithmic scale, readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

_LEFT, _RIGHT, _TOP = 150, 90, 46
_BAR, _GAP, _WIDTH = 13, 16, 760
_COLOURS = (
    *("#1f6f54", "#3f9a7a", "#7cc4a8"),  # ours
    *("#c0803a", "#d9a86c", "#8a6bb1", "#5b8fc9", "#b0607a", "#7f7f7f", "#a8a43c", "#4d9db0", "#b58ac2", "#97785a"),
)
_INK = "#7a7a7a"


def bars(
    title: str,
    groups: Mapping[str, Mapping[str, float]],
    show: Callable[[float], str],
    order: Sequence[str],
) -> str:
    """Return a chart: a group for each key, a bar for each name in ``order`` that the group has.

    The scale is logarithmic, since peers lie orders of magnitude apart: it starts at a power of ten below the smallest.
    """
    values = [value for group in groups.values() for value in group.values() if value > 0]
    low = math.floor(math.log10(min(values, default=1)) - 0.05)
    high = max(low + 1, math.ceil(math.log10(max(values, default=1))))
    plot_width = _WIDTH - _LEFT - _RIGHT

    def place(value: float) -> float:
        return plot_width * max(0.0, min(1.0, (math.log10(max(value, 1e-9)) - low) / (high - low)))

    body: list[str] = []
    y = _TOP
    for name, group in groups.items():
        shown = [(number, one) for number, one in enumerate(order) if one in group]
        body.append(_text(8, y + 10, name, weight="bold"))
        for number, one in shown:
            width = place(group[one])
            colour = _COLOURS[number % len(_COLOURS)]
            body.append(_text(_LEFT - 6, y + 10, one, anchor="end"))
            body.append(f'<rect x="{_LEFT}" y="{y}" width="{max(width, 1):.1f}" height="{_BAR - 2}" fill="{colour}"/>')
            body.append(_text(_LEFT + width + 4, y + 10, show(group[one])))
            y += _BAR
        y += _GAP
    lines = []
    for power in range(low, high + 1):
        x = _LEFT + plot_width * (power - low) / (high - low)
        lines.append(
            f'<line x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{y - _GAP}" stroke="{_INK}" stroke-opacity="0.3"/>'
        )
        lines.append(_text(x, _TOP - 12, show(10.0**power), anchor="middle"))
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img" '
                f'font-family="system-ui, sans-serif" font-size="11">'
            ),
            f"<title>{escape(title)}</title>",
            _text(8, 18, title, size=14, weight="bold"),
            *lines,
            *body,
            "</svg>",
            "",
        ]
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", size: int = 11) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{_INK}" text-anchor="{anchor}" font-weight="{weight}" '
        f'font-size="{size}">{escape(text)}</text>'
    )
