"""How well the one object of each image is found: its box by IoU, and its class.

An image has one annotated box, and one is found in it. The box is in place if its intersection over union (IoU) with
the annotated one exceeds a level, .5 or .75; the class is right or wrong; and an image is found if both hold, as in
the localization task of ILSVRC (Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 2015).

Classes are compared by name, never by number. An image of a class that the model does not know counts as wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..errors import InputError
from ..geometry.boxes import box_iou
from ..results import Boxes
from .localization_scores import IOU_LEVELS, Box, ImageBox, LocalizationMetrics, LocatedClass
from .pairing import pairs

__all__ = ["IOU_LEVELS", "ImageBox", "LocalizationMetrics", "LocatedClass", "score_single_boxes"]


def score_single_boxes(
    predictions: Iterable[Boxes], truths: Iterable[Boxes], *, names: Iterable[str] | None = None
) -> LocalizationMetrics:
    """Compare the one box that was found in each image with the one that is annotated.

    Parameters
    ----------
    predictions, truths
        One per image, of one box each.
    names
        What the images are called; "1", "2", ... if None.

    Raises
    ------
    InputError
        If the numbers of images differ, there are none, an image has not exactly one box, a box is not finite, or a
        class has no name.
    """
    images: list[ImageBox] = []
    classes: dict[str, None] = {}
    known: dict[str, None] = {}
    for name, predicted, truth in pairs(predictions, truths, names):
        try:
            images.append(_compared(name, predicted, truth))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        classes.update(dict.fromkeys(truth.class_names))
        known.update(dict.fromkeys(predicted.class_names))
    return LocalizationMetrics(tuple(images), tuple(classes | known))


def _compared(name: str, predicted: Boxes, truth: Boxes) -> ImageBox:
    (of_truth, truth_box), (of_found, found_box) = _only(truth, "annotation"), _only(predicted, "prediction")
    probability = math.nan if predicted.scores is None else float(predicted.scores[0])
    iou = float(box_iou([truth_box], [found_box])[0, 0])
    return ImageBox(name, of_truth, of_found, probability, iou, truth_box, found_box)


def _only(boxes: Boxes, what: str) -> tuple[str, Box]:
    """Class and place of the only box."""
    if len(boxes) != 1 or len(boxes.classes) != 1:
        raise InputError(
            f"the {what} has {len(boxes)} boxes; images with exactly one object are compared here, leave out the others"
        )
    at, names = int(boxes.classes[0]), boxes.class_names
    if not 0 <= at < len(names):
        raise InputError(f"the {what} has the class {at}, but {len(names)} names; classes count from 0")
    if not np.isfinite(boxes.boxes_xyxy).all():
        raise InputError(
            f"the {what} has the box {boxes.boxes_xyxy[0].tolist()}; its sides have to be numbers"
        )
    x1, y1, x2, y2 = (float(v) for v in boxes.boxes_xyxy[0])
    return names[at], (x1, y1, x2, y2)
