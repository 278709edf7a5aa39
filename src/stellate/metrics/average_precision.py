"""Average precision of boxes as COCO defines it, computed by faster-coco-eval.

Going down by score, each found box takes the free annotated box of its class with which it has most in common, if their
IoU reaches a level; then it is right, else wrong. Precision is the share of right boxes so far, and recall the share of
the annotated boxes taken so far. The average precision is the mean, over 101 recalls from 0 to 1, of the best
precision that is reached at this recall or a higher one. For AP it is averaged over the levels .5, .55, ... .95. The
average recall is the recall in the end, averaged over the levels.

COCO looks only at the 100 surest boxes of each class in an image. Here all count: a field of cells has more.

References
----------
Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014, and https://cocodataset.org/#detection-eval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from faster_coco_eval import COCO, COCOeval_faster

from ..results import Boxes
from .ratios import mean_of

__all__ = ["IOU_LEVELS", "SIZES", "AveragePrecision", "average_precision"]

FloatArray = npt.NDArray[np.float64]

IOU_LEVELS = tuple(k / 100 for k in range(50, 100, 5))
"""IoUs that a box has to reach to be right."""

SIZES = {
    "all": (0.0, np.inf),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, np.inf),
}
"""Least and greatest areas in pixels; an area on a border belongs to both sides, as with COCO."""


@dataclass(frozen=True, eq=False)
class AveragePrecision:
    """Precision of boxes by level of IoU, recall, class and size; nan where no box of the class and size is annotated.

    Attributes
    ----------
    recalls
        ``(101,)`` float64, from 0 to 1.
    precision
        ``(n_levels, 101, n_classes, n_sizes)`` float64: the best at each recall or a higher one; 0 where none is
        reached.
    score
        The same shape: least score of the boxes that are taken for this recall; 0 where it is not reached.
    recall
        ``(n_levels, n_classes, n_sizes)`` float64, of all boxes.
    n_true
        ``(n_classes, n_sizes)`` int64, numbers of annotated boxes.
    """

    recalls: FloatArray
    precision: FloatArray
    score: FloatArray
    recall: FloatArray
    n_true: npt.NDArray[np.int64]

    def ap(self, index: int, *, level: float | None = None, size: str = "all") -> float:
        """The average precision of a class.

        Parameters
        ----------
        index
            Of the class.
        level
            One of `IOU_LEVELS`; their mean if None.
        size
            One of `SIZES`.
        """
        levels = slice(None) if level is None else IOU_LEVELS.index(level)
        return float(self.precision[levels, :, index, list(SIZES).index(size)].mean())

    def average_recall(self, index: int, *, size: str = "all") -> float:
        """Share of the annotated boxes of a class that are found, averaged over the levels."""
        return float(self.recall[:, index, list(SIZES).index(size)].mean())

    def mean_ap(self, *, level: float | None = None, size: str = "all") -> float:
        """Mean of `ap` over the classes of which boxes are annotated; nan if there are none."""
        return mean_of(self.ap(k, level=level, size=size) for k in range(len(self.n_true)))

    def mean_recall(self, *, size: str = "all") -> float:
        """Mean of `average_recall` over the classes of which boxes are annotated; nan if there are none."""
        return mean_of(self.average_recall(k, size=size) for k in range(len(self.n_true)))


def average_precision(
    found: Sequence[Boxes], truths: Sequence[Boxes], class_names: Sequence[str]
) -> AveragePrecision:
    """Precision and recall of boxes in a set of images.

    Parameters
    ----------
    found, truths
        One per image; those found with scores. Boxes of equal score count in the order given.
    class_names
        Of all classes; those of the boxes are compared by name.
    """
    recalls = np.linspace(0, 1, 101)
    shape = (len(IOU_LEVELS), len(recalls), len(class_names), len(SIZES))
    if not class_names:
        empty = np.zeros(shape)
        return AveragePrecision(recalls, empty, empty, empty[:, 0], np.zeros(shape[2:], dtype=np.int64))
    ids = {name: k + 1 for k, name in enumerate(class_names)}
    annotated, given = _dataset(truths, ids), _dataset(found, ids)
    evaluation = COCOeval_faster(annotated, given, iouType="bbox", print_function=_silent)
    evaluation.params.iouThrs, evaluation.params.recThrs = np.array(IOU_LEVELS), recalls
    evaluation.params.areaRng = [list(limits) for limits in SIZES.values()]
    evaluation.params.areaRngLbl = list(SIZES)
    evaluation.params.maxDets = [max(1, *map(len, found))]
    evaluation.evaluate()
    evaluation.accumulate()
    precision, score, recall = (_numbers(evaluation.eval[name]) for name in ("precision", "scores", "recall"))
    return AveragePrecision(recalls, precision, score, recall, _counted(truths, ids))


def _dataset(images: Sequence[Boxes], ids: dict[str, int]) -> COCO:
    return COCO(
        {
            "images": [{"id": k} for k in range(len(images))],
            "categories": [{"id": of, "name": name} for name, of in ids.items()],
            "annotations": _entries(images, ids),
        }
    )


def _entries(images: Sequence[Boxes], ids: dict[str, int]) -> list[dict[str, Any]]:
    """Boxes as COCO lists them: x, y, width, height, numbered from 1, as 0 would mean no match."""
    entries: list[dict[str, Any]] = []
    for image, boxes in enumerate(images):
        corners = boxes.boxes_xyxy.astype(np.float64)
        sides = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).tolist()
        scores = None if boxes.scores is None else boxes.scores.tolist()
        for k, box in enumerate(sides):
            entry = {
                "id": len(entries) + 1,
                "image_id": image,
                "category_id": ids[boxes.class_names[boxes.classes[k]]],
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
            entries.append(entry if scores is None else {**entry, "score": scores[k]})
    return entries


def _counted(truths: Sequence[Boxes], ids: dict[str, int]) -> npt.NDArray[np.int64]:
    counts = np.zeros((len(ids), len(SIZES)), dtype=np.int64)
    for entry in _entries(truths, ids):
        counts[entry["category_id"] - 1] += [low <= entry["area"] <= high for low, high in SIZES.values()]
    return counts


def _numbers(values: Any) -> FloatArray:
    """Without the last axis, of the greatest number of boxes; what does not exist, which COCO calls -1, is nan."""
    numbers = np.asarray(values, dtype=np.float64)[..., 0]
    return np.where(numbers < 0, np.nan, numbers)


def _silent(*_: object) -> None:
    """Nothing is printed."""
