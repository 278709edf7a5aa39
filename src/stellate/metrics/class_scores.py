"""How well the classes of found objects agree with those of annotated ones.

Scores of a class are those of `stellate.metrics.instances` with all other objects left out: an annotated and a found
object match if they are of the same class and their IoU reaches the threshold. So an object that is found in the wrong
class is missed in its own and false in the other. Counts of all images are added up; the mean of the panoptic quality
over the classes is then the mPQ+ of the CoNIC challenge (Graham et al., CoNIC Challenge, Medical Image Analysis 2024).

Objects whose class nobody stated count nowhere: they are not missed, and an object that is found in the place of one
(their IoU reaches the threshold) is not false, of whatever class it is.

The confusion table matches by IoU alone, so it tells what becomes of the objects of each class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..results import Instances
from .confusion import CORNER
from .instance_scores import Row, ThresholdScores
from .overlap import Matching, reaches

__all__ = ["CORNER", "ClassMetrics", "ClassScores", "ClassTally"]

IndexArray = npt.NDArray[np.int64]

UNKNOWN, NOTHING = "(unknown class)", "(nothing)"
_RATIOS = ("precision", "recall", "f1", "accuracy", "mean_matched_iou", "panoptic_quality")


@dataclass(frozen=True)
class ClassScores:
    """Agreement in one class, all images pooled.

    Attributes
    ----------
    name
        Of the class.
    n_true, n_predicted
        Number of annotated and of found objects of this class.
    at
        Scores at each threshold, ascending.
    """

    name: str
    n_true: int
    n_predicted: int
    at: tuple[ThresholdScores, ...]

    def row(self, position: int) -> Row:
        """Every number at a threshold; ratios are None where the class occurs neither in truth nor in what is found."""
        scores = self.at[position]
        ratios = dict.fromkeys(_RATIOS) if _is_empty(scores) else {}
        counts = {"n_true": self.n_true, "n_predicted": self.n_predicted}
        return {"class": self.name, **counts, **scores.row(), **ratios}


@dataclass(frozen=True, eq=False)
class ClassMetrics:
    """Agreement in each class of a set of images.

    Attributes
    ----------
    classes
        Scores of each class.
    confusion
        ``(n + 2, n + 2)`` int64: how many objects annotated as the class of the row were found as that of the
        column, at the lowest threshold. Row and column n are for unknown classes; the last row counts what was found
        where nothing is annotated, the last column what is annotated and was not found.
    """

    classes: tuple[ClassScores, ...]
    confusion: IndexArray

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes."""
        return tuple(c.name for c in self.classes)

    @property
    def class_accuracy(self) -> float | None:
        """Share of the matched objects of known class that were found in the right one; None if none is matched."""
        n = len(self.classes)
        matched = self.confusion[:n, :n]
        return float(np.trace(matched) / matched.sum()) if matched.any() else None

    def mean(self, value: str, position: int = 0) -> float | None:
        """A score averaged over the classes that are annotated or found anywhere; None if there are none.

        Parameters
        ----------
        value
            Name of the score: precision, recall, f1, accuracy, mean_matched_iou or panoptic_quality.
        position
            Of the threshold.
        """
        found = [getattr(c.at[position], value) for c in self.classes if not _is_empty(c.at[position])]
        return float(sum(found) / len(found)) if found else None

    def table(self) -> list[Row]:
        """A row for each class and threshold."""
        return [c.row(k) for c in self.classes for k in range(len(c.at))]

    def confusion_table(self) -> list[Row]:
        """A row for each annotated class, with the number of objects found as each class.

        Unknown classes are left out where there are none.
        """
        labels = [*self.names, UNKNOWN, NOTHING]
        shown = [
            k
            for k, name in enumerate(labels)
            if name != UNKNOWN or self.confusion[k].any() or self.confusion[:, k].any()
        ]
        return [
            {
                CORNER: labels[row],
                **{labels[column]: int(self.confusion[row, column]) for column in shown},
            }
            for row in shown
        ]

    def summary(self) -> Row:
        """The numbers to report, ready for JSON; scores are those at the lowest threshold."""
        return {
            "mean_f1": self.mean("f1"),
            "mean_panoptic_quality": self.mean("panoptic_quality"),
            "class_accuracy": self.class_accuracy,
            "by_class": {c.name: {k: v for k, v in c.row(0).items() if k != "class"} for c in self.classes},
            "confusion": self.confusion_table(),
        }


