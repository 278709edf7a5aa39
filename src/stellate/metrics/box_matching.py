"""Which found boxes belong to which annotated ones, in one image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..geometry.boxes import box_iou
from ..results import Boxes

__all__ = ["MATCH_IOU", "classes_by_name", "match_boxes", "surer_boxes"]

MATCH_IOU = 0.5
"""Least IoU of a match."""


def classes_by_name(boxes: Boxes) -> npt.NDArray[Any]:
    """The name of the class of each box, ``(n,)`` of str."""
    names = np.array([*boxes.class_names, ""], dtype=object)
    of: npt.NDArray[Any] = names[boxes.classes]
    return of


def surer_boxes(boxes: Boxes, score: float) -> Boxes:
    """The boxes whose score is at least this one; all of them where there are no scores."""
    if boxes.scores is None:
        return boxes
    kept = boxes.scores >= score
    return Boxes(boxes.boxes_xyxy[kept], boxes.classes[kept], boxes.class_names, boxes.scores[kept])


def match_boxes(truth: Boxes, found: Boxes, *, same_class: bool) -> npt.NDArray[np.int64]:
    """Match boxes one to one, as the average precision does: the surest chooses first.

    Going down by score, each found box takes the free annotated one with which it has the highest IoU, if that is at
    least `MATCH_IOU`. Of equal scores the first chooses first; of equal IoUs the last is taken, as COCO does.

    Parameters
    ----------
    truth, found
        Boxes of the same image.
    same_class
        Whether only boxes of the same class, by name, may match.

    Returns
    -------
    (k, 2) int64
        Positions of the annotated and the found box of each match, the surest first.
    """
    ious = box_iou(found.boxes_xyxy, truth.boxes_xyxy)
    if same_class:
        ious[classes_by_name(found)[:, np.newaxis] != classes_by_name(truth)] = 0
    order = np.arange(len(found)) if found.scores is None else np.argsort(-found.scores, kind="stable")
    # most boxes have no partner at all
    order = order[ious[order].max(axis=1, initial=0) >= MATCH_IOU]
    pairs = []
    for k in order.tolist():
        last = len(truth) - 1 - int(ious[k, ::-1].argmax())
        if ious[k, last] >= MATCH_IOU:
            pairs.append((last, k))
            ious[:, last] = 0
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
