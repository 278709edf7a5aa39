"""Thresholds that suit a model best, found on validation images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..data.folder import Dataset
from ..geometry.tiles import Tile
from ..metrics.instances import ThresholdScores, score_instances
from ..results import Instances
from .engine import Engine, choose_device
from .predictor import Predictor

__all__ = ["tune_thresholds"]

# As the StarDist package tunes: these overlaps, any probability, mean accuracy at these IoUs.
NMS_THRESHOLDS = (0.3, 0.4, 0.5)
PROB_RANGE = (0.1, 0.9)
PROB_TOLERANCE = 0.01
IOUS = (0.3, 0.5, 0.7)

# Raw outputs are kept while thresholds are tried, so only so many grid cells of each image or volume, and so many of
# these, are used: 1.2 GB for 96 rays.
LARGEST_CELLS = {2: 384**2, 3: 2**18}
MOST_IMAGES = {2: 60, 3: 12}

# A network that has learned little finds thousands of objects, in minutes. Where more than this many times the
# annotated ones are found, the accuracy is below a tenth whatever they are, and is not computed.
HOPELESS = 10

Observed = tuple[Any, Tile]


def tune_thresholds(
    predictor: Predictor, dataset: Dataset, *, device: str = "auto"
) -> tuple[dict[str, float], float]:
    """Find the thresholds with the best mean accuracy on annotated images.

    Parameters
    ----------
    predictor
        With a task that has ``prob_threshold`` and ``nms_threshold``.
    dataset
        Images or volumes that were not trained on. Of large ones the middle is used, of many an even choice.
    device
        Where the network runs.

    Returns
    -------
    thresholds : dict
        ``prob_threshold`` and ``nms_threshold``.
    score : float
        Mean over IoU 0.3, 0.5 and 0.7 of TP / (TP + FP + FN), all objects pooled; 0 where there are ten times as many
        objects as are annotated at any thresholds.

    References
    ----------
    The criterion and ranges are those of the StarDist package's ``optimize_thresholds``; the search over the
    probability is by golden section.
    """
    outputs, truths = _observe(predictor, dataset, device)
    task = predictor.task()
    best = (-1.0, PROB_RANGE[0], NMS_THRESHOLDS[0])
    for nms in NMS_THRESHOLDS:
        scores = _Scores(replace(task, nms_threshold=nms), outputs, truths)
        value, prob = _golden_section(scores, *PROB_RANGE)
        best = max(best, (value, prob, nms))
    return {"prob_threshold": round(best[1], 4), "nms_threshold": best[2]}, max(best[0], 0.0)


def _observe(predictor: Predictor, dataset: Dataset, device: str) -> tuple[list[Observed], list[Instances]]:
    engine = Engine(predictor.network, choose_device(device))
    outputs, truths = [], []
    axes = "ZYX" if predictor.for_volumes else "YX"
    most = MOST_IMAGES[len(axes)]
    for index in np.unique(np.linspace(0, len(dataset) - 1, most).round().astype(int)):
        image, truth = dataset.pair(int(index))
        pixels = predictor.pixels(image.squeeze(axes))[0]
        limits = predictor.normalization.limits(pixels)
        middle = _middle(pixels.shape[1:], LARGEST_CELLS[len(axes)] * math.prod(engine.grid))
        normalised = predictor.normalization.apply(pixels[(slice(None), *middle)], limits)
        outputs.append((engine(normalised.astype(np.float32, copy=False)), Tile.whole(normalised.shape[1:])))
        assert isinstance(truth, Instances)  # what has these thresholds is learned from objects alone
        truths.append(Instances(truth.labels[middle]))
    return outputs, truths


def _middle(shape: tuple[int, ...], size: int) -> tuple[slice, ...]:
    """The middle of an image or volume, so many pixels: a square or cube where it is large enough along each axis."""
    left, sides = float(size), dict.fromkeys(range(len(shape)), 0)
    for axis, count in zip(np.argsort(shape), range(len(shape), 0, -1), strict=True):
        sides[int(axis)] = min(shape[axis], int(left ** (1 / count) + 1e-6))
        left /= sides[int(axis)]
    starts = [(size - sides[axis]) // 2 for axis, size in enumerate(shape)]
    return tuple(slice(start, start + sides[axis]) for axis, start in enumerate(starts))


class _Scores:
    """Mean accuracy as a function of the probability threshold.

    Where there are too many objects (see `HOPELESS`) it is below 0, and rises with the threshold, so that a search
    goes on with fewer of them. That is told from the best candidates alone: whether one of them is kept does not
    depend on those after it.
    """

    def __init__(self, task: Any, outputs: Sequence[Observed], truths: Sequence[Instances]) -> None:
        self._task, self._outputs, self._truths = task, outputs, truths
        self._most = HOPELESS * max(1, sum(len(truth) for truth in truths))
        self._strict = _nth_probability([output for output, _ in outputs], 2 * self._most)

    def __call__(self, prob: float) -> float:
        if prob < self._strict and self._too_many:
            return prob - 1
        return float(np.mean([s.accuracy for s in self._pooled(prob)]))

    @cached_property
    def _too_many(self) -> bool:
        """Whether the best candidates, twice as many as objects are tried, are too many objects already."""
        pooled = self._pooled(self._strict)[0]
        return pooled.true_positives + pooled.false_positives > self._most

    def _pooled(self, prob: float) -> Sequence[ThresholdScores]:
        task = replace(self._task, prob_threshold=prob)
        found = [task.merge([task.decode(output, tile)]) for output, tile in self._outputs]
        return score_instances(found, self._truths, IOUS).pooled


def _nth_probability(outputs: Sequence[Any], n: int) -> float:
    """The object probability of the n-th best grid cell; 0 if there are not so many."""
    logits = np.concatenate([output["prob"].float().numpy().ravel() for output in outputs])
    if len(logits) < n:
        return 0.0
    return float(1 / (1 + np.exp(-np.partition(logits, -n)[-n].astype(np.float64))))


def _golden_section(score: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """The greatest score and where it is, of a function with one peak."""
    ratio = (5**0.5 - 1) / 2
    inner = [high - ratio * (high - low), low + ratio * (high - low)]
    scores = [score(x) for x in inner]
    best = max(zip(scores, inner, strict=True))
    while high - low > PROB_TOLERANCE:
        if scores[0] >= scores[1]:
            high, inner[1], scores[1] = inner[1], inner[0], scores[0]
            inner[0] = high - ratio * (high - low)
            scores[0] = score(inner[0])
        else:
            low, inner[0], scores[0] = inner[0], inner[1], scores[1]
            inner[1] = low + ratio * (high - low)
            scores[1] = score(inner[1])
        best = max(best, *zip(scores, inner, strict=True))
    return best
