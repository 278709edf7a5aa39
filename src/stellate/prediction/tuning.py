"""Thresholds that suit a model best, found on validation images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..data.folder import Dataset
from ..geometry.tiles import Tile
from ..metrics.instances import score_instances
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
        Mean over IoU 0.3, 0.5 and 0.7 of TP / (TP + FP + FN), all objects pooled.

    References
    ----------
    The criterion and ranges are those of the StarDist package's ``optimize_thresholds``; the search over the
    probability is by golden section.
    """
    outputs, truths = _observe(predictor, dataset, device)
    task = predictor.task()

    def score(prob: float, nms: float) -> float:
        return _score(replace(task, prob_threshold=prob, nms_threshold=nms), outputs, truths)

    best = (-1.0, PROB_RANGE[0], NMS_THRESHOLDS[0])
    for nms in NMS_THRESHOLDS:
        value, prob = _golden_section(lambda p, nms=nms: score(p, nms), *PROB_RANGE)  # type: ignore[misc]
        best = max(best, (value, prob, nms))
    return {"prob_threshold": round(best[1], 4), "nms_threshold": best[2]}, best[0]


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


def _score(task: Any, outputs: Sequence[Observed], truths: Sequence[Instances]) -> float:
    found = [task.merge([task.decode(output, tile)]) for output, tile in outputs]
    return float(np.mean([s.accuracy for s in score_instances(found, truths, IOUS).pooled]))


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
