"""From which probability on boxes count: the one with which most of them are right and most objects found."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.box_dataset import BoxDataset
from ..metrics.box_matching import match_boxes
from .options import PredictOptions
from .predictor import Predictor

__all__ = ["best_threshold", "tune_box_threshold"]

FROM = 0.01
"""Least probability that is thought of."""


def tune_box_threshold(
    predictor: Predictor, dataset: BoxDataset, *, device: str = "auto"
) -> dict[str, float]:
    """Find the least probability of boxes with the highest F1 on annotated images, all of them counted together.

    Parameters
    ----------
    predictor
        Of a model for detection.
    dataset
        Images that were not trained on, with its classes.
    device
        Where the network runs.

    Returns
    -------
    dict
        ``prob_threshold``; empty where nothing that was found is right, so that there is nothing to choose by.

    Raises
    ------
    InputError
        If an image cannot be read.
    """
    options = PredictOptions(device=device, prob_threshold=FROM)
    scores, right, n_true = [], [], 0
    for k in range(len(dataset)):
        image, truth = dataset.pair(k)
        found: Any = predictor.predict(image, options).result
        of_image = np.zeros(len(found), dtype=bool)
        of_image[match_boxes(truth, found, same_class=True)[:, 1]] = True
        scores.append(found.scores)
        right.append(of_image)
        n_true += len(truth)
    every = np.concatenate(right)
    if not every.any():
        return {}
    return {"prob_threshold": best_threshold(np.concatenate(scores), every, n_true)}


def best_threshold(scores: npt.NDArray[np.float32], right: npt.NDArray[np.bool_], n_true: int) -> float:
    """The threshold with the highest F1.

    The surest boxes choose their objects first, so that those below a threshold never change which of the others are
    right.

    Parameters
    ----------
    scores
        ``(n,)``, of all boxes.
    right
        ``(n,)``, whether each has an object of its own; one at least has.
    n_true
        Objects.

    Returns
    -------
    float
        Half way between the last score that counts and the first that does not, to three digits; the last score, where
        all count.

    Examples
    --------
    >>> best_threshold(np.float32([0.9, 0.8, 0.5, 0.25]), np.array([True, True, False, True]), 3)
    0.25
    >>> best_threshold(np.float32([0.9, 0.8, 0.3, 0.3]), np.array([True, True, False, False]), 2)
    0.55
    """
    order = np.argsort(-scores, kind="stable")
    sorted_scores, hits = scores[order], np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(scores) + 1) + n_true)
    # boxes of the same score count together
    last = np.append(sorted_scores[1:] < sorted_scores[:-1], True)
    best = int(np.where(last, f1, -1).argmax())
    if best + 1 == len(scores):
        return math.floor(1000 * float(sorted_scores[best])) / 1000
    return round((float(sorted_scores[best]) + float(sorted_scores[best + 1])) / 2, 3)
