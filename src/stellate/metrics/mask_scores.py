"""The numbers that tell how well a found class map agrees with an annotated one; `masks` computes them.

A class that is neither annotated nor found in an image (or, pooled, in any) has no scores there: they are nan, and left
out of means. In tables and summaries such values are None, for which JSON has a word. The accuracy of a class that is
found but nowhere annotated is nan too, while its IoU and Dice are 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, suggestion
from .boundary import BoundaryCounts
from .confusion import CORNER, confusion_rows
from .instance_scores import Row
from .ratios import mean_of, plain, ratio

__all__ = ["CORNER", "SCORES", "UNCLASSIFIED", "ClassAgreement", "MaskMetrics", "MaskScores"]

SCORES = ("iou", "dice", "accuracy", "boundary_f1")
"""Names of the scores of a class."""

_MEANS = {
    "mean_iou": "iou",
    "mean_dice": "dice",
    "pixel_accuracy": "pixel_accuracy",
    "class_accuracy": "accuracy",
    "mean_boundary_f1": "boundary_f1",
}
"""Names of the scores of all classes together, and of what they are the mean of."""

UNCLASSIFIED = "(no class)"
"""Column of the confusion table for pixels to which the prediction gives no class."""


@dataclass(frozen=True)
class ClassAgreement:
    """Agreement in one class, in one image or in all of them pooled. Pixels that are not annotated do not count.

    Attributes
    ----------
    name
        Of the class.
    n_true, n_predicted
        Number of annotated and of found pixels.
    hits
        Number of pixels that are both.
    boundary
        The same of its boundary, within a tolerance.
    """

    name: str
    n_true: int
    n_predicted: int
    hits: int
    boundary: BoundaryCounts

    @property
    def iou(self) -> float:
        """Intersection over union (Jaccard index)."""
        return ratio(self.hits, self.n_true + self.n_predicted - self.hits)

    @property
    def dice(self) -> float:
        """Twice the intersection, over annotated and found pixels: the F1 of pixels."""
        return ratio(2 * self.hits, self.n_true + self.n_predicted)

    @property
    def accuracy(self) -> float:
        """Share of the annotated pixels that were found."""
        return ratio(self.hits, self.n_true)

    @property
    def boundary_f1(self) -> float:
        """F1 of the boundary; nan also where the class has none, as when it covers the whole image on both sides."""
        return self.boundary.f1

    def row(self) -> Row:
        """Every number by name."""
        counts = {"class": self.name, "n_true": self.n_true, "n_predicted": self.n_predicted}
        return {**counts, **{name: plain(getattr(self, name)) for name in SCORES}}


@dataclass(frozen=True)
class MaskScores:
    """Agreement of one image, or of all of them pooled.

    Attributes
    ----------
    name
        What the image is called.
    classes
        Agreement in each class.
    """

    name: str
    classes: tuple[ClassAgreement, ...]

    @property
    def n_pixels(self) -> int:
        """Annotated pixels."""
        return sum(c.n_true for c in self.classes)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the annotated pixels whose class was found; nan if there are none."""
        return ratio(sum(c.hits for c in self.classes), self.n_pixels)

    def mean(self, value: str) -> float:
        """A score averaged over the classes that have it; nan if none has.

        Parameters
        ----------
        value
            iou, dice, accuracy or boundary_f1.

        Raises
        ------
        ConfigError
            If no score is called so.
        """
        if value not in SCORES:
            raise ConfigError(f"no score of classes is called {value!r}{suggestion(value, SCORES)}")
        return mean_of(getattr(c, value) for c in self.classes)

    def means(self) -> Row:
        """Pixel accuracy, and the mean of each score over the classes; that of accuracy is the class accuracy."""
        of = {value: self.mean(value) for value in SCORES} | {"pixel_accuracy": self.pixel_accuracy}
        return {name: plain(of[value]) for name, value in _MEANS.items()}


@dataclass(frozen=True, eq=False)
class MaskMetrics:
    """Agreement in a set of images.

    Attributes
    ----------
    images
        Scores of each image, in the order given.
    pooled
        Scores of the pixels of all images together.
    confusion
        ``(n, n + 1)`` int64: how many pixels annotated as the class of the row were found as that of the column; the
        last column is for those to which the prediction gives no class.
    boundary_tolerance
        Within what distance boundaries count as found.
    """

    images: tuple[MaskScores, ...]
    pooled: MaskScores
    confusion: npt.NDArray[np.int64]
    boundary_tolerance: float

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of all classes, those of the annotation first."""
        return tuple(c.name for c in self.pooled.classes)

    def by_image(self, value: str) -> float:
        """Mean over the images of what each has in the mean of its classes; nan if none has it.

        Parameters
        ----------
        value
            iou, dice, accuracy, boundary_f1, or pixel_accuracy.

        Raises
        ------
        ConfigError
            If no score is called so.
        """
        if value == "pixel_accuracy":
            return mean_of(i.pixel_accuracy for i in self.images)
        return mean_of(i.mean(value) for i in self.images)

    def class_by_image(self, index: int, value: str) -> float:
        """A score of one class, averaged over the images that have it; nan if none has."""
        return mean_of(getattr(i.classes[index], value) for i in self.images)

    def worst(self, count: int) -> list[int]:
        """Positions of the images of lowest mean IoU, worst first; images without annotated pixels are left out."""
        ious = [i.mean("iou") for i in self.images]
        order = sorted((k for k, iou in enumerate(ious) if not math.isnan(iou)), key=lambda k: (ious[k], k))
        return order[:count]

    def overall_table(self) -> list[Row]:
        """Pixel accuracy and means over the classes: of all pixels pooled, and averaged over the images."""
        by_image = {name: plain(self.by_image(value)) for name, value in _MEANS.items()}
        return [{"pixels": "pooled", **self.pooled.means()}, {"pixels": "by image", **by_image}]

    def table(self) -> list[Row]:
        """A row for each class: pooled counts and scores, and means over the images."""
        return [
            {**c.row(), **{f"{v}_by_image": plain(self.class_by_image(k, v)) for v in SCORES}}
            for k, c in enumerate(self.pooled.classes)
        ]

    def image_table(self) -> list[Row]:
        """A row for each image: means over its classes, and the IoU of each class."""
        return [
            {
                "image": i.name,
                "n_pixels": i.n_pixels,
                **i.means(),
                **{f"iou_{c.name}": plain(c.iou) for c in i.classes},
            }
            for i in self.images
        ]

    def confusion_table(self) -> list[Row]:
        """A row for each annotated class, with the number of pixels found as each class.

        The column for no class is left out where it is empty.
        """
        columns = [*self.class_names, *([UNCLASSIFIED] if self.confusion[:, -1].any() else [])]
        return confusion_rows(self.confusion, self.class_names, columns)

    def summary(self) -> Row:
        """The numbers to report, ready for JSON; those that do not say otherwise are of all pixels pooled."""
        return {
            "n_images": len(self.images),
            "n_pixels": self.pooled.n_pixels,
            "boundary_tolerance": self.boundary_tolerance,
            **self.pooled.means(),
            **{f"{name}_by_image": plain(self.by_image(value)) for name, value in _MEANS.items()},
            "by_class": {row.pop("class"): row for row in self.table()},
            "confusion": self.confusion_table(),
        }
