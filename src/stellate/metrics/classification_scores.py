"""The numbers that tell how well the classes of images were found; `classification` computes them.

What does not exist is nan, and left out of means; in tables and summaries it is None, for which JSON has a word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .calibration import ReliabilityBin, expected_calibration_error, reliability_bins
from .confusion import CORNER, confusion_rows, count_confusion
from .instance_scores import Row
from .ranking import roc_auc, roc_curve
from .ratios import mean_of, plain, ratio

__all__ = ["CLASS_SCORES", "CORNER", "ClassificationMetrics", "ImageClass", "OneClass"]

CLASS_SCORES = ("precision", "recall", "f1", "roc_auc")
"""Names of the scores of a class."""


@dataclass(frozen=True)
class ImageClass:
    """What was annotated and what was found in one image.

    Attributes
    ----------
    name
        What the image is called.
    truth, found
        The annotated class, and the most probable one.
    probability
        That of the class found.
    truth_probability
        That of the annotated class; 0 if the model does not know it.
    """

    name: str
    truth: str
    found: str
    probability: float
    truth_probability: float

    @property
    def right(self) -> bool:
        """Whether the annotated class was found."""
        return self.truth == self.found

    def row(self) -> Row:
        """Every value by name."""
        return {
            "image": self.name,
            "annotated": self.truth,
            "found": self.found,
            "right": self.right,
            "probability": self.probability,
            "truth_probability": self.truth_probability,
        }


@dataclass(frozen=True)
class OneClass:
    """Agreement in one class, against all others.

    Attributes
    ----------
    name
        Of the class.
    n_true, n_predicted, hits
        Number of images that are annotated as of this class, found as of it, and both.
    roc_auc
        How well its probability ranks its images before the others; nan if the model does not know the class, or all
        or none of the images are of it.
    """

    name: str
    n_true: int
    n_predicted: int
    hits: int
    roc_auc: float

    @property
    def precision(self) -> float:
        """Share of the images found that are of the class; 0 if none was found where some are, nan without either."""
        return self.hits / self.n_predicted if self.n_predicted else ratio(0, self.n_true)

    @property
    def recall(self) -> float:
        """Share of the images of the class that were found; nan if none is annotated."""
        return ratio(self.hits, self.n_true)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; nan if the class is neither annotated nor found."""
        return ratio(2 * self.hits, self.n_true + self.n_predicted)

    def row(self) -> Row:
        """Every number by name."""
        counts = {"class": self.name, "n_true": self.n_true, "n_predicted": self.n_predicted}
        return {**counts, **{name: plain(getattr(self, name)) for name in CLASS_SCORES}}


@dataclass(frozen=True, eq=False)
class ClassificationMetrics:
    """Agreement in a set of images that are of one class each.

    Attributes
    ----------
    images
        What became of each image, in the order given.
    class_names
        All classes, those of the annotation first.
    probabilities
        ``(n_images, n_classes)`` float32; 0 for a class that the model does not know.
    known
        ``(n_classes,)`` bool, the classes that the model tells apart.
    """

    images: tuple[ImageClass, ...]
    class_names: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    known: npt.NDArray[np.bool_]

    @property
    def accuracy(self) -> float:
        """Share of the images whose class was found."""
        return float(self._right.mean())

    @property
    def balanced_accuracy(self) -> float:
        """Recall in the mean of the classes that are annotated: each class weighs the same, however rare."""
        return self.mean("recall")

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the class found, in 15 bins; see `stellate.metrics.calibration`."""
        return expected_calibration_error(self.reliability)

    @cached_property
    def reliability(self) -> tuple[ReliabilityBin, ...]:
        """How often the answers were right, by how sure they were."""
        return reliability_bins([i.probability for i in self.images], self._right)

    @cached_property
    def classes(self) -> tuple[OneClass, ...]:
        """Scores of each class."""
        counts = self.confusion
        true, found, hits = (a.tolist() for a in (counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()))
        return tuple(
            OneClass(name, true[k], found[k], hits[k], self._roc_auc(k))
            for k, name in enumerate(self.class_names)
        )

    @cached_property
    def confusion(self) -> npt.NDArray[np.int64]:
        """``(n_classes, n_classes)``: how many images of the class of the row were found as that of the column."""
        return count_confusion(((image.truth, image.found) for image in self.images), self.class_names)

    def mean(self, value: str) -> float:
        """A score in the mean of the classes that have it; nan if none has.

        Parameters
        ----------
        value
            precision, recall, f1 or roc_auc.
        """
        return mean_of(getattr(c, value) for c in self.classes)

    def roc(self, index: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
        """The ROC curve of a class against all others (see `roc_curve`); None where it has none."""
        ranked = self._ranked(index)
        return None if ranked is None else roc_curve(*ranked)

    def worst(self, count: int) -> list[int]:
        """Positions of mistakes, the surest first; fewer than `count` if there are not so many."""
        wrong = [k for k, image in enumerate(self.images) if not image.right]
        return sorted(wrong, key=lambda k: (-self.images[k].probability, k))[:count]

    def overall_table(self) -> list[Row]:
        """One row: what is known of all images together."""
        return [{"n_images": len(self.images), **self._overall()}]

    def table(self) -> list[Row]:
        """A row for each class."""
        return [c.row() for c in self.classes]

    def image_table(self) -> list[Row]:
        """A row for each image: its class, the class found, and the probability of each class that the model knows."""
        columns = [(f"probability_{name}", k) for k, name in enumerate(self.class_names) if self.known[k]]
        return [
            {**image.row(), **{name: float(self.probabilities[i, k]) for name, k in columns}}
            for i, image in enumerate(self.images)
        ]

    def confusion_table(self) -> list[Row]:
        """A row for each annotated class, with the number of images found as each class."""
        return confusion_rows(self.confusion, self.class_names, self.class_names)

    def summary(self) -> Row:
        """The numbers to report, ready for JSON."""
        return {
            "n_images": len(self.images),
            **self._overall(),
            "by_class": {row.pop("class"): row for row in self.table()},
            "confusion": self.confusion_table(),
        }

    @cached_property
    def _right(self) -> npt.NDArray[np.bool_]:
        return np.array([image.right for image in self.images])

    def _overall(self) -> Row:
        means = {f"mean_{name}": plain(self.mean(name)) for name in ("precision", "f1", "roc_auc")}
        return {
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            **means,
            "calibration_error": self.calibration_error,
        }

    def _roc_auc(self, index: int) -> float:
        ranked = self._ranked(index)
        return math.nan if ranked is None else roc_auc(*ranked)

    def _ranked(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]] | None:
        """The probability of a class in each image, and which are of it; None where these cannot be ranked."""
        of_class = np.array([image.truth == self.class_names[index] for image in self.images])
        if not self.known[index] or of_class.all() or not of_class.any():
            return None
        return self.probabilities[:, index], of_class
