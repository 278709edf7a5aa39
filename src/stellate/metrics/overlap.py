"""How the objects of two label images overlap, and which of them belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from ..errors import InputError

__all__ = ["Matching", "match", "reaches"]

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]

# Pixels looked at in one go; bounds the working memory to some 100 MB whatever the size of the image.
_BLOCK_PIXELS = 1 << 22
# A ratio such as 3/5 must reach a threshold that was computed as 0.5 + 2 * 0.05.
_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Matching:
    """The overlaps of the objects in two label images.

    Attributes
    ----------
    true_ids, predicted_ids
        ``(n_true,)`` and ``(n_predicted,)`` int64, ascending: the labels that occur in the images.
    pairs
        ``(m, 2)`` int64: positions in `true_ids` and `predicted_ids` of the objects that share a pixel.
    ious
        ``(m,)`` float64: intersection over union of each pair, above 0.
    """

    true_ids: IndexArray
    predicted_ids: IndexArray
    pairs: IndexArray
    ious: FloatArray

    @property
    def n_true(self) -> int:
        """Number of annotated objects."""
        return len(self.true_ids)

    @property
    def n_predicted(self) -> int:
        """Number of predicted objects."""
        return len(self.predicted_ids)

    def assign(self, threshold: float) -> tuple[IndexArray, FloatArray]:
        """Match objects one to one.

        Among the pairs whose IoU reaches the threshold, as many as possible are taken, and among the ways to
        do so the one with the largest sum of IoU (an optimal assignment, as the Hungarian method finds).

        Parameters
        ----------
        threshold
            Least IoU of a match, above 0.

        Returns
        -------
        ids : (k, 2) int64
            True and predicted label of each match, by ascending true label.
        ious : (k,) float64
            Their IoU.
        """
        good = np.flatnonzero(reaches(self.ious, threshold))
        chosen = good[_best(self.pairs[good], self.ious[good])]
        chosen = chosen[np.argsort(self.pairs[chosen, 0])]
        true, predicted = self.pairs[chosen].T
        return np.stack([self.true_ids[true], self.predicted_ids[predicted]], axis=1), self.ious[chosen]


def reaches(ious: FloatArray, threshold: float) -> npt.NDArray[np.bool_]:
    """Whether IoUs are at least a threshold, but for rounding."""
    return ious >= threshold - _TOLERANCE


def match(truth: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> Matching:
    """Find which objects of two label images overlap, and by how much.

    Time is linear in the number of pixels; memory beside the images does not grow with the product of the
    numbers of objects.

    Parameters
    ----------
    truth, predicted
        Label images of the same shape, any number of dimensions and any integer dtype; 0 is background. Ids
        need not be contiguous. Where `truth` is below 0, nobody annotated; such pixels are left out.

    Raises
    ------
    InputError
        If the shapes differ, either is not of integer type, or a predicted label is below 0.

    Examples
    --------
    >>> truth = np.array([[1, 1, 1, 1, 0]])
    >>> predicted = np.array([[0, 7, 7, 7, 7]])
    >>> matching = match(truth, predicted)
    >>> matching.ious
    array([0.6])
    >>> matching.assign(0.5)[0]
    array([[1, 7]])
    """
    true_runs, predicted_runs, lengths = _annotated_runs(np.asarray(truth), np.asarray(predicted))
    true_ids, rows = np.unique(true_runs, return_inverse=True)
    predicted_ids, columns = np.unique(predicted_runs, return_inverse=True)
    # Each of the two has a row or column for the background, so that areas are plain sums.
    shape = (len(true_ids), len(predicted_ids))
    table = coo_array((lengths, (rows, columns)), shape=shape).tocsr().tocoo()
    overlap = table.data.astype(np.float64)
    true_area = np.bincount(table.row, weights=overlap, minlength=shape[0])
    predicted_area = np.bincount(table.col, weights=overlap, minlength=shape[1])
    union = true_area[table.row] + predicted_area[table.col] - overlap
    objects = (true_ids[table.row] > 0) & (predicted_ids[table.col] > 0)
    background = (int(0 in true_ids[:1]), int(0 in predicted_ids[:1]))
    pairs = np.stack([table.row, table.col], axis=1)[objects].astype(np.int64) - background
    ious = (overlap / union)[objects]
    return Matching(true_ids[background[0] :], predicted_ids[background[1] :], pairs, ious)


def _annotated_runs(
    truth: npt.NDArray[Any], predicted: npt.NDArray[Any]
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Check two label images, and give the labels and lengths of the runs where there is annotation."""
    if truth.shape != predicted.shape:
        raise InputError(
            f"the annotation has shape {truth.shape} and the prediction {predicted.shape}; "
            "both must cover the same pixels"
        )
    for labels, name in ((truth, "annotation"), (predicted, "prediction")):
        if labels.dtype != bool and not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"the {name} has dtype {labels.dtype}; a label image holds integers, 0 for background"
            )
    runs = _runs(truth.reshape(-1), predicted.reshape(-1))
    lowest = runs[1].min(initial=0)
    if lowest < 0:
        raise InputError(f"the prediction holds the label {lowest}; labels are 0 (background) or above")
    annotated = runs[0] >= 0
    return runs[0][annotated], runs[1][annotated], runs[2][annotated]


