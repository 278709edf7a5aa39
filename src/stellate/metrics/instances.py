"""How well found objects agree with annotated ones, at one or several thresholds of IoU.

An annotated and a found object match if their intersection over union (IoU) reaches the threshold; matching
is one to one. Matches are true positives TP, found objects without a partner false positives FP, annotated
ones false negatives FN. With them: precision TP / (TP + FP), recall TP / (TP + FN), F1 2 TP / (2 TP + FP +
FN), accuracy TP / (TP + FP + FN) (the "average precision" of the 2018 Data Science Bowl), and panoptic
quality, the IoU summed over matches / (TP + FP / 2 + FN / 2) (Kirillov et al., Panoptic Segmentation, CVPR
2019).

Two ways to put images together: *pooled* adds up TP, FP and FN of all images first, so that each object
weighs the same; *by image* averages the scores of the images, so that each image weighs the same. An image in
which nothing is annotated and nothing found is right, and scores 1 by image; StarDist gives it 0, as
`empty_score` = 0 does here.

None of these looks at classes; for scores of each class see `stellate.metrics.class_scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, InputError
from ..results import Instances
from .class_scores import ClassMetrics, ClassTally
from .instance_scores import ImageScores, InstanceMetrics, ThresholdScores
from .overlap import Matching, match
from .pairing import pairs

__all__ = [
    "THRESHOLDS",
    "ClassMetrics",
    "ImageScores",
    "InstanceMetrics",
    "Matching",
    "ThresholdScores",
    "match",
    "score_instances",
]

THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""The thresholds of IoU that the Data Science Bowl and COCO use."""

Labels = Instances | npt.NDArray[Any]


def score_instances(
    predictions: Iterable[Labels],
    truths: Iterable[Labels],
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    names: Iterable[str] | None = None,
    empty_score: float = 1.0,
    progress: Callable[[int], None] | None = None,
) -> InstanceMetrics:
    """Compare found objects with annotated ones.

    Parameters
    ----------
    predictions, truths
        Results, or label images, one per image; iterators are consumed one image at a time. Where both have class
        names, classes are compared as well, by name.
    thresholds
        Least IoU of a match, each above 0 and at most 1.
    names
        What the images are called; "1", "2", ... if None.
    empty_score
        Score of an image in which nothing is annotated and nothing found; see the module's page.
    progress
        Called with the number of images done after each.

    Raises
    ------
    ConfigError
        If a threshold is out of range, or none is given.
    InputError
        If the numbers of images differ, there are none, or the shapes of a pair differ.
    """
    levels = _checked(thresholds)
    images: list[ImageScores] = []
    tally = ClassTally(levels)
    for name, predicted, truth in pairs(predictions, truths, names):
        matching = _matched(predicted, truth, name)
        images.append(_score_image(name, matching, levels, empty_score))
        tally.add(matching, truth, predicted)
        del predicted, truth
        if progress is not None:
            progress(len(images))
    pooled = tuple(_pool([i.at[k] for i in images]) for k in range(len(levels)))
    return InstanceMetrics(tuple(images), pooled, tally.metrics())


def _matched(predicted: Any, truth: Any, name: str) -> Matching:
    try:
        return match(_labels(truth), _labels(predicted))
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _score_image(name: str, matching: Matching, levels: tuple[float, ...], empty_score: float) -> ImageScores:
    at = []
    for level in levels:
        _, ious = matching.assign(level)
        tp = len(ious)
        missed = matching.n_predicted - tp, matching.n_true - tp
        at.append(ThresholdScores(level, tp, *missed, float(ious.sum()), empty_score))
    return ImageScores(name, matching.n_true, matching.n_predicted, tuple(at))


def _pool(scores: Sequence[ThresholdScores]) -> ThresholdScores:
    return ThresholdScores(
        scores[0].threshold,
        sum(s.true_positives for s in scores),
        sum(s.false_positives for s in scores),
        sum(s.false_negatives for s in scores),
        sum(s.iou_sum for s in scores),
        scores[0].empty_score,
    )


def _checked(thresholds: Sequence[float]) -> tuple[float, ...]:
    levels = tuple(sorted({float(t) for t in thresholds}))
    if not levels:
        raise ConfigError("no thresholds given; expected at least one IoU above 0 and at most 1")
    wrong = [t for t in levels if not 0 < t <= 1]
    if wrong:
        raise ConfigError(f"threshold {wrong[0]:g}: an IoU threshold lies above 0 and is at most 1")
    return levels


def _labels(result: Any) -> npt.NDArray[Any]:
    return result.labels if isinstance(result, Instances) else np.asarray(result)
