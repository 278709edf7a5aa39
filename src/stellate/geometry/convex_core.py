"""Convex cores: a convex part of a polygon, with which most overlaps are proved large at little cost."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["common_area_at_least", "convex_core", "doubled_area"]

_LARGEST = 2**14  # pixels; twice the product of two such numbers still fits into int32


@njit(nogil=True, cache=True, inline="always")
def doubled_area(vertices):  # type: ignore[no-untyped-def]
    """Twice the signed area of a polygon, and whether it is a star that winds around its centre once.

    If it is, the triangles between the centre and the edges do not overlap, and together they are the polygon.

    Parameters
    ----------
    vertices
        ``(2, n + 1)`` int32 rows and columns relative to the centre, the first vertex repeated at the end. Vertex
        k was moved from a ray at angle 2 pi k / n by less than a pixel along each axis.

    Returns
    -------
    int
        Twice the area, negative if it winds as the rays do.
    bool
        Whether it is certainly a star.
    """
    doubled, nearest, backward = np.int64(0), np.int64(4), np.int64(0)
    for k in range(vertices.shape[1] - 1):
        row, col = np.int64(vertices[0, k]), np.int64(vertices[1, k])
        across = row * vertices[1, k + 1] - col * vertices[0, k + 1]
        doubled += across
        backward = max(backward, across)
        nearest = min(nearest, row * row + col * col)
    # at least 2 pixels from the centre, a vertex is less than 45 degrees from its ray, so that with 5 rays or
    # more no step from ray to ray can be mistaken for one in the other direction
    return doubled, nearest >= 4 and backward <= 0 and vertices.shape[1] > 5


@njit(nogil=True, cache=True)
def convex_core(vertices, planes):  # type: ignore[no-untyped-def]
    """Half-planes whose common part is convex and inside a star polygon.

    Each edge of the convex hull is moved inwards by the depth of the pocket between it and the polygon. What
    lies inside all moved edges is in the hull and in no pocket, so it is in the polygon.

    Parameters
    ----------
    vertices
        As for `doubled_area`, which must find it a star.
    planes
        ``(n, 3)`` int32, overwritten: (a, b, c) per half-plane ``a row + b col <= c``, relative to the centre.

    Returns
    -------
    int
        Number of half-planes written; 0 if there is no core, or the polygon is too large for int32.
    """
    rows, cols = vertices[0], vertices[1]
    n = len(rows) - 1
    hull = _hull(rows, cols)
    size = len(hull) - 1
    largest = 0
    for k in range(n):
        largest = max(largest, abs(rows[k]), abs(cols[k]))
    if size < 3 or largest >= _LARGEST:
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


@njit(nogil=True, cache=True, inline="always")
def common_area_at_least(planes, first, last, row, col, vertices, scratch):  # type: ignore[no-untyped-def]
    """Lower bound of the area that a convex core and a star polygon have in common.

    Each vertex is pulled towards the polygon's centre until it is in the core. The triangles between the centre
    and two pulled vertices are in the core, as that is convex, and in the polygon.

    Parameters
    ----------
    planes, first, last
        The half-planes (a, b, c) of the core are the rows `first` to ``last - 1`` of `planes`.
    row, col
        The polygon's centre, relative to that of the core.
    vertices
        As for `doubled_area`, which must find it a star.
    scratch
        ``(3, n + 1)`` float32, overwritten.

    Returns
    -------
    float
        The bound, lowered by a little more than the rounding of float32 may have raised it; 0 if there is no
        core or the centre is not inside.
    """
    for m in range(first, last):
        if planes[m, 2] <= planes[m, 0] * row + planes[m, 1] * col:
            return 0.0
    if first == last:
        return 0.0
    # short loops without branches, so that they become vector instructions
    n = vertices.shape[1] - 1
    for k in range(n):
        scratch[0, k], scratch[1, k] = vertices[0, k], vertices[1, k]
        scratch[2, k] = 1
    for m in range(first, last):
        share = 1 / (planes[m, 2] - planes[m, 0] * row - planes[m, 1] * col)
        a, b = np.float32(planes[m, 0] * share), np.float32(planes[m, 1] * share)
        for k in range(n):
            # how many times farther from the polygon's centre than the core the vertex is
            excess = a * scratch[0, k] + b * scratch[1, k]
            scratch[2, k] = excess if excess > scratch[2, k] else scratch[2, k]
    for k in range(n):
        scratch[2, k] = np.float32(1) / scratch[2, k]
    for axis in range(3):
        scratch[axis, n] = scratch[axis, 0]
    doubled = np.float32(0)
    for k in range(n):
        across = scratch[1, k] * scratch[0, k + 1] - scratch[0, k] * scratch[1, k + 1]
        doubled += across * (scratch[2, k] * scratch[2, k + 1])
    return 0.4999 * doubled
