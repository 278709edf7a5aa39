"""The numbers that tell how well boxes were found; `detection` computes them.

What does not exist is nan, and left out of means; in tables and summaries it is None, for which JSON has a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .average_precision import SIZES, AveragePrecision
from .class_scores import NOTHING
from .confusion import CORNER, confusion_rows, count_confusion
from .instance_scores import Row
from .ratios import mean_of, plain, ratio

__all__ = ["CORNER", "NOTHING", "BoxCounts", "DetectedClass", "DetectionMetrics", "ImageBoxes"]


@dataclass(frozen=True)
class BoxCounts:
    """How many boxes are annotated, found and right.

    Attributes
    ----------
    n_true, n_predicted
        Number of annotated and of found boxes.
    true_positives
        Number of found boxes that match an annotated one of their class.
    """

    n_true: int
    n_predicted: int
    true_positives: int

    @property
    def false_positives(self) -> int:
        """Found boxes that match none of their class."""
        return self.n_predicted - self.true_positives

    @property
    def false_negatives(self) -> int:
        """Annotated boxes that none of their class matches."""
        return self.n_true - self.true_positives

    @property
    def precision(self) -> float:
        """Share of the found boxes that are right; 0 if none is found where some are annotated, nan without either."""
        return self.true_positives / self.n_predicted if self.n_predicted else ratio(0, self.n_true)

    @property
    def recall(self) -> float:
        """Share of the annotated boxes that are found; nan if none is annotated."""
        return ratio(self.true_positives, self.n_true)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; nan if nothing is annotated and nothing found."""
        return ratio(2 * self.true_positives, self.n_true + self.n_predicted)

    @property
    def count_error(self) -> int:
        """Found less annotated boxes."""
        return self.n_predicted - self.n_true

    def row(self) -> Row:
        """Every number by name, but for the error of the count."""
        counts = ("n_true", "n_predicted", "true_positives", "false_positives", "false_negatives")
        ratios = {name: plain(getattr(self, name)) for name in ("precision", "recall", "f1")}
        return {**{name: getattr(self, name) for name in counts}, **ratios}


@dataclass(frozen=True)
class ImageBoxes:
    """What became of the boxes of one image.

    Attributes
    ----------
    name
        What the image is called.
    counts
        Of each class that is annotated or found in it.
    became
        Annotated and found class of each object, matched by IoU alone; None where nothing is annotated, or nothing
        was found.
    """

    name: str
    counts: Mapping[str, BoxCounts]
    became: tuple[tuple[str | None, str | None], ...]

    @cached_property
    def pooled(self) -> BoxCounts:
        """Counts of all classes together."""
        return _added(self.counts.values())

    @property
    def missed(self) -> int:
        """Annotated objects in whose place nothing was found."""
        return sum(found is None for _, found in self.became)

    @property
    def invented(self) -> int:
        """Objects that were found where nothing is annotated."""
        return sum(truth is None for truth, _ in self.became)

    @property
    def mistaken(self) -> int:
        """Annotated objects in whose place one of another class was found."""
        return sum(None not in (truth, found) and truth != found for truth, found in self.became)

    @property
    def f1(self) -> float:
        """F1 of all classes together; 1 if nothing is annotated and nothing found."""
        return self.pooled.f1 if self.became else 1.0

    def of(self, name: str) -> BoxCounts:
        """Counts of a class."""
        return self.counts.get(name, BoxCounts(0, 0, 0))

    def row(self, class_names: Iterable[str]) -> Row:
        """Every number by name, and the counts of each class."""
        row = {"image": self.name, **self.pooled.row(), "f1": self.f1, "count_error": self.pooled.count_error}
        row |= {"missed": self.missed, "invented": self.invented, "mistaken": self.mistaken}
        for name in class_names:
            row |= {f"annotated_{name}": self.of(name).n_true, f"found_{name}": self.of(name).n_predicted}
        return row


@dataclass(frozen=True)
class DetectedClass:
    """Agreement in one class, or in all of them.

    Attributes
    ----------
    name
        Of the class.
    by_image
        Counts in each image.
    ap, ap50, ap75
        Average precision: mean over the levels of IoU, and at .5 and .75. Of all classes their mean. nan where no box
        is annotated.
    average_recall
        Share of the annotated boxes found, mean over the levels; likewise.
    """

    name: str
    by_image: tuple[BoxCounts, ...]
    ap: float
    ap50: float
    ap75: float
    average_recall: float

    @cached_property
    def counts(self) -> BoxCounts:
        """Counts of all images together."""
        return _added(self.by_image)

    @property
    def mean_count_error(self) -> float:
        """By how much the count of an image is too high, on average; below 0 if it is too low."""
        return mean_of(c.count_error for c in self.by_image)

    @property
    def mean_absolute_count_error(self) -> float:
        """By how much the count of an image is off, on average."""
        return mean_of(abs(c.count_error) for c in self.by_image)

    def row(self) -> Row:
        """Every number by name."""
        averages = {k: plain(getattr(self, k)) for k in ("ap", "ap50", "ap75", "average_recall")}
        errors = {k: plain(getattr(self, k)) for k in ("mean_count_error", "mean_absolute_count_error")}
        return {"class": self.name, **averages, **self.counts.row(), **errors}


