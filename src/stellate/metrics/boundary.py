"""How well the boundaries of classes agree: those found with those annotated, within a tolerance.

A boundary pixel of a class has a neighbour of another class, with which it shares a side. Where the image ends, and
where nobody annotated, there is no boundary, since nobody knows what comes after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from ..errors import ConfigError

__all__ = ["BoundaryCounts", "check_tolerance", "match_boundaries"]

IntArray = npt.NDArray[np.int64]

# Distances such as the root of 2 must not exceed a tolerance that was rounded.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class BoundaryCounts:
    """Boundary pixels of one class, in one image or in all of them pooled.

    Attributes
    ----------
    n_true, n_predicted
        Number of annotated and of found boundary pixels.
    true_hits, predicted_hits
        How many of each have one of the other kind within the tolerance.

    References
    ----------
    Csurka, Larlus and Perronnin, What is a good evaluation measure for semantic segmentation?, BMVC 2013.
    """

    n_true: int = 0
    n_predicted: int = 0
    true_hits: int = 0
    predicted_hits: int = 0

    @property
    def precision(self) -> float:
        """Share of the found boundary that is near an annotated one; nan if there is none."""
        return self.predicted_hits / self.n_predicted if self.n_predicted else float("nan")

    @property
    def recall(self) -> float:
        """Share of the annotated boundary that is near a found one; nan if there is none."""
        return self.true_hits / self.n_true if self.n_true else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 if only one side has a boundary, nan if neither has."""
        if not self.n_true and not self.n_predicted:
            return float("nan")
        if not self.true_hits or not self.predicted_hits:
            return 0.0
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def match_boundaries(
    truth: npt.NDArray[Any],
    predicted: npt.NDArray[Any],
    tolerance: float,
    *,
    n_classes: int,
    spacing: Sequence[float] | None = None,
) -> IntArray:
    """Count the boundary pixels of each class that have a counterpart within a distance.

    Parameters
    ----------
    truth
        Class of each pixel, any number of axes, below `n_classes`; below 0 where not annotated.
    predicted
        The same as it was found; what is below 0 is of no class.
    tolerance
        Largest distance of counterparts, between the centres of pixels.
    n_classes
        Number of classes.
    spacing
        Distance of neighbouring pixels along each axis, in the unit of `tolerance`; 1 each if None, so that it is in
        pixels.

    Returns
    -------
    ndarray
        ``(4, n_classes)`` int64, the fields of `BoundaryCounts`.

    Notes
    -----
    Time and memory go with the number of boundary pixels, apart from one look at each pixel.
    """
    scale = np.ones(truth.ndim) if spacing is None else np.asarray(spacing, dtype=np.float64)
    known = truth >= 0
    true_points, true_classes = _boundary(truth, known)
    points, classes = _boundary(predicted, known)
    counts = np.zeros((4, n_classes), dtype=np.int64)
    for c in range(n_classes):
        annotated, found = true_points[true_classes == c] * scale, points[classes == c] * scale
        hits = _near(annotated, found, tolerance), _near(found, annotated, tolerance)
        counts[:, c] = len(annotated), len(found), *hits
    return counts


def check_tolerance(tolerance: float, spacing: Sequence[float] | None) -> None:
    """Refuse distances that make no sense.

    Raises
    ------
    ConfigError
        If the tolerance is below 0 or not finite, or a spacing is not above 0.
    """
    if not 0 <= tolerance < float("inf"):
        raise ConfigError(f"boundary tolerance {tolerance:g}: expected a distance from 0, e.g. 2 pixels")
    if spacing is not None and not all(0 < s < float("inf") for s in spacing):
        raise ConfigError(f"spacing {tuple(spacing)}: expected a distance above 0 for each axis")


def _boundary(classes: npt.NDArray[Any], known: npt.NDArray[np.bool_]) -> tuple[IntArray, npt.NDArray[Any]]:
    """Where boundary pixels of any class are, ``(n, ndim)``, and their classes."""
    on = np.zeros(classes.shape, dtype=np.bool_)
    for axis in range(classes.ndim):
        after = (slice(None),) * axis + (slice(1, None),)
        before = (slice(None),) * axis + (slice(None, -1),)
        differ = (classes[after] != classes[before]) & known[after] & known[before]
        on[after] |= differ
        on[before] |= differ
    return np.argwhere(on), classes[on]


def _near(points: Any, others: Any, tolerance: float) -> int:
    """How many points have one of the others within the tolerance."""
    if not len(points) or not len(others):
        return 0
    # the query leaves out what is at its bound
    bound = tolerance * (1 + _ROUNDING) + _ROUNDING
    distances, _ = KDTree(others).query(points, distance_upper_bound=bound)
    return int(np.isfinite(distances).sum())
