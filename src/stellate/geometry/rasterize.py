"""Painting star-convex polygons into label images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from .arrays import for_reading
from .polygons import checked_stars
from .rays import rays_2d

__all__ = ["paint_polygons"]

# Crossings nearer to a pixel centre than this are decided by the exact rule, not by the order along the row.
_NEAR = 1e-7
_AT_VERTEX = 1e-12


def paint_polygons(
    points: npt.ArrayLike,
    distances: npt.ArrayLike,
    shape: tuple[int, ...],
    *,
    scores: npt.ArrayLike | None = None,
    labels: npt.ArrayLike | None = None,
) -> npt.NDArray[np.int32]:
    """Paint polygons one over the other, the one with the highest score last, as StarDist does.

    A pixel belongs to a polygon if its centre lies inside or on the outline. This is the rule of
    `skimage.draw.polygon` (O'Rourke, Computational Geometry in C, section 7.4), with vertices computed in float32 as
    StarDist computes them; what lies outside the image is left out.

    Parameters
    ----------
    points
        ``(n, 2)`` centres (row, col), in pixels.
    distances
        ``(n, n_rays)`` distances along the rays, in pixels.
    shape
        Height and width of the label image.
    scores
        ``(n,)``; painted in ascending order, of equals the later one last. In the order given if None.
    labels
        ``(n,)`` ids above 0; 1, 2, ... if None.

    Returns
    -------
    ndarray
        `shape` int32; 0 where no polygon is.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or a value is not finite.

    Examples
    --------
    >>> paint_polygons([[1, 1]], [[1, 1, 1, 1]], (3, 4))
    array([[0, 1, 0, 0],
           [1, 1, 1, 0],
           [0, 1, 0, 0]], dtype=int32)
    """
    points, distances = checked_stars(points, distances, np.float32)
    n = len(points)
    ids = np.arange(1, n + 1, dtype=np.int32) if labels is None else np.asarray(labels, dtype=np.int32)
    order = np.arange(n) if scores is None else np.argsort(np.asarray(scores), kind="stable")
    if ids.shape != (n,) or order.shape != (n,):
        raise ValueError(f"expected {n} scores and labels, got arrays of shape {order.shape} and {ids.shape}")
    out = np.zeros(shape, dtype=np.int32)
    if n and out.size:
        _paint(out, points, distances, rays_2d(distances.shape[1]), order.astype(np.int64), for_reading(ids))
    return out


@njit(nogil=True, cache=True)
def _paint(out: Any, points: Any, distances: Any, rays: Any, order: Any, ids: Any) -> None:
    n_rays = distances.shape[1]
    rows, cols = np.empty(n_rays), np.empty(n_rays)
    upper, lower = np.empty(n_rays), np.empty(n_rays)
    for k in order:
        for i in range(n_rays):
            # rounded to float32 where StarDist rounds, so that vertices fall on pixels where its do
            rows[i] = np.float32(np.float32(distances[k, i] * rays[i, 0]) + points[k, 0])
            cols[i] = np.float32(np.float32(distances[k, i] * rays[i, 1]) + points[k, 1])
        first = max(0, math.floor(rows.min()))
        last = min(out.shape[0] - 1, math.ceil(rows.max()))
        for row in range(first, last + 1):
            _paint_row(out[row], rows - row, cols, upper, lower, ids[k])


@njit(nogil=True, cache=True)
def _paint_row(line: Any, rows: Any, cols: Any, upper: Any, lower: Any, label: int) -> None:
    """Paint one row of pixels; `rows` are relative to it.

    The edges that cross the row are found twice: with vertices on the row counted as above it, and as below it. A
    pixel is inside if it has an odd number of the one to its right, or an odd number of the other to its left.
    """
    n_upper = n_lower = 0
    previous = len(rows) - 1
    for i in range(len(rows)):
        y0, y1 = rows[i], rows[previous]
        if (y0 > 0) != (y1 > 0) or (y0 < 0) != (y1 < 0):
            crossing = (cols[i] * y1 - cols[previous] * y0) / (y1 - y0)
            if (y0 > 0) != (y1 > 0):
                upper[n_upper] = crossing
                n_upper += 1
            if (y0 < 0) != (y1 < 0):
                lower[n_lower] = crossing
                n_lower += 1
        elif y0 == 0 and y1 == 0:
            # along the row: on the outline, unless the polygon only goes there and back
            start, stop = min(cols[i], cols[previous]), max(cols[i], cols[previous])
            for x in range(max(0, math.ceil(start)), min(len(line) - 1, math.floor(stop)) + 1):
                _paint_if_inside(line, rows, cols, float(x), label)
        previous = i
    for crossings, count in ((upper, n_upper), (lower, n_lower)):
        crossings[:count].sort()
        for j in range(0, count - 1, 2):
            _paint_span(line, crossings[j] + _NEAR, crossings[j + 1] - _NEAR, label)
        for j in range(count):
            _paint_if_inside(line, rows, cols, crossings[j], label)
    for i in range(len(rows)):
        if abs(rows[i]) < _AT_VERTEX:
            _paint_if_inside(line, rows, cols, cols[i], label)


@njit(nogil=True, cache=True)
def _paint_span(line: Any, start: float, stop: float, label: int) -> None:
    first = max(0, math.ceil(min(start, len(line))))
    last = min(len(line) - 1, math.floor(max(stop, -1.0)))
    for x in range(first, last + 1):
        line[x] = label


@njit(nogil=True, cache=True)
def _paint_if_inside(line: Any, rows: Any, cols: Any, position: float, label: int) -> None:
    """Decide the pixel at `position`, if there is one, by the exact rule."""
    if not -0.5 < position < len(line) - 0.5:
        return
    x = round(position)
    if abs(position - x) <= 2 * _NEAR and _holds(rows, cols - x):
        line[x] = label


@njit(nogil=True, cache=True)
def _holds(rows: Any, cols: Any) -> bool:
    """Whether the origin is inside a polygon or on its outline."""
    right = left = False
    y1, x1 = rows[-1], cols[-1]
    for i in range(len(rows)):
        y0, x0 = rows[i], cols[i]
        if abs(x0) < _AT_VERTEX and abs(y0) < _AT_VERTEX:
            return True
        if (y0 > 0) != (y1 > 0) and (x0 * y1 - x1 * y0) / (y1 - y0) > 0:
            right = not right
        if (y0 < 0) != (y1 < 0) and (x0 * y1 - x1 * y0) / (y1 - y0) < 0:
            left = not left
        y1, x1 = y0, x0
    return right or left