def _runs(truth: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Pairs of labels that lie on one another, and on how many pixels; a pair may occur several times."""
    empty = np.zeros(0, dtype=np.int64)
    parts = [(empty, empty, empty)]
    for start in range(0, len(truth), _BLOCK_PIXELS):
        t, p = truth[start : start + _BLOCK_PIXELS], predicted[start : start + _BLOCK_PIXELS]
        # Stretches along which neither label changes are far fewer than pixels.
        begin = np.flatnonzero(np.concatenate([[True], (t[1:] != t[:-1]) | (p[1:] != p[:-1])]))
        lengths = np.diff(begin, append=len(t))
        parts.append(_added_up(t[begin].astype(np.int64), p[begin].astype(np.int64), lengths))
    trues, predictions, counts = zip(*parts, strict=True)
    return np.concatenate(trues), np.concatenate(predictions), np.concatenate(counts)


def _added_up(
    true: IndexArray, predicted: IndexArray, counts: IndexArray
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """The same with each pair once."""
    order = np.lexsort((predicted, true))
    true, predicted = true[order], predicted[order]
    first = np.concatenate([[True], (true[1:] != true[:-1]) | (predicted[1:] != predicted[:-1])])
    begin = np.flatnonzero(first)
    return true[begin], predicted[begin], np.add.reduceat(counts[order], begin)


def _best(pairs: IndexArray, ious: FloatArray) -> IndexArray:
    """Positions of the pairs in the best matching: most pairs first, then the largest sum of IoU."""
    if not len(pairs):
        return np.zeros(0, dtype=np.int64)
    true, predicted = pairs.T
    # Objects of one image do not overlap, so above an IoU of one half nobody has two partners.
    contested = (np.bincount(true)[true] > 1) | (np.bincount(predicted)[predicted] > 1)
    where = np.flatnonzero(contested)
    return np.concatenate([np.flatnonzero(~contested), where[_assign(pairs[where], ious[where])]])


def _assign(pairs: IndexArray, ious: FloatArray) -> IndexArray:
    """Positions of the pairs in an optimal assignment, by a sparse solver.

    The solver wants every row to have a column. So each object gets a stand-in on the other side that it may
    take instead of a partner, and the stand-ins of two objects that may match may take each other.
    """
    if not len(pairs):
        return np.zeros(0, dtype=np.int64)
    true_ids, true = np.unique(pairs[:, 0], return_inverse=True)
    predicted_ids, predicted = np.unique(pairs[:, 1], return_inverse=True)
    n_true, n_predicted = len(true_ids), len(predicted_ids)
    every_true, every_predicted = np.arange(n_true), np.arange(n_predicted)
    rows = np.concatenate([true, every_true, n_true + every_predicted, n_true + predicted])
    columns = np.concatenate([predicted, n_predicted + every_true, every_predicted, n_predicted + true])
    # A match more is worth more than any sum of IoU; weights must not be 0, and a constant changes nothing.
    worth = 1.0 + min(n_true, n_predicted)
    gain = np.ones(len(rows))
    gain[: len(pairs)] += worth + ious
    size = n_true + n_predicted
    graph = csr_array((gain, (rows, columns)), shape=(size, size))
    taken_rows, taken_columns = min_weight_full_bipartite_matching(graph, maximize=True)
    partner = np.full(size, -1)
    partner[taken_rows] = taken_columns
    return np.flatnonzero(partner[true] == predicted)
