"""How well any number of boxes in each image is found.

Two kinds of numbers. The average precision (`stellate.metrics.average_precision`) ranks the boxes of all images by
score: it asks what can be found at all, and how well scores tell right from wrong. The others are of the boxes from one
score on: how many are right, wrong and missed, by how much the counts of images are off, and which class was found as
which.

At that score a found box is right if it matches an annotated one of its class (`stellate.metrics.box_matching`). Which
class was found as which matches by IoU alone, so it tells what became of each object.

Classes are compared by name, never by number. Objects of a class that the model does not know are missed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..errors import ConfigError, InputError
from ..results import Boxes
from .average_precision import AveragePrecision, average_precision
from .box_matching import MATCH_IOU, classes_by_name, match_boxes, surer_boxes
from .detection_scores import BoxCounts, DetectedClass, DetectionMetrics, ImageBoxes
from .pairing import pairs

__all__ = [
    "MATCH_IOU",
    "AveragePrecision",
    "BoxCounts",
    "DetectedClass",
    "DetectionMetrics",
    "ImageBoxes",
    "score_boxes",
]


def score_boxes(
    predictions: Iterable[Boxes],
    truths: Iterable[Boxes],
    *,
    names: Iterable[str] | None = None,
    score_threshold: float = 0.0,
) -> DetectionMetrics:
    """Compare the boxes that were found in images with those that are annotated.

    Parameters
    ----------
    predictions, truths
        One per image, of any number of boxes. There is no limit to the boxes of an image that count. Those of a
        prediction have scores; the lower these go down, the farther reaches what the average precision sees.
    names
        What the images are called; "1", "2", ... if None.
    score_threshold
        Boxes of lower score count in the average precision only.

    Raises
    ------
    ConfigError
        If the threshold is not a number.
    InputError
        If the numbers of images differ, there are none, a box or a score is not finite, a box ends before it begins, a
        class has no name or names occur twice, or found boxes have no scores.
    """
    if math.isnan(score_threshold):
        raise ConfigError("the score threshold is nan; give a number, 0 for all boxes")
    images: list[ImageBoxes] = []
    annotated: list[Boxes] = []
    found: list[Boxes] = []
    for name, predicted, truth in pairs(predictions, truths, names):
        try:
            annotated.append(_checked(truth, "annotation"))
            found.append(_checked(predicted, "prediction"))
            _check_scores(predicted)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        images.append(_compared(name, surer_boxes(predicted, score_threshold), truth))
    every = (name for boxes in (*annotated, *found) for name in boxes.class_names)
    classes = tuple(dict.fromkeys(every))
    precision = average_precision(found, annotated, classes)
    return DetectionMetrics(tuple(images), classes, precision, score_threshold)


def _compared(name: str, found: Boxes, truth: Boxes) -> ImageBoxes:
    of_truth, of_found = classes_by_name(truth), classes_by_name(found)
    right = of_truth[match_boxes(truth, found, same_class=True)[:, 0]].tolist()
    classes = dict.fromkeys([*of_truth.tolist(), *of_found.tolist()])
    counts = {
        c: BoxCounts(int((of_truth == c).sum()), int((of_found == c).sum()), right.count(c)) for c in classes
    }
    one, other = match_boxes(truth, found, same_class=False).T
    became: list[tuple[str | None, str | None]] = [
        *zip(of_truth[one], of_found[other], strict=True),
        *((c, None) for c in np.delete(of_truth, one)),
        *((None, c) for c in np.delete(of_found, other)),
    ]
    return ImageBoxes(name, counts, tuple(became))


def _checked(boxes: Boxes, what: str) -> Boxes:
    """Boxes that can be compared."""
    names, corners = boxes.class_names, np.asarray(boxes.boxes_xyxy)
    if corners.shape != (len(boxes), 4) or len(boxes.classes) != len(boxes):
        raise InputError(
            f"the {what} has boxes of shape {corners.shape} and {len(boxes.classes)} classes; expected (n, 4) and a "
            "class for each"
        )
    twice = [name for k, name in enumerate(names) if name in names[:k]]
    if twice:
        raise InputError(f"two classes of the {what} are called {twice[0]!r}; name them differently")
    strange = [int(c) for c in boxes.classes if not 0 <= c < len(names)]
    if strange:
        raise InputError(
            f"the {what} has the class {strange[0]}, but {len(names)} names; classes count from 0"
        )
    finite = np.isfinite(corners).all(axis=1)
    ordered = (corners[:, 2:] >= corners[:, :2]).all(axis=1)
    for fine, remedy in ((finite, "its sides have to be numbers"), (ordered, "x1 <= x2 and y1 <= y2")):
        if not fine.all():
            raise InputError(f"the {what} has the box {corners[int(fine.argmin())].tolist()}; {remedy}")
    return boxes


def _check_scores(found: Boxes) -> None:
    if found.scores is None:
        if len(found):
            raise InputError("the boxes of the prediction have no scores, by which they are ranked")
        return
    if len(found.scores) != len(found):
        raise InputError(
            f"the prediction has {len(found.scores)} scores for {len(found)} boxes; expected one for each"
        )
    bad = ~np.isfinite(found.scores)
    if bad.any():
        raise InputError(
            f"the score of box {int(bad.argmax()) + 1} of the prediction is {found.scores[bad.argmax()]}; scores have "
            "to be numbers, or boxes cannot be ranked"
        )