@dataclass(frozen=True, eq=False)
class DetectionMetrics:
    """Agreement in a set of images with any number of boxes.

    Attributes
    ----------
    images
        What became of the boxes of each image, in the order given.
    class_names
        All classes, those of the annotation first.
    average_precision
        What is known of each class by level of IoU, recall and size.
    score_threshold
        Score from which on boxes count in all else.
    """

    images: tuple[ImageBoxes, ...]
    class_names: tuple[str, ...]
    average_precision: AveragePrecision
    score_threshold: float = 0.0

    @property
    def map(self) -> float:
        """Average precision, mean over the classes that are annotated and IoU .5 to .95: the number to compare by."""
        return self.average_precision.mean_ap()

    @property
    def map50(self) -> float:
        """The same at IoU .5."""
        return self.average_precision.mean_ap(level=0.5)

    @property
    def map75(self) -> float:
        """The same at IoU .75."""
        return self.average_precision.mean_ap(level=0.75)

    @cached_property
    def overall(self) -> DetectedClass:
        """All classes together: counts added up, average precision and recall in their mean."""
        pooled = tuple(image.pooled for image in self.images)
        return DetectedClass(
            "all", pooled, self.map, self.map50, self.map75, self.average_precision.mean_recall()
        )

    @cached_property
    def classes(self) -> tuple[DetectedClass, ...]:
        """Scores of each class."""
        of = self.average_precision
        return tuple(
            DetectedClass(
                name,
                tuple(image.of(name) for image in self.images),
                of.ap(k),
                of.ap(k, level=0.5),
                of.ap(k, level=0.75),
                of.average_recall(k),
            )
            for k, name in enumerate(self.class_names)
        )

    @cached_property
    def confusion(self) -> npt.NDArray[np.int64]:
        """How many objects of the class of the row were found as that of the column, ``(n_classes + 1,) * 2``.

        The last row counts what was found where nothing is annotated, the last column what was missed.
        """
        became = (pair for image in self.images for pair in image.became)
        return count_confusion(became, (*self.class_names, None))

    def worst(self, count: int) -> list[int]:
        """Positions of the images of lowest F1, worst first; of equals, those with most objects first."""
        images = self.images

        def order(k: int) -> tuple[float, int, int]:
            return images[k].f1, -(images[k].pooled.n_true + images[k].pooled.n_predicted), k

        return sorted(range(len(images)), key=order)[:count]

    def overall_table(self) -> list[Row]:
        """One row: what is known of all images together."""
        return [{"n_images": len(self.images), **self._overall()}]

    def table(self) -> list[Row]:
        """A row for each class: average precision and recall, counts, and by how much the counts of images are off."""
        return [c.row() for c in self.classes]

    def size_table(self) -> list[Row]:
        """A row for each size of the annotated boxes: their number, average precision and recall."""
        of = self.average_precision
        return [
            {
                "size": size,
                "n_true": int(of.n_true[:, k].sum()),
                "ap": plain(of.mean_ap(size=size)),
                "average_recall": plain(of.mean_recall(size=size)),
            }
            for k, size in enumerate(SIZES)
        ]

    def image_table(self) -> list[Row]:
        """A row for each image: counts and scores, what became of its objects, and the counts of each class."""
        return [image.row(self.class_names) for image in self.images]

    def confusion_table(self) -> list[Row]:
        """A row for each annotated class, with the number of objects found as each class."""
        labels = (*self.class_names, NOTHING)
        return confusion_rows(self.confusion, labels, labels)

    def summary(self) -> Row:
        """The numbers to report, ready for JSON."""
        return {
            "n_images": len(self.images),
            **self._overall(),
            "by_class": {row.pop("class"): row for row in self.table()},
            "confusion": self.confusion_table(),
        }

    def _overall(self) -> Row:
        row = self.overall.row()
        means = {f"m{name}": row.pop(name) for name in ("ap", "ap50", "ap75")}
        sizes = {f"map_{of['size']}": of["ap"] for of in self.size_table()[1:]}
        del row["class"]
        return {**means, **sizes, **row, "score_threshold": self.score_threshold}


def _added(counts: Iterable[BoxCounts]) -> BoxCounts:
    every = [(c.n_true, c.n_predicted, c.true_positives) for c in counts]
    return BoxCounts(*(sum(column) for column in zip(*every, strict=True))) if every else BoxCounts(0, 0, 0)
