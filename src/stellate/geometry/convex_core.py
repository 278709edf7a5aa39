"""Convex cores: a convex part of a polygon, with which most overlaps are proved large at little cost."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["common_area_at_least", "convex_core", "is_star"]


@njit(nogil=True, cache=True)
def is_star(polygon):  # type: ignore[no-untyped-def]
    """Whether a polygon winds around its centre once without turning back.

    If so, the triangles between the centre and the edges do not overlap, and together they are the polygon.

    Parameters
    ----------
    polygon
        Has ``(n + 1,)`` int32 `rows` and `cols` relative to the centre, the first vertex repeated at the end.
        Vertex k was moved from a ray at angle 2 pi k / n by less than a pixel along each axis.
    """
    rows, cols = polygon.rows, polygon.cols
    if len(rows) < 6:
        return False
    nearest, backward = np.int64(4), np.int64(0)
    for k in range(len(rows) - 1):
        nearest = min(nearest, np.int64(rows[k]) * rows[k] + np.int64(cols[k]) * cols[k])
        backward = max(backward, np.int64(rows[k]) * cols[k + 1] - np.int64(cols[k]) * rows[k + 1])
    # at least 2 pixels from the centre, a vertex is less than 45 degrees from its ray, so that with 5 rays or
    # more no step from ray to ray can be mistaken for one in the other direction
    return nearest >= 4 and backward <= 0


@njit(nogil=True, cache=True)
def convex_core(polygon, planes):  # type: ignore[no-untyped-def]
    """Half-planes whose common part is convex and inside a polygon for which `is_star` holds.

    Each edge of the convex hull is moved inwards by the depth of the pocket between it and the polygon. What
    lies inside all moved edges is in the hull and in no pocket, so it is in the polygon.

    Parameters
    ----------
    polygon
        As for `is_star`.
    planes
        ``(n, 3)`` float64, overwritten: (a, b, c) per half-plane ``a row + b col <= c``, relative to the centre.

    Returns
    -------
    int
        Number of half-planes written; 0 if there is no core.
    """
    rows, cols = polygon.rows, polygon.cols
    n = len(rows) - 1
    hull = _hull(rows, cols)
    size = len(hull) - 1
    if size < 3:
        return 0
    for e in range(size):
        first, last = hull[e], hull[e + 1]
        a = np.int64(cols[first]) - cols[last]
        b = np.int64(rows[last]) - rows[first]
        inmost = a * rows[last] + b * cols[last]
        k = first
        while k != last:
            inmost = min(inmost, a * rows[k] + b * cols[k])
            k = k + 1 if k + 1 < n else 0
        planes[e, 0], planes[e, 1], planes[e, 2] = a, b, inmost
    return size


@njit(nogil=True, cache=True)
def _hull(rows, cols):  # type: ignore[no-untyped-def]
    """Corners of the convex hull as indices in the order of the polygon, the first one repeated at the end.

    Graham's scan without sorting: it starts at an extreme vertex, and the order is that of the angles.
    """
    n = len(rows) - 1
    start = 0
    for k in range(1, n):
        if rows[k] > rows[start] or (rows[k] == rows[start] and cols[k] > cols[start]):
            start = k
    hull = np.empty(n + 1, dtype=np.int64)
    count = 0
    for step in range(n + 1):
        k = (start + step) % n
        while count >= 2:
            p, q = hull[count - 2], hull[count - 1]
            forward = np.int64(rows[q] - rows[p]) * (cols[k] - cols[q])
            if forward < np.int64(cols[q] - cols[p]) * (rows[k] - rows[q]):
                break
            count -= 1
        if count == 1 and 0 < step < n and rows[k] == rows[start] and cols[k] == cols[start]:
            continue
        hull[count] = k
        count += 1
    return hull[:count]


@njit(nogil=True, cache=True)
def common_area_at_least(planes, span, row, col, polygon):  # type: ignore[no-untyped-def]
    """Lower bound of the area that a convex core and a polygon have in common.

    Each vertex is pulled towards the polygon's centre until it is in the core. The triangles between the centre
    and two pulled vertices are in the core, as that is convex, and in the polygon.

    Parameters
    ----------
    planes, span
        The half-planes (a, b, c) of the core are the rows ``span[0]`` to ``span[1] - 1`` of `planes`.
    row, col
        The polygon's centre, relative to that of the core.
    polygon
        As for `is_star`, which must hold; ``excess``, ``(n + 1,)`` float32, is overwritten.

    Returns
    -------
    float
        The bound, lowered by a little more than the rounding of float32 may have raised it; 0 if there is no
        core or the centre is not inside.
    """
    rows, cols, excess = polygon.rows, polygon.cols, polygon.excess
    if span[0] == span[1]:
        return 0.0
    # how many times farther from the centre than the border of the core each vertex is, at least 1
    excess[:] = 1
    for m in range(span[0], span[1]):
        slack = planes[m, 2] - planes[m, 0] * row - planes[m, 1] * col
        if slack <= 0:
            return 0.0
        _raise_excess(np.float32(planes[m, 0] / slack), np.float32(planes[m, 1] / slack), rows, cols, excess)
    doubled = np.float32(0)
    for k in range(len(rows) - 1):
        across = np.float32(np.int64(cols[k]) * rows[k + 1] - np.int64(rows[k]) * cols[k + 1])
        doubled += across / (excess[k] * excess[k + 1])
    return 0.4999 * doubled


@njit(nogil=True, cache=True)
def _raise_excess(a, b, rows, cols, excess):  # type: ignore[no-untyped-def]
    # a loop of its own, so that the compiler turns it into vector instructions
    for k in range(len(rows)):
        ratio = a * np.float32(rows[k]) + b * np.float32(cols[k])
        excess[k] = ratio if ratio > excess[k] else excess[k]
