"""The files of boxes."""

from __future__ import annotations

from collections import Counter

from .. import io
from ..results import Boxes
from .draft import Draft
from .finding import Finding

__all__ = ["write_boxes"]


def write_boxes(draft: Draft) -> None:
    """Write classes and places; where asked for, pictures of what speaks for them."""
    prediction = draft.prediction
    io.write_table(draft.path("boxes", "boxes.csv"), prediction.table())
    found = [_finding(boxes, k) for boxes in prediction.boxes for k in range(len(boxes))]
    draft.n_objects = len(found)
    draft.counts = dict(Counter(finding.name for finding in found))
    draft.finding = found[0] if len(found) == 1 else None
    draft.write_explanations()


def _finding(boxes: Boxes, index: int) -> Finding:
    probability = None if boxes.scores is None else float(boxes.scores[index])
    x1, y1, x2, y2 = (float(v) for v in boxes.boxes_xyxy[index])
    return Finding(boxes.class_names[int(boxes.classes[index])], probability, (x1, y1, x2, y2))
