"""What suppression in 2D and 3D begins with: the order of candidates, and the region that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["Reach", "Region", "best_first", "checked_scores", "safe_region"]

Region = Sequence[tuple[float, float]]
"""Start and stop of a half-open region along each axis; minus or plus infinity at the border of the image."""

Reach = float | Sequence[float]
"""A distance in pixels, along all axes or along each."""


def checked_scores(scores: npt.ArrayLike, count: int) -> npt.NDArray[np.float32]:
    """Scores as float32.

    Raises
    ------
    ValueError
        If there are not `count` of them, or one is NaN.
    """
    scores = np.asarray(scores, dtype=np.float32)
    if scores.shape != (count,) or np.isnan(scores).any():
        raise ValueError(f"expected {count} scores without NaN, got an array of shape {scores.shape}")
    return scores


def best_first(scores: npt.NDArray[np.float32], points: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Order from the best to the worst, that of equal scores by position, so that it is the same in every tile.

    Parameters
    ----------
    scores
        ``(n,)`` float32 without NaN.
    points
        ``(n, ndim)`` centres.

    Returns
    -------
    ndarray
        ``(n,)`` int64 indices; equal scores in descending order of the first coordinate, of the next ones, of index.
    """
    bits = (scores + np.float32(0)).view(np.uint32)  # adding turns -0 into 0
    # the bits of a float, seen as a whole number, rise with it if those of the negative ones are turned around
    rising = np.where(bits >> 31, ~bits, bits | np.uint32(2**31)).astype(np.uint64)
    place = None
    if not _is_ascending(points):
        place = np.lexsort(points.T[::-1])
        rising = rising[place]
    order = np.sort(rising << np.uint64(32) | np.arange(len(scores), dtype=np.uint64))[::-1]
    order = (order & np.uint64(2**32 - 1)).astype(np.int64)
    return order if place is None else place[order]


def _is_ascending(points: npt.NDArray[np.float32]) -> bool:
    """Whether points are in ascending order of the first coordinate, then of the next ones."""
    before, after = points[:-1].T, points[1:].T
    ascending = np.ones(before.shape[1], dtype=bool)
    for axis in reversed(range(len(before))):
        ascending &= after[axis] == before[axis]
        ascending |= after[axis] > before[axis]
    return bool(ascending.all())


def safe_region(known: Region | None, reach: Reach | None, ndim: int) -> npt.NDArray[np.float64]:
    """First and last coordinate along each axis that nothing from outside `known` can cover: ``(ndim, 2)``.

    Raises
    ------
    ValueError
        If `known` has no `reach`, or one of them not `ndim` axes.
    """
    if known is None:
        return np.array([[-math.inf, math.inf]] * ndim)
    distances = np.asarray(np.nan if reach is None else reach, dtype=np.float64)
    if distances.shape not in ((), (ndim,)) or not (distances >= 0).all():
        raise ValueError(
            f"with a known region, reach must be a distance in pixels, or one along each of {ndim} axes, got {reach}"
        )
    region = np.array(known, dtype=np.float64)
    if region.shape != (ndim, 2):
        raise ValueError(f"known must be start and stop along {ndim} axes, got {known}")
    margin = np.broadcast_to(distances + 1, ndim)  # rounding moves a vertex by less than a pixel
    region += np.stack([margin, -margin], axis=1)
    return region
