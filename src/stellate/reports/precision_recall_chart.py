"""Precision over recall of the boxes of each class, as a drawing inside a page."""

from __future__ import annotations

import math

from ..metrics.average_precision import IOU_LEVELS
from ..metrics.box_matching import MATCH_IOU
from ..metrics.detection_scores import DetectionMetrics
from .named_curves import MOST_CURVES, NamedCurve, corners, draw_curves
from .unit_chart import HEIGHT, WIDTH, axes

__all__ = ["MOST_CURVES", "precision_recall_chart"]


def precision_recall_chart(metrics: DetectionMetrics) -> str:
    """Draw the precision of each class over its recall at IoU .5, and mark where the score threshold is.

    Of more than `MOST_CURVES` classes those of the least average precision are drawn.

    Returns
    -------
    str
        An ``svg`` element that needs nothing from outside; empty if nothing is annotated.
    """
    areas = {k: c.ap50 for k, c in enumerate(metrics.classes) if not math.isnan(c.ap50)}
    drawn = sorted(sorted(areas, key=lambda k: areas[k])[:MOST_CURVES])
    if not drawn:
        return ""
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Precision over recall of the classes">',
        *axes(
            "recall: share of the annotated objects found", "precision: share of right ones", diagonal=False
        ),
        *draw_curves(_curve(metrics, k) for k in drawn),
    ]
    return "\n".join([*parts, "</svg>"])


def _curve(metrics: DetectionMetrics, index: int) -> NamedCurve:
    of, found = metrics.average_precision, metrics.classes[index]
    precision = of.precision[IOU_LEVELS.index(MATCH_IOU), :, index, 0]
    counts = found.counts
    mark = (
        counts.recall,
        counts.precision,
        f"recall {counts.recall:.3f}, precision {counts.precision:.3f} at the score that counts",
    )
    return NamedCurve(
        found.name,
        index,
        found.ap50,
        "average precision",
        corners((of.recalls, precision)),
        mark if counts.n_predicted else None,
    )
