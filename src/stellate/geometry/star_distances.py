"""Training targets of star-convex models in 2D: how far each object reaches from each of its pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["object_probability", "star_distances"]

# Beyond this many steps the float32 position along a ray has lost so many bits that a step may cover two
# pixels; leaps, which rely on one pixel per step, are then given up.
_LEAP_LIMIT = 512


def star_distances(
    labels: npt.NDArray[Any], n_rays: int, grid: tuple[int, int] = (1, 1)
) -> npt.NDArray[np.float32]:
    """Distance from each pixel to the border of its own object along evenly spaced rays.

    A ray walks in unit steps of ``(sin, cos)(2 pi k / n_rays)`` until the nearest pixel has another label
    or lies outside the image. The last step is then taken back and replaced by one of half a pixel along
    the axis in which the ray runs faster.

    Parameters
    ----------
    labels
        ``(H, W)``, any integer dtype. Values of 0 and below are not objects.
    n_rays
        Number of rays, at least 3.
    grid
        Distance between the pixels that are evaluated: ``labels[::gy, ::gx]``. Rays run on the full-size
        labels.

    Returns
    -------
    ndarray
        ``(ceil(H / gy), ceil(W / gx), n_rays)`` float32, in pixels of `labels`; 0 where there is no object.

    Raises
    ------
    ValueError
        If `labels` is not a 2D integer array, `n_rays` is below 3, or a grid step is below 1.

    References
    ----------
    Schmidt et al., Cell Detection with Star-convex Polygons, MICCAI 2018. The arithmetic (float32 steps) is
    that of StarDist's own targets, so that both give the same numbers.

    Examples
    --------
    >>> star_distances(np.ones((1, 3), dtype=np.uint8), 4)[0, 0].tolist()
    [2.5, 0.5, 0.5, 0.5]
    """
    labels = _checked_labels(labels, grid)
    if n_rays < 3:
        raise ValueError(f"a polygon needs at least 3 rays, got {n_rays}")
    height, width = labels.shape
    gy, gx = grid
    out = np.empty((-(-height // gy), -(-width // gx), n_rays), dtype=np.float32)
    if out.size:
        rows, cols, distances = _ray_tables(n_rays, height, width)
        _march(labels, _steps_inside(labels), rows, cols, distances, gy, gx, out)
    return out


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
    labels = _checked_labels(labels, grid)
    sampled = np.ascontiguousarray(labels[:: grid[0], :: grid[1]])
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


def _checked_labels(labels: npt.NDArray[Any], grid: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Labels as C-contiguous int32 whose largest value is small enough to index a table."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be a 2D integer array, got {labels.dtype} of shape {labels.shape}")
    if len(grid) != 2 or min(grid) < 1:
        raise ValueError(f"grid must be two steps of at least 1 pixel, got {grid}")
    if labels.size and (labels.max() > labels.size + 65535 or labels.min() < -(2**31)):
        values, inverse = np.unique(labels, return_inverse=True)
        ranks = np.where(values < 0, -1, np.cumsum(values > 0))
        labels = ranks[inverse.reshape(labels.shape)]
    return np.ascontiguousarray(labels, dtype=np.int32)


def _ray_tables(
    n_rays: int, height: int, width: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Row and column offset after each step, and the distance if that step is the first one outside.

    Each is (n_rays, n_steps).
    """
    n_steps = int(np.hypot(height, width)) + 3
    angles = np.arange(n_rays, dtype=np.float32) * np.float32(2 * np.pi / n_rays)
    # rounded from float64, so that no platform's float32 sine is off in the last bit
    sines = np.sin(angles.astype(np.float64)).astype(np.float32)
    cosines = np.cos(angles.astype(np.float64)).astype(np.float32)
    # accumulate, not multiply: the rounding of each float32 step decides which pixel is nearest
    steps = np.ones((n_rays, n_steps), dtype=np.float32)
    rows = np.cumsum(steps * sines[:, None], axis=1, dtype=np.float32)
    cols = np.cumsum(steps * cosines[:, None], axis=1, dtype=np.float32)
    back = np.float32(0.5) / np.maximum(np.abs(sines), np.abs(cosines)) - np.float32(1)
    end_rows = rows + (back * sines)[:, None]
    end_cols = cols + (back * cosines)[:, None]
    return rows, cols, np.sqrt(end_rows * end_rows + end_cols * end_cols)


@njit(nogil=True, cache=True)
def _steps_inside(labels):  # type: ignore[no-untyped-def]
    """Chessboard distance to the nearest pixel of another label or outside the image; 0 on background."""
    height, width = labels.shape
    inside = np.zeros((height, width), dtype=np.int32)
    for i in range(height):
        for j in range(width):
            if labels[i, j] <= 0:
                continue
            nearest = 0
            if i > 0 and 0 < j < width - 1:
                value = labels[i, j]
                same = (
                    labels[i - 1, j - 1] == value
                    and labels[i - 1, j] == value
                    and labels[i - 1, j + 1] == value
                    and labels[i, j - 1] == value
                )
                if same:
                    above = min(inside[i - 1, j - 1], inside[i - 1, j], inside[i - 1, j + 1])
                    nearest = min(above, inside[i, j - 1])
            inside[i, j] = nearest + 1
    for i in range(height - 1, -1, -1):
        for j in range(width - 1, -1, -1):
            if inside[i, j] <= 1:
                continue
            nearest = 0
            if i < height - 1 and 0 < j < width - 1:
                value = labels[i, j]
                same = (
                    labels[i + 1, j - 1] == value
                    and labels[i + 1, j] == value
                    and labels[i + 1, j + 1] == value
                    and labels[i, j + 1] == value
                )
                if same:
                    below = min(inside[i + 1, j - 1], inside[i + 1, j], inside[i + 1, j + 1])
                    nearest = min(below, inside[i, j + 1])
            inside[i, j] = min(inside[i, j], nearest + 1)
    return inside


@njit(nogil=True, cache=True)
def _march(labels, inside, rows, cols, distances, gy, gx, out):  # type: ignore[no-untyped-def]
    """Follow every ray of every evaluated pixel, leaping over pixels known to have the same label."""
    height, width = labels.shape
    for a in range(out.shape[0]):
        i = np.float32(a * gy)
        for b in range(out.shape[1]):
            j = np.float32(b * gx)
            value = labels[a * gy, b * gx]
            if value <= 0:
                out[a, b, :] = 0
                continue
            first = min(inside[a * gy, b * gx] - 1, _LEAP_LIMIT)
            for k in range(out.shape[2]):
                t = first
                while True:
                    ii = int(np.rint(i + rows[k, t]))
                    jj = int(np.rint(j + cols[k, t]))
                    if ii < 0 or ii >= height or jj < 0 or jj >= width or labels[ii, jj] != value:
                        break
                    t = min(t + inside[ii, jj], _LEAP_LIMIT) if t < _LEAP_LIMIT else t + 1
                out[a, b, k] = distances[k, t]


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
                _run_envelope(squared, j, start, stop, height, sites, heights, begins)
            start = stop


@njit(nogil=True, cache=True)
def _run_envelope(squared, j, start, stop, height, sites, heights, begins):  # type: ignore[no-untyped-def]
    """Lower envelope of parabolas over rows start..stop-1; the pixels just outside the run have height 0."""
    count = 0
    for i in range(max(start - 1, 0), min(stop + 1, height)):
        level = squared[i, j] if start <= i < stop else 0.0
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
    for i in range(start, stop):
        while at + 1 < count and begins[at + 1] <= i:
            at += 1
        squared[i, j] = (i - sites[at]) ** 2 + heights[at]


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
