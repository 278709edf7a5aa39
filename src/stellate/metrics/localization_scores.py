"""The numbers that tell how well the one object of each image was found; `localization` computes them.

What does not exist is nan, and left out of means; in tables and summaries it is None, for which JSON has a word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .confusion import CORNER, confusion_rows, count_confusion
from .instance_scores import Row
from .ratios import mean_of, plain

__all__ = ["CORNER", "IOU_LEVELS", "ImageBox", "LocalizationMetrics", "LocatedClass"]

IOU_LEVELS = (0.5, 0.75)
"""A box counts as in place if its IoU exceeds the level; the first is that of PASCAL VOC and of ILSVRC."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class ImageBox:
    """What was annotated and what was found in one image.

    Attributes
    ----------
    name
        What the image is called.
    truth, found
        The annotated class and the one that was found.
    probability
        Of the class found; nan if the model does not say it.
    iou
        Intersection over union of the found box with the annotated one.
    truth_box, found_box
        As (x1, y1, x2, y2) at pixel edges.
    """

    name: str
    truth: str
    found: str
    probability: float
    iou: float
    truth_box: Box
    found_box: Box

    @property
    def right(self) -> bool:
        """Whether the annotated class was found, wherever."""
        return self.truth == self.found

    def in_place(self, level: float) -> bool:
        """Whether the box is where it should be, of whatever class."""
        return self.iou > level

    def row(self) -> Row:
        """Every value by name."""
        sides = ("xmin", "ymin", "xmax", "ymax")
        return {
            "image": self.name,
            "annotated": self.truth,
            "found": self.found,
            "right": self.right,
            "probability": plain(self.probability),
            "iou": self.iou,
            **dict(zip((f"annotated_{side}" for side in sides), self.truth_box, strict=True)),
            **dict(zip((f"found_{side}" for side in sides), self.found_box, strict=True)),
        }


@dataclass(frozen=True)
class LocatedClass:
    """Agreement in the images of one annotated class, or in all of them.

    Attributes
    ----------
    name
        Of the class.
    images
        Those that are annotated as of this class.
    n_predicted
        Number of images found as of this class.
    """

    name: str
    images: tuple[ImageBox, ...]
    n_predicted: int

    @property
    def n_true(self) -> int:
        """Number of images annotated as of this class."""
        return len(self.images)

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the boxes, whatever their class."""
        return mean_of(i.iou for i in self.images)

    @property
    def class_accuracy(self) -> float:
        """Share of the images whose class was found, wherever."""
        return self._share(lambda i: i.right)

    def located(self, level: float) -> float:
        """Share of the images whose box exceeds this IoU, of whatever class."""
        return self._share(lambda i: i.in_place(level))

    def both(self, level: float) -> float:
        """Share of the images with the right class and a box that exceeds this IoU."""
        return self._share(lambda i: i.right and i.in_place(level))

    def scores(self) -> Row:
        """The scores by name: ``located`` and ``both`` at the first level, and for the others e.g. ``both_75``."""
        row: Row = {"mean_iou": plain(self.mean_iou)}
        for k, level in enumerate(IOU_LEVELS):
            row[_at("located", k)] = plain(self.located(level))
        row["class_accuracy"] = plain(self.class_accuracy)
        for k, level in enumerate(IOU_LEVELS):
            row[_at("both", k)] = plain(self.both(level))
        return row

    def row(self) -> Row:
        """Every number by name."""
        return {"class": self.name, "n_true": self.n_true, "n_predicted": self.n_predicted, **self.scores()}

    def _share(self, holds: Callable[[ImageBox], bool]) -> float:
        return mean_of(float(holds(image)) for image in self.images)


@dataclass(frozen=True, eq=False)
class LocalizationMetrics:
    """Agreement in a set of images with one object each.

    Attributes
    ----------
    images
        What became of each image, in the order given.
    class_names
        All classes, those of the annotation first.
    """

    images: tuple[ImageBox, ...]
    class_names: tuple[str, ...]

    @cached_property
    def overall(self) -> LocatedClass:
        """Scores of all images."""
        return LocatedClass("all", self.images, len(self.images))

    @cached_property
    def classes(self) -> tuple[LocatedClass, ...]:
        """Scores of each class."""
        return tuple(
            LocatedClass(
                name,
                tuple(i for i in self.images if i.truth == name),
                sum(i.found == name for i in self.images),
            )
            for name in self.class_names
        )

    @cached_property
    def confusion(self) -> npt.NDArray[np.int64]:
        """``(n_classes, n_classes)``: how many images of the class of the row were found as that of the column."""
        return count_confusion(((image.truth, image.found) for image in self.images), self.class_names)

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the boxes, whatever their class."""
        return self.overall.mean_iou

    @property
    def class_accuracy(self) -> float:
        """Share of the images whose class was found, wherever."""
        return self.overall.class_accuracy

    def worst(self, count: int) -> list[int]:
        """Positions of the images that were found worst: those of the wrong class first, then those of lower IoU."""
        order = sorted(range(len(self.images)), key=lambda k: (self.images[k].right, self.images[k].iou, k))
        return order[:count]

    def overall_table(self) -> list[Row]:
        """One row: what is known of all images together."""
        return [{"n_images": len(self.images), **self.overall.scores()}]

    def table(self) -> list[Row]:
        """A row for each class."""
        return [c.row() for c in self.classes]

    def image_table(self) -> list[Row]:
        """A row for each image: classes, IoU, and both boxes."""
        return [image.row() for image in self.images]

    def confusion_table(self) -> list[Row]:
        """A row for each annotated class, with the number of images found as each class."""
        return confusion_rows(self.confusion, self.class_names, self.class_names)

    def summary(self) -> Row:
        """The numbers to report, ready for JSON."""
        return {
            "n_images": len(self.images),
            **self.overall.scores(),
            "by_class": {row.pop("class"): row for row in self.table()},
            "confusion": self.confusion_table(),
        }


def _at(name: str, position: int, levels: Sequence[float] = IOU_LEVELS) -> str:
    return name if position == 0 else f"{name}_{levels[position] * 100:g}"
