"""The numbers that tell how well found objects agree with annotated ones; `instances` computes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError

if TYPE_CHECKING:
    from .class_scores import ClassMetrics

__all__ = ["ImageScores", "InstanceMetrics", "Row", "ThresholdScores"]

Row = dict[str, Any]

_RATIOS = ("precision", "recall", "f1", "accuracy", "mean_matched_iou", "panoptic_quality")


@dataclass(frozen=True)
class ThresholdScores:
    """Agreement at one threshold, in one image or in all of them pooled.

    Attributes
    ----------
    threshold
        Least IoU of a match.
    true_positives, false_positives, false_negatives
        Matches; found objects without a match; annotated objects without one.
    iou_sum
        Sum of the IoU of the matches.
    empty_score
        What the ratios are where nothing is annotated and nothing found.
    """

    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int
    iou_sum: float
    empty_score: float = 1.0

    def _ratio(self, numerator: float, denominator: float) -> float:
        if not (self.true_positives or self.false_positives or self.false_negatives):
            return self.empty_score
        return numerator / denominator if denominator else 0.0

    @property
    def precision(self) -> float:
        """Share of the found objects that match; 0 if none is found where there are some."""
        return self._ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the annotated objects that match; 0 if none is annotated where some are found."""
        return self._ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        tp = 2 * self.true_positives
        return self._ratio(tp, tp + self.false_positives + self.false_negatives)

    @property
    def accuracy(self) -> float:
        """TP / (TP + FP + FN)."""
        tp = self.true_positives
        return self._ratio(tp, tp + self.false_positives + self.false_negatives)

    @property
    def mean_matched_iou(self) -> float:
        """Mean IoU of the matches; 0 if there are objects and none matches."""
        return self._ratio(self.iou_sum, self.true_positives)

    @property
    def panoptic_quality(self) -> float:
        """IoU summed over matches / (TP + FP / 2 + FN / 2)."""
        missed = (self.false_positives + self.false_negatives) / 2
        return self._ratio(self.iou_sum, self.true_positives + missed)

    def row(self) -> Row:
        """Every number by name."""
        counts = ("threshold", "true_positives", "false_positives", "false_negatives")
        return {name: getattr(self, name) for name in (*counts, *_RATIOS)}


@dataclass(frozen=True)
class ImageScores:
    """Agreement in one image.

    Attributes
    ----------
    name
        What the image is called.
    n_true, n_predicted
        Number of annotated and of found objects.
    at
        Scores at each threshold, ascending.
    """

    name: str
    n_true: int
    n_predicted: int
    at: tuple[ThresholdScores, ...]

    @property
    def count_error(self) -> int:
        """Found less annotated objects."""
        return self.n_predicted - self.n_true

    @property
    def mean_accuracy(self) -> float:
        """Accuracy, averaged over the thresholds."""
        return _mean(s.accuracy for s in self.at)


@dataclass(frozen=True)
class InstanceMetrics:
    """Agreement in a set of images.

    Attributes
    ----------
    images
        Scores of each image, in the order given.
    pooled
        Scores at each threshold with the counts of all images added up.
    classes
        Scores of each class; None where objects are not told apart.
    """

    images: tuple[ImageScores, ...]
    pooled: tuple[ThresholdScores, ...]
    classes: ClassMetrics | None = None

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The thresholds of IoU, ascending."""
        return tuple(s.threshold for s in self.pooled)

    @property
    def n_true(self) -> int:
        """Annotated objects in all images."""
        return sum(i.n_true for i in self.images)

    @property
    def n_predicted(self) -> int:
        """Found objects in all images."""
        return sum(i.n_predicted for i in self.images)

    @property
    def mean_accuracy(self) -> float:
        """Accuracy averaged over images and thresholds: the one number to compare models by."""
        return _mean(i.mean_accuracy for i in self.images)

    @property
    def mean_absolute_count_error(self) -> float:
        """By how many objects the count of an image is off, on average."""
        return _mean(abs(i.count_error) for i in self.images)

    def by_image(self, value: str, threshold: float) -> float:
        """A score at one threshold, averaged over the images.

        Parameters
        ----------
        value
            Name of the score: precision, recall, f1, accuracy, mean_matched_iou or panoptic_quality.
        threshold
            One of `thresholds`.

        Raises
        ------
        ConfigError
            If the score is unknown, or was not computed at this threshold.
        """
        if value not in _RATIOS:
            raise ConfigError(f"no score is called {value!r}; there are {', '.join(_RATIOS)}")
        at = self._position(threshold)
        return _mean(getattr(i.at[at], value) for i in self.images)

    def worst(self, count: int) -> list[int]:
        """Positions of the images of lowest mean accuracy, worst first; of equals, the fuller first."""
        order = sorted(
            range(len(self.images)), key=lambda k: (self.images[k].mean_accuracy, -self.images[k].n_true, k)
        )
        return order[:count]

    def table(self) -> list[Row]:
        """A row for each threshold: pooled counts and scores, and means over the images and over the classes."""
        rows = []
        for k, scores in enumerate(self.pooled):
            means: Row = {
                f"{v}_by_image": self.by_image(v, scores.threshold) for v in ("accuracy", "panoptic_quality")
            }
            if self.classes is not None:
                means |= {f"{v}_by_class": self.classes.mean(v, k) for v in ("f1", "panoptic_quality")}
            rows.append({**scores.row(), **means})
        return rows

    def image_table(self) -> list[Row]:
        """A row for each image: counts, mean accuracy, and accuracy at each threshold."""
        return [
            {
                "image": i.name,
                "n_true": i.n_true,
                "n_predicted": i.n_predicted,
                "count_error": i.count_error,
                "mean_accuracy": i.mean_accuracy,
                "panoptic_quality": i.at[0].panoptic_quality,
                **{f"accuracy_{s.threshold:g}": s.accuracy for s in i.at},
            }
            for i in self.images
        ]

    def summary(self) -> Row:
        """The numbers to report, ready for JSON. Scores that name no threshold are those at the lowest."""
        first = self.pooled[0]
        return {
            "n_images": len(self.images),
            "n_true": self.n_true,
            "n_predicted": self.n_predicted,
            "mean_absolute_count_error": self.mean_absolute_count_error,
            "threshold": first.threshold,
            "precision": first.precision,
            "recall": first.recall,
            "f1": first.f1,
            "mean_matched_iou": first.mean_matched_iou,
            "panoptic_quality": first.panoptic_quality,
            "panoptic_quality_by_image": self.by_image("panoptic_quality", first.threshold),
            "accuracy": {f"{s.threshold:g}": s.accuracy for s in self.pooled},
            "accuracy_by_image": {f"{t:g}": self.by_image("accuracy", t) for t in self.thresholds},
            "mean_accuracy": _mean(s.accuracy for s in self.pooled),
            "mean_accuracy_by_image": self.mean_accuracy,
            **({} if self.classes is None else {"classes": self.classes.summary()}),
        }

    def _position(self, threshold: float) -> int:
        near = np.flatnonzero(np.isclose(self.thresholds, threshold, rtol=0, atol=1e-6))
        if not len(near):
            have = ", ".join(f"{t:g}" for t in self.thresholds)
            raise ConfigError(f"no scores at the threshold {threshold:g}; computed were {have}")
        return int(near[0])


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return float(sum(numbers) / len(numbers))
