"""Polygons: vertices of star-convex shapes, areas, and the area that two have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from .arrays import for_reading
from .rays import rays_2d

__all__ = ["intersection_area", "polygon_area", "star_vertices"]


def star_vertices(points: npt.ArrayLike, distances: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Vertices of star-convex polygons.

    Parameters
    ----------
    points
        ``(n, 2)`` centres (row, col), in pixels.
    distances
        ``(n, n_rays)`` distances from the centre along `stellate.geometry.rays.rays_2d`, in pixels.

    Returns
    -------
    ndarray
        ``(n, n_rays, 2)`` float64 (row, col).

    Raises
    ------
    ValueError
        If the shapes do not fit together, or a value is not finite.

    Examples
    --------
    >>> star_vertices([[5, 5]], [[1, 2, 1, 2]]).round(6).tolist()
    [[[5.0, 6.0], [7.0, 5.0], [5.0, 4.0], [3.0, 5.0]]]
    """
    points, distances = checked_stars(points, distances, np.float64)
    if not len(points):
        return np.empty((0, distances.shape[1], 2))
    return points[:, None, :] + distances[:, :, None] * rays_2d(distances.shape[1])


def checked_stars(
    points: npt.ArrayLike, distances: npt.ArrayLike, dtype: type[np.floating[Any]]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Centres and distances as C-contiguous arrays of one floating type, not to be written to.

    Raises
    ------
    ValueError
        If they are not ``(n, 2)`` and ``(n, n_rays)`` with at least 3 rays, or a value is not finite.
    """
    points = np.ascontiguousarray(points, dtype=dtype)
    distances = np.ascontiguousarray(distances, dtype=dtype)
    points = points.reshape(0, 2) if points.size == 0 else points
    if points.ndim != 2 or points.shape[1] != 2 or distances.ndim != 2 or len(points) != len(distances):
        raise ValueError(
            f"expected points (n, 2) and distances (n, n_rays), got {points.shape} and {distances.shape}"
        )
    if len(points) and distances.shape[1] < 3:
        raise ValueError(f"a polygon needs at least 3 rays, got {distances.shape[1]}")
    for name, values in (("points", points), ("distances", distances)):
        # the sum shows a NaN or an infinity without an array of flags; only if it does, look closer
        if not np.isfinite(values.sum()) and not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise ValueError(f"{name} must be finite, but row {row} has a NaN or an infinity; leave it out")
    return for_reading(points), for_reading(distances)


def polygon_area(vertices: npt.ArrayLike) -> float:
    """Area enclosed by a simple polygon (the shoelace formula, without sign).

    Parameters
    ----------
    vertices
        ``(n, 2)`` in either direction.

    Returns
    -------
    float
        Area in squared units of `vertices`; 0 for fewer than 3 vertices.

    Examples
    --------
    >>> polygon_area([[0, 0], [0, 4], [3, 4]])
    6.0
    """
    vertices = np.asarray(vertices, dtype=np.float64).reshape(-1, 2)
    if len(vertices) < 3:
        return 0.0
    rows, cols = (vertices - vertices[0]).T
    return float(abs(np.sum(rows * np.roll(cols, -1) - cols * np.roll(rows, -1)))) / 2


def intersection_area(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Area of the points around which both polygons wind (non-zero fill).

    Parameters
    ----------
    a, b
        ``(n, 2)`` and ``(m, 2)`` vertices, in either direction; they may be concave and cross themselves.

    Returns
    -------
    float
        Area in squared units of the vertices.

    Raises
    ------
    ValueError
        If a coordinate is not finite.

    Examples
    --------
    >>> intersection_area([[0, 0], [0, 4], [4, 4], [4, 0]], [[2, 2], [2, 9], [9, 9], [9, 2]])
    4.0
    """
    a = np.ascontiguousarray(a, dtype=np.float64).reshape(-1, 2)
    b = np.ascontiguousarray(b, dtype=np.float64).reshape(-1, 2)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("vertices must be finite; leave out polygons with a NaN or an infinity")
    if len(a) < 3 or len(b) < 3:
        return 0.0
    return float(common_area(a, b))


@njit(nogil=True, cache=True)
def common_area(a, b):  # type: ignore[no-untyped-def]
    """Compute `intersection_area` of two float64 vertex arrays.

    The plane is cut into strips at the rows of all vertices, and these at the rows where two edges cross. In
    between, edges are straight and do not cross, so the common part is a row of trapezoids.
    """
    top, left, bottom, right = _bounds(a)
    low, first, high, last = _bounds(b)
    low, high = max(low, top), min(high, bottom)
    if low >= high or max(first, left) >= min(last, right):
        return 0.0
    size = len(a) + len(b)
    rows = np.empty(size, dtype=np.float64)
    for k in range(size):
        rows[k] = a[k, 0] if k < len(a) else b[k - len(a), 0]
    _sort(rows, size)
    # start column, end column, turn of a, turn of b of the edges that cross the strip
    edges = np.empty((size, 4), dtype=np.float64)
    area = 0.0
    for s in range(len(rows) - 1):
        top, bottom = rows[s], rows[s + 1]
        if top < low or bottom > high or top == bottom:
            continue
        count = _cut_edges(a, top, bottom, edges, 0, 2)
        count = _cut_edges(b, top, bottom, edges, count, 3)
        area += (bottom - top) * _strip_area(edges, count)
    return area


@njit(nogil=True, cache=True)
def _bounds(vertices):  # type: ignore[no-untyped-def]
    top, left = vertices[0, 0], vertices[0, 1]
    bottom, right = top, left
    for k in range(1, len(vertices)):
        row, col = vertices[k, 0], vertices[k, 1]
        top, left = min(top, row), min(left, col)
        bottom, right = max(bottom, row), max(right, col)
    return top, left, bottom, right


@njit(nogil=True, cache=True)
def _cut_edges(vertices, top, bottom, edges, count, column):  # type: ignore[no-untyped-def]
    """Append the edges that cross the whole strip top..bottom; returns the new count."""
    n = len(vertices)
    for k in range(n):
        y0, x0 = vertices[k, 0], vertices[k, 1]
        y1, x1 = vertices[(k + 1) % n, 0], vertices[(k + 1) % n, 1]
        if min(y0, y1) > top or max(y0, y1) < bottom:
            continue
        slope = (x1 - x0) / (y1 - y0)
        edges[count, 0] = x0 + (top - y0) * slope
        edges[count, 1] = x0 + (bottom - y0) * slope
        edges[count, 2] = edges[count, 3] = 0
        edges[count, column] = 1 if y1 > y0 else -1
        count += 1
    return count


@njit(nogil=True, cache=True)
def _strip_area(edges, count):  # type: ignore[no-untyped-def]
    """Area of the common part in a strip of height 1, whose edges may cross one another."""
    cuts = np.empty(2 + count * count // 2, dtype=np.float64)
    cuts[0], cuts[1] = 0.0, 1.0
    n_cuts = 2
    for e in range(count):
        for f in range(e):
            start, end = edges[e, 0] - edges[f, 0], edges[e, 1] - edges[f, 1]
            if start * end < 0:
                cuts[n_cuts] = start / (start - end)
                n_cuts += 1
    _sort(cuts, n_cuts)
    area = 0.0
    for c in range(n_cuts - 1):
        # half-way up a trapezoid its width is the mean one
        area += (cuts[c + 1] - cuts[c]) * _common_width(edges, count, (cuts[c] + cuts[c + 1]) / 2)
    return area


@njit(nogil=True, cache=True)
def _common_width(edges, count, height):  # type: ignore[no-untyped-def]
    """Width of the common part at a height of 0 (top) to 1 (bottom) in a strip."""
    columns, order = np.empty(count, dtype=np.float64), np.empty(count, dtype=np.int64)
    for e in range(count):
        column = edges[e, 0] + height * (edges[e, 1] - edges[e, 0])
        at = e
        while at > 0 and columns[at - 1] > column:
            columns[at], order[at] = columns[at - 1], order[at - 1]
            at -= 1
        columns[at], order[at] = column, e
    width = turn_a = turn_b = 0.0
    for e in range(count - 1):
        turn_a += edges[order[e], 2]
        turn_b += edges[order[e], 3]
        if turn_a != 0 and turn_b != 0:
            width += columns[e + 1] - columns[e]
    return width


@njit(nogil=True, cache=True)
def _sort(values, count):  # type: ignore[no-untyped-def]
    # by insertion: there are few values, and NumPy's sort takes seconds to compile
    for i in range(1, count):
        value = values[i]
        at = i
        while at > 0 and values[at - 1] > value:
            values[at] = values[at - 1]
            at -= 1
        values[at] = value
