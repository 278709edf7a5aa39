"""The frame of drawings inside a page whose both axes go from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["HEIGHT", "LEFT", "WIDTH", "at", "axes", "line_colour"]

WIDTH, HEIGHT = 572, 340
LEFT, _RIGHT, _TOP, _BOTTOM = 60, 236, 14, 50
_TICKS = (0, 0.25, 0.5, 0.75, 1)
_MOST_LUMINANCE = 0.45
"""Of lines, so that they stand out from the paper."""


def at(x: float, y: float) -> tuple[float, float]:
    """Where a point from 0 to 1 lies in the drawing."""
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    return LEFT + (right - LEFT) * x, bottom - (bottom - _TOP) * y


def axes(x_name: str, y_name: str, *, diagonal: bool = True) -> list[str]:
    """Grid lines, numbers and names of the axes, and the diagonal."""
    parts = []
    (left, bottom), (right, top) = at(0, 0), at(1, 1)
    for tick in _TICKS:
        x, y = at(tick, tick)
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>')
    if diagonal:
        parts.append(
            f'<line x1="{left}" y1="{bottom}" x2="{right}" y2="{top}" stroke="#999999" stroke-dasharray="3 4"/>'
        )
    middle = f"{(left + right) / 2:.1f}", f"{(top + bottom) / 2:.1f}"
    parts.append(f'<text x="{middle[0]}" y="{bottom + 38}" text-anchor="middle">{escape(x_name)}</text>')
    parts.append(
        f'<text transform="translate(12 {middle[1]}) rotate(-90)" text-anchor="middle">{escape(y_name)}</text>'
    )
    return parts


def line_colour(colour: Sequence[int]) -> str:
    """A colour as a page spells it, made darker where it could not be seen on paper."""
    red, green, blue = (c / 255 for c in colour)
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    factor = min(1.0, (_MOST_LUMINANCE / luminance) ** (1 / 2.2)) if luminance else 1.0
    return "#{:02x}{:02x}{:02x}".format(*(round(c * factor) for c in colour))
