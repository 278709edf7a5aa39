"""ROC curves of classes, as a drawing inside a page."""

from __future__ import annotations

import math
from typing import Any

from ..metrics.classification_scores import ClassificationMetrics
from .named_curves import MOST_CURVES, NamedCurve, corners, draw_curves
from .unit_chart import HEIGHT, WIDTH, axes

__all__ = ["MOST_CURVES", "roc_chart"]


def roc_chart(metrics: ClassificationMetrics) -> str:
    """Draw the ROC curve of each class against all others; of more than `MOST_CURVES` those of the least area.

    Returns
    -------
    str
        An ``svg`` element that needs nothing from outside; empty if no class has a curve.
    """
    areas = {k: c.roc_auc for k, c in enumerate(metrics.classes) if not math.isnan(c.roc_auc)}
    drawn = sorted(sorted(areas, key=lambda k: areas[k])[:MOST_CURVES])
    if not drawn:
        return ""
    curves = []
    for k in drawn:
        roc: Any = metrics.roc(k)
        curves.append(NamedCurve(metrics.class_names[k], k, areas[k], "area", corners(roc)))
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="ROC curves of the classes">',
        *axes("share of the other images taken for the class", "share of its images found"),
        *draw_curves(curves),
    ]
    return "\n".join([*parts, "</svg>"])
