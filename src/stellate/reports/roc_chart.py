"""ROC curves of classes, as a drawing inside a page."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from ..io.class_colours import class_colour
from ..metrics.classification_scores import ClassificationMetrics
from .unit_chart import HEIGHT, WIDTH, at, axes, line_colour

__all__ = ["MOST_CURVES", "roc_chart"]

MOST_CURVES = 12
"""Of more classes those with the least area are drawn."""

_DASHES = ("", "7 3", "2 3", "9 3 2 3")
_MOST_POINTS = 400
_LETTERS, _LINE, _GAP, _LEGEND = 22, 20, 14, 26


def roc_chart(metrics: ClassificationMetrics) -> str:
    """Draw the ROC curve of each class against all others.

    Returns
    -------
    str
        An ``svg`` element that needs nothing from outside; empty if no class has a curve.
    """
    areas = {k: c.roc_auc for k, c in enumerate(metrics.classes) if not math.isnan(c.roc_auc)}
    drawn = sorted(sorted(areas, key=lambda k: areas[k])[:MOST_CURVES])
    if not drawn:
        return ""
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="ROC curves of the classes">',
        *axes("share of the other images taken for the class", "share of its images found"),
    ]
    left, top = at(1, 1)
    for line, k in enumerate(drawn):
        name, colour = metrics.class_names[k], line_colour(class_colour(k))
        style = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{_DASHES[line % len(_DASHES)]}"'
        words = f"{name}: area {areas[k]:.3f}"
        points = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in _corners(metrics.roc(k)))
        parts.append(
            f'<polyline points="{points}" fill="none" {style}><title>{escape(words)}</title></polyline>'
        )
        x, y = left + _GAP, top + 6 + line * _LINE
        parts.append(f'<line x1="{x}" x2="{x + _LEGEND}" y1="{y}" y2="{y}" {style}/>')
        short = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
        parts.append(
            f'<text x="{x + _LEGEND + 6}" y="{y + 4}">{escape(short)} {areas[k]:.3f}'
            f"<title>{escape(words)}</title></text>"
        )
    return "\n".join([*parts, "</svg>"])


def _corners(curve: Any) -> npt.NDArray[np.float64]:
    """The points of a curve, ``(n, 2)``, at which it turns; of very many an even choice."""
    points = np.stack(curve, axis=1)
    steps = np.diff(points, axis=0)
    turns = np.abs(steps[:-1, 0] * steps[1:, 1] - steps[:-1, 1] * steps[1:, 0]) > 0
    corners = points[np.concatenate([[True], turns, [True]])]
    chosen = np.linspace(0, len(corners) - 1, min(len(corners), _MOST_POINTS)).round().astype(int)
    kept: npt.NDArray[np.float64] = corners[chosen]
    return kept
