"""How well found class maps agree with annotated ones, pixel by pixel and along the boundaries.

Of each class: intersection over union (IoU), Dice, accuracy (the share of its annotated pixels that were found) and
boundary F1 (Csurka et al. 2013; see `stellate.metrics.boundary`), and their means over the classes; besides, the share
of all pixels whose class was found (pixel accuracy), and which class was found as which. The mean IoU of pooled pixels
is that of PASCAL VOC; pixel accuracy and the mean accuracy of classes are the "global" and "class average" of SegNet.

Two ways to put images together: *pooled* counts the pixels of all images first, so that each pixel weighs the same; *by
image* averages the scores of the images, so that each image weighs the same.

Pixels that are not annotated count nowhere. Classes are compared by name: one that only the annotation, or only the
model, knows counts as missed, or as false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..results import Mask
from .boundary import BoundaryCounts, check_tolerance, match_boundaries
from .mask_scores import ClassAgreement, MaskMetrics, MaskScores
from .pairing import pairs

__all__ = ["BOUNDARY_TOLERANCE", "ClassAgreement", "MaskMetrics", "MaskScores", "score_masks"]

BOUNDARY_TOLERANCE = 2.0
"""Pixels by which a boundary may be off, unless another number is asked for."""

IntArray = npt.NDArray[np.int64]

# Pixels looked at in one go; bounds the working memory whatever the size of the image.
_BLOCK_PIXELS = 1 << 22


def score_masks(
    predictions: Iterable[Mask],
    truths: Iterable[Mask],
    *,
    tolerance: float = BOUNDARY_TOLERANCE,
    spacing: Sequence[float] | None = None,
    names: Iterable[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> MaskMetrics:
    """Compare found class maps with annotated ones.

    Parameters
    ----------
    predictions, truths
        One per image, of two or three axes; iterators are consumed one image at a time.
    tolerance
        Distance up to which boundaries count as found.
    spacing
        Distance of neighbouring pixels along each axis, in the unit of `tolerance`; 1 each if None, so that it is in
        pixels.
    names
        What the images are called; "1", "2", ... if None.
    progress
        Called with the number of images done after each.

    Raises
    ------
    ConfigError
        If the tolerance or the spacing is out of range.
    InputError
        If the numbers of images differ, there are none, the shapes of a pair differ, a class has no name, or names
        occur twice.
    """
    check_tolerance(tolerance, spacing)
    tally = _Tally(tolerance, spacing)
    for name, predicted, truth in pairs(predictions, truths, names):
        try:
            tally.add(name, predicted, truth)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        del predicted, truth
        if progress is not None:
            progress(tally.n_images)
    return tally.metrics()


class _Tally:
    """Counts, image after image; classes are numbered as their names turn up."""

    def __init__(self, tolerance: float, spacing: Sequence[float] | None) -> None:
        self._tolerance, self._spacing = tolerance, spacing
        self._ids: dict[str, int] = {}
        self._confusion = np.zeros((0, 1), dtype=np.int64)
        self._images: list[tuple[str, IntArray]] = []

    @property
    def n_images(self) -> int:
        """How many were counted."""
        return len(self._images)

    def add(self, name: str, predicted: Mask, truth: Mask) -> None:
        """Count the pixels of an image."""
        _check(predicted, truth, self._spacing)
        for label in (*truth.class_names, *predicted.class_names):
            self._ids.setdefault(label, len(self._ids))
        n = len(self._ids)
        true, found = self._renumbered(truth), self._renumbered(predicted)
        confusion = _confusion(true, found, n)
        pixels = [confusion.sum(axis=1), confusion.sum(axis=0)[:n], confusion.diagonal()]
        boundary = match_boundaries(true, found, self._tolerance, n_classes=n, spacing=self._spacing)
        self._images.append((name, np.concatenate([pixels, boundary])))
        before = len(self._confusion)
        confusion[:before, :before] += self._confusion[:, :-1]
        confusion[:before, -1] += self._confusion[:, -1]
        self._confusion = confusion

    def metrics(self) -> MaskMetrics:
        """What was counted."""
        n = len(self._ids)
        counts = [(name, np.pad(c, ((0, 0), (0, n - c.shape[1])))) for name, c in self._images]
        pooled = np.sum([c for _, c in counts], axis=0)
        images = tuple(self._scores(name, c) for name, c in counts)
        return MaskMetrics(images, self._scores("all", pooled), self._confusion, self._tolerance)

    def _scores(self, name: str, counts: IntArray) -> MaskScores:
        classes = []
        for label, (n_true, n_predicted, hits, *boundary) in zip(self._ids, counts.T.tolist(), strict=True):
            classes.append(ClassAgreement(label, n_true, n_predicted, hits, BoundaryCounts(*boundary)))
        return MaskScores(name, tuple(classes))

    def _renumbered(self, mask: Mask) -> npt.NDArray[np.int32]:
        """Classes by the numbers of all images, -1 where there is none."""
        table = np.array([*(self._ids[name] for name in mask.class_names), -1], dtype=np.int32)
        return table[mask.classes]


def _check(predicted: Mask, truth: Mask, spacing: Sequence[float] | None) -> None:
    if predicted.classes.shape != truth.classes.shape:
        raise InputError(
            f"the annotation has shape {truth.classes.shape}, the prediction {predicted.classes.shape}; they must be "
            "of the same image"
        )
    if spacing is not None and len(spacing) != truth.classes.ndim:
        raise InputError(f"{len(spacing)} spacings for {truth.classes.ndim} axes; give one for each")
    for what, mask in (("annotation", truth), ("prediction", predicted)):
        twice = [c for k, c in enumerate(mask.class_names) if c in mask.class_names[:k]]
        if twice:
            raise InputError(f"two classes of the {what} are called {twice[0]!r}; name them differently")
        if mask.classes.dtype.kind not in "iu":
            raise InputError(f"the {what} holds {mask.classes.dtype}; classes are integers")
        low, high = int(mask.classes.min(initial=-1)), int(mask.classes.max(initial=-1))
        if low < -1 or high >= len(mask.class_names):
            wrong = low if low < -1 else high
            raise InputError(
                f"the {what} has the class {wrong}, but {len(mask.class_names)} names; classes count from 0, and -1 is "
                "for none"
            )


def _confusion(true: npt.NDArray[np.int32], found: npt.NDArray[np.int32], n: int) -> IntArray:
    """Pixels by annotated and found class, ``(n, n + 1)``; the last column is for no class."""
    counts = np.zeros(n * (n + 1), dtype=np.int64)
    true, found = true.reshape(-1), found.reshape(-1)
    for start in range(0, len(true), _BLOCK_PIXELS):
        rows, columns = (side[start : start + _BLOCK_PIXELS] for side in (true, found))
        known = rows >= 0
        cells = rows[known] * (n + 1) + columns[known] % (n + 1)
        counts += np.bincount(cells, minlength=len(counts))
    return counts.reshape(n, n + 1)
