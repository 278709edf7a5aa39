"""Training targets of star-convex models in 2D: how deep inside its object each pixel lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from .arrays import for_reading

__all__ = ["checked_labels", "object_probability", "run_envelope"]


def object_probability(labels: npt.NDArray[Any], grid: tuple[int, int] = (1, 1)) -> npt.NDArray[np.float32]:
    """Distance of each pixel to the nearest pixel of another label, divided by the object's maximum.

    Computed on ``labels[::gy, ::gx]``. What lies beyond the image border is unknown and counts as neither
    inside nor outside; only an object that fills the whole (subsampled) image is measured from the border.

    Parameters
    ----------
    labels
        ``(H, W)``, any integer dtype. 0 is background; values below 0 are pixels without annotation.
    grid
        Subsampling along rows and columns.

    Returns
    -------
    ndarray
        ``(ceil(H / gy), ceil(W / gx))`` float32: in (0, 1] inside objects, 0 on background, -1 where
        `labels` < 0.

    Raises
    ------
    ValueError
        If `labels` is not a 2D integer array, or a grid step is below 1.

    References
    ----------
    Felzenszwalb and Huttenlocher, Distance Transforms of Sampled Functions, 2012 (the lower envelope of
    parabolas, here restarted at each change of label).

    Examples
    --------
    >>> object_probability(np.array([[0, 7, 7, 7, 0, -1]])).tolist()
    [[0.0, 0.5, 1.0, 0.5, 0.0, -1.0]]
    """
    labels = checked_labels(labels, grid)
    sampled = for_reading(np.ascontiguousarray(labels[:: grid[0], :: grid[1]]))
    out = np.zeros(sampled.shape, dtype=np.float32)
    if not sampled.size or sampled.max() <= 0:
        out[sampled < 0] = -1
        return out
    if sampled.min() == sampled.max():
        padded = np.pad(sampled, 1)
        return object_probability(padded)[1:-1, 1:-1].copy()
    squared = np.empty(sampled.shape, dtype=np.float64)
    _row_distances(sampled, squared)
    _column_envelopes(sampled, squared)
    _divide_by_maxima(sampled, squared, int(sampled.max()), out)
    return out


def checked_labels(labels: npt.NDArray[Any], grid: tuple[int, ...], ndim: int = 2) -> npt.NDArray[np.int32]:
    """Labels as C-contiguous int32 whose largest value is small enough to index a table.

    Parameters
    ----------
    labels
        ``(H, W)`` or ``(Z, Y, X)``, any integer dtype.
    grid
        Subsampling along each axis, only checked.
    ndim
        Number of axes expected.

    Returns
    -------
    ndarray
        int32 of the same shape, not to be written to: equal where `labels` are equal, with the same signs; other
        ids where they were huge.

    Raises
    ------
    ValueError
        If `labels` is not an integer array of that many axes, or a grid step is below 1.
    """
    labels = np.asarray(labels)
    if labels.ndim != ndim or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be a {ndim}D integer array, got {labels.dtype} of shape {labels.shape}"
        )
    if len(grid) != ndim or min(grid) < 1:
        raise ValueError(f"grid must be {ndim} steps of at least 1 pixel, got {grid}")
    if labels.size and (labels.max() > labels.size + 65535 or labels.min() < -(2**31)):
        values, inverse = np.unique(labels, return_inverse=True)
        ranks = np.where(values < 0, -1, np.cumsum(values > 0))
        labels = ranks[inverse.reshape(labels.shape)]
    return for_reading(np.ascontiguousarray(labels, dtype=np.int32))


@njit(nogil=True, cache=True)
def _row_distances(labels, squared):  # type: ignore[no-untyped-def]
    """Squared distance to the nearest other label in the same row; infinite where the row has none."""
    height, width = labels.shape
    for i in range(height):
        distance = np.inf
        for j in range(width):
            if j > 0 and labels[i, j] != labels[i, j - 1]:
                distance = 0.0
            distance += 1
            squared[i, j] = distance
        distance = np.inf
        for j in range(width - 1, -1, -1):
            if j < width - 1 and labels[i, j] != labels[i, j + 1]:
                distance = 0.0
            distance += 1
            nearest = min(squared[i, j], distance)
            squared[i, j] = nearest * nearest


@njit(nogil=True, cache=True)
def _column_envelopes(labels, squared):  # type: ignore[no-untyped-def]
    """Turn squared row distances into squared Euclidean ones, in each run of equal labels of each column."""
    height, width = labels.shape
    sites = np.empty(height + 2, dtype=np.int64)
    heights = np.empty(height + 2, dtype=np.float64)
    begins = np.empty(height + 2, dtype=np.float64)
    for j in range(width):
        start = 0
        while start < height:
            stop = start + 1
            while stop < height and labels[stop, j] == labels[start, j]:
                stop += 1
            if labels[start, j] > 0:
                run_envelope(squared[:, j], start, stop, 1.0, sites, heights, begins)
            start = stop


@njit(nogil=True, cache=True)
def run_envelope(line, start, stop, spacing, sites, heights, begins):  # type: ignore[no-untyped-def]
    """Lower envelope of parabolas over start..stop-1, in steps; what is just outside the run has height 0."""
    count = 0
    scale = 1 / spacing**2
    for i in range(max(start - 1, 0), min(stop + 1, len(line))):
        level = line[i] * scale if start <= i < stop else 0.0
        if level == np.inf:
            continue
        begin = -np.inf
        while count:
            site = sites[count - 1]
            begin = (level - heights[count - 1] + i * i - site * site) / (2.0 * (i - site))
            if begin > begins[count - 1]:
                break
            count -= 1
            begin = -np.inf
        sites[count], heights[count], begins[count] = i, level, begin
        count += 1
    at = 0
    for i in range(start, stop if count else start):
        while at + 1 < count and begins[at + 1] <= i:
            at += 1
        line[i] = ((i - sites[at]) ** 2 + heights[at]) / scale


@njit(nogil=True, cache=True)
def _divide_by_maxima(labels, squared, largest, out):  # type: ignore[no-untyped-def]
    """Square roots over the largest of each object; -1 where labels are negative."""
    height, width = labels.shape
    maxima = np.zeros(largest + 1, dtype=np.float64)
    for i in range(height):
        for j in range(width):
            value = labels[i, j]
            if value > 0 and squared[i, j] > maxima[value]:
                maxima[value] = squared[i, j]
    for i in range(height):
        for j in range(width):
            value = labels[i, j]
            if value > 0:
                # the small term is the one in StarDist's own targets
                out[i, j] = np.sqrt(squared[i, j]) / (np.sqrt(maxima[value]) + 1e-10)
            elif value < 0:
                out[i, j] = -1