class ClassTally:
    """Counts of matches by class, image after image.

    Parameters
    ----------
    levels
        Least IoU of a match, ascending.
    """

    def __init__(self, levels: Sequence[float]) -> None:
        self._levels = tuple(levels)
        self._names: dict[str, int] = {}
        # by what is counted, threshold and class
        self._counts = np.zeros((4, len(self._levels), 0))
        self._totals = np.zeros((2, 0), dtype=np.int64)
        self._confusion: dict[tuple[int, int], int] = {}
        self._any = False

    def add(self, matching: Matching, truth: Any, predicted: Any) -> None:
        """Count the objects of an image, if both sides tell classes apart.

        Parameters
        ----------
        matching
            Of the two label images.
        truth, predicted
            Results; label images have no classes.

        Raises
        ------
        InputError
            If a label image has more objects than there are rows.
        """
        if not all(isinstance(r, Instances) and r.class_names for r in (truth, predicted)):
            return
        self._any = True
        self._know((*truth.class_names, *predicted.class_names))
        true = self._classes(truth, matching.true_ids)
        found = self._classes(predicted, matching.predicted_ids)
        self._totals += [self._count(true), self._count(found)]
        self._confuse(true, found, _positions(matching, self._levels[0]))
        one, other = matching.pairs.T
        same = (true[one] == found[other]) & (true[one] >= 0)
        within = replace(matching, pairs=matching.pairs[same], ious=matching.ious[same])
        for k, level in enumerate(self._levels):
            ids, ious = within.assign(level)
            hits = np.searchsorted(matching.predicted_ids, ids[:, 1])
            excused = np.zeros(len(found), dtype=bool)
            excused[other[(true[one] < 0) & reaches(matching.ious, level)]] = True
            excused[hits] = False
            tp = self._count(found[hits])
            fp = self._count(found[~excused]) - tp
            self._counts[:, k] += [tp, fp, self._count(true) - tp, self._count(found[hits], ious)]

    def metrics(self) -> ClassMetrics | None:
        """What was counted; None if no image had classes on both sides."""
        if not self._any:
            return None
        classes = [self._scores(name, c) for name, c in self._names.items()]
        n = len(classes)
        confusion = np.zeros((n + 2, n + 2), dtype=np.int64)
        for (row, column), count in self._confusion.items():
            # -1 is for unknown classes, -2 for nothing
            confusion[row if row >= 0 else n - 1 - row, column if column >= 0 else n - 1 - column] = count
        return ClassMetrics(tuple(classes), confusion)

    def _scores(self, name: str, c: int) -> ClassScores:
        at = []
        for level, (tp, fp, fn, iou_sum) in zip(self._levels, self._counts[:, :, c].T.tolist(), strict=True):
            at.append(ThresholdScores(level, int(tp), int(fp), int(fn), iou_sum))
        return ClassScores(name, int(self._totals[0, c]), int(self._totals[1, c]), tuple(at))

    def _know(self, names: Sequence[str]) -> None:
        """Make room for classes that were not seen before."""
        for name in names:
            self._names.setdefault(name, len(self._names))
        more = len(self._names) - self._totals.shape[1]
        self._counts = np.pad(self._counts, ((0, 0), (0, 0), (0, more)))
        self._totals = np.pad(self._totals, ((0, 0), (0, more)))

    def _classes(self, result: Instances, labels: IndexArray) -> IndexArray:
        """Classes of some labels, -1 where unknown."""
        table = np.array([*(self._names[name] for name in result.class_names), -1], dtype=np.int64)
        if result.classes is None:
            return np.full(len(labels), -1, dtype=np.int64)
        if len(labels) and labels[-1] > len(result.classes):
            raise InputError(f"label {labels[-1]} has no class: there are {len(result.classes)}")
        return table[result.classes[labels - 1]]

    def _count(self, classes: IndexArray, weights: npt.NDArray[np.float64] | None = None) -> Any:
        known = classes >= 0
        weights = None if weights is None else weights[known]
        return np.bincount(classes[known], weights=weights, minlength=len(self._names))

    def _confuse(self, true: IndexArray, found: IndexArray, pairs: IndexArray) -> None:
        missed, invented = (np.delete(c, pairs[:, side]) for side, c in enumerate((true, found)))
        rows = np.concatenate([true[pairs[:, 0]], missed, np.full(len(invented), -2)])
        columns = np.concatenate([found[pairs[:, 1]], np.full(len(missed), -2), invented])
        cells, counts = np.unique(np.stack([rows, columns]), axis=1, return_counts=True)
        for (row, column), count in zip(cells.T.tolist(), counts.tolist(), strict=True):
            self._confusion[row, column] = self._confusion.get((row, column), 0) + count


def _positions(matching: Matching, level: float) -> IndexArray:
    """Matches by positions of the objects, ``(k, 2)``."""
    ids, _ = matching.assign(level)
    true = np.searchsorted(matching.true_ids, ids[:, 0])
    return np.stack([true, np.searchsorted(matching.predicted_ids, ids[:, 1])], axis=1)


def _is_empty(scores: ThresholdScores) -> bool:
    return not (scores.true_positives or scores.false_positives or scores.false_negatives)
