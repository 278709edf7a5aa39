"""Several curves in a drawing from 0 to 1, each with its name and a number beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from ..io.class_colours import class_colour
from .unit_chart import at, line_colour

__all__ = ["MOST_CURVES", "NamedCurve", "corners", "draw_curves"]

MOST_CURVES = 12
"""There is no room for more."""

_DASHES = ("", "7 3", "2 3", "9 3 2 3")
_MOST_POINTS = 400
_LETTERS, _LINE, _GAP, _LEGEND = 22, 20, 14, 26


@dataclass(frozen=True, eq=False)
class NamedCurve:
    """The curve of a class.

    Attributes
    ----------
    name
        Of the class.
    index
        Its position among all classes, which has a colour.
    value
        The number that the curve comes to.
    what
        What that is, in a word.
    points
        ``(n, 2)``, x and y from 0 to 1.
    mark
        A point to be marked, and what is said of it; None for none.
    """

    name: str
    index: int
    value: float
    what: str
    points: npt.NDArray[np.float64]
    mark: tuple[float, float, str] | None = None


def draw_curves(curves: Iterable[NamedCurve]) -> list[str]:
    """Lines, marks and the names of curves, as parts of an ``svg`` element with `stellate.reports.unit_chart.axes`."""
    parts = []
    left, top = at(1, 1)
    for line, curve in enumerate(curves):
        colour = line_colour(class_colour(curve.index))
        style = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{_DASHES[line % len(_DASHES)]}"'
        words = escape(f"{curve.name}: {curve.what} {curve.value:.3f}")
        points = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in curve.points)
        parts.append(f'<polyline points="{points}" fill="none" {style}><title>{words}</title></polyline>')
        if curve.mark is not None:
            x, y = at(*curve.mark[:2])
            tip = f"<title>{escape(f'{curve.name}: {curve.mark[2]}')}</title>"
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}">{tip}</circle>')
        x, y = left + _GAP, top + 6 + line * _LINE
        parts.append(f'<line x1="{x}" x2="{x + _LEGEND}" y1="{y}" y2="{y}" {style}/>')
        short = curve.name if len(curve.name) <= _LETTERS else f"{curve.name[: _LETTERS - 1]}…"
        parts.append(
            f'<text x="{x + _LEGEND + 6}" y="{y + 4}">{escape(short)} {curve.value:.3f}'
            f"<title>{words}</title></text>"
        )
    return parts


def corners(curve: Sequence[Any]) -> npt.NDArray[np.float64]:
    """The points of a curve, given as its x and its y, at which it turns, ``(n, 2)``; of very many an even choice."""
    points = np.stack(curve, axis=1)
    steps = np.diff(points, axis=0)
    turns = np.abs(steps[:-1, 0] * steps[1:, 1] - steps[:-1, 1] * steps[1:, 0]) > 0
    found = points[np.concatenate([[True], turns, [True]])]
    chosen = np.linspace(0, len(found) - 1, min(len(found), _MOST_POINTS)).round().astype(int)
    kept: npt.NDArray[np.float64] = found[chosen]
    return kept
