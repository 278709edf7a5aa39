"""The greedy loop of suppression: compare each candidate with the better ones around it that were kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from .convex_core import common_area_at_least, convex_core, doubled_area
from .polygons import common_area

# What is called for every candidate calls nothing itself, or only what is inlined: otherwise counting the
# references to the arrays handed down takes longer than the work.

__all__ = ["KEPT", "SUPPRESSED", "UNDECIDED", "Candidates", "Cells", "decide"]

SUPPRESSED = 0
"""State of a candidate that overlaps a better one that is kept."""
KEPT = 1
"""State of a candidate that is kept."""
UNDECIDED = 2
"""State of a candidate whose fate depends on candidates outside the known region."""


class Candidates(NamedTuple):
    """Star-convex polygons, one per row."""

    points: npt.NDArray[np.float32]
    """``(n, 2)`` centres."""
    distances: npt.NDArray[np.float32]
    """``(n, n_rays)``."""
    rays: npt.NDArray[np.float32]
    """``(2, n_rays)`` sines and cosines."""


class Cells(NamedTuple):
    """A uniform grid of square cells over all polygons."""

    top: float
    left: float
    size: float
    rows: int
    cols: int


class _Shape(NamedTuple):
    """The polygon of one candidate, in whole pixels."""

    vertices: npt.NDArray[np.int32]
    """Rows and columns relative to the centre, the first vertex repeated at the end."""
    centre: npt.NDArray[np.int64]
    box: npt.NDArray[np.float64]
    """First row, first column, last row, last column, area."""


class _Placed(NamedTuple):
    """The candidates that are kept or undecided so far, best first."""

    facts: npt.NDArray[np.int64]
    """Row and column of the centre, first and last half-plane of the core, state, and index of each one."""
    boxes: npt.NDArray[np.float64]
    """As `_Shape.box`."""
    seen: npt.NDArray[np.int64]
    """The query that last came across this one."""
    heads: npt.NDArray[np.int64]
    """First entry of each cell, -1 if there is none."""
    near: npt.NDArray[np.int64]
    """What the last query found."""
    counts: npt.NDArray[np.int64]
    """Number of placed candidates, half-planes, entries, and queries so far."""


@njit(nogil=True, cache=True)
def decide(candidates, order, threshold, safe, cells):  # type: ignore[no-untyped-def]
    """States of candidates, decided one after the other in the given order.

    Parameters
    ----------
    candidates
        The polygons, float32.
    order
        ``(n,)`` int64, best first.
    threshold
        float32, largest share of the smaller area in common.
    safe
        ``(4,)`` float64: first and last row, first and last column that no unknown candidate can cover.
    cells
        Grid over all polygons.

    Returns
    -------
    ndarray
        ``(n,)`` int8.
    """
    n, n_rays = candidates.distances.shape
    shape, scratch = _new_shape(n_rays), np.empty((3, n_rays + 1), np.float32)
    placed = _new_placed(n, cells)
    states = np.full(n, SUPPRESSED, np.int8)
    # both grow: half-planes (a, b, c) of the cores, and (placed candidate, next entry) of the cells
    planes = np.empty((64 * n_rays, 3), np.int32)
    entries = np.empty((1024, 2), np.int64)
    all_known = not np.isfinite(safe).any()
    for j in order:
        star = _trace(candidates, j, shape)
        if star and _is_proved(shape, placed, entries, planes, cells, threshold, scratch):
            continue
        found = _gather(shape, KEPT, placed, entries, cells, threshold)
        if found and _is_measured(shape, found, placed, candidates, threshold):
            continue
        states[j] = KEPT
        if not all_known:
            unsafe = _is_unsafe(shape.box, safe)
            found = 0 if unsafe else _gather(shape, UNDECIDED, placed, entries, cells, threshold)
            if unsafe or _is_measured(shape, found, placed, candidates, threshold):
                states[j] = UNDECIDED
        planes = _place(shape, star, j, states[j], placed, planes)
        entries = _enter(shape.box, placed, entries, cells)
    return states


@njit(nogil=True, cache=True)
def _new_shape(n_rays):  # type: ignore[no-untyped-def]
    return _Shape(np.empty((2, n_rays + 1), np.int32), np.empty(2, np.int64), np.empty(5, np.float64))


@njit(nogil=True, cache=True)
def _new_placed(n, cells):  # type: ignore[no-untyped-def]
    # empty arrays cost no memory until they are written to, and few candidates are placed
    return _Placed(
        np.empty((n, 6), np.int64),
        np.empty((n, 5), np.float64),
        np.empty(n, np.int64),
        np.full(cells.rows * cells.cols, -1, np.int64),
        np.empty(n, np.int64),
        np.zeros(4, np.int64),
    )


@njit(nogil=True, cache=True)
def _trace(candidates, j, shape):  # type: ignore[no-untyped-def]
    """Truncate the vertices of a candidate to whole pixels and measure it; returns whether it is a star."""
    distances, rays, vertices, box = candidates.distances, candidates.rays, shape.vertices, shape.box
    n = rays.shape[1]
    for axis in range(2):
        start = candidates.points[j, axis]
        origin = np.trunc(start)
        for k in range(n):
            vertices[axis, k] = np.trunc(start + distances[j, k] * rays[axis, k]) - origin
        first = last = vertices[axis, 0]
        for k in range(n):
            first, last = min(first, vertices[axis, k]), max(last, vertices[axis, k])
        vertices[axis, n] = vertices[axis, 0]
        shape.centre[axis] = int(origin)
        box[axis], box[axis + 2] = origin + first, origin + last
    doubled, star = doubled_area(vertices)
    box[4] = 0.5 * abs(doubled)
    return star


@njit(nogil=True, cache=True, inline="always")
def _window(box, cells):  # type: ignore[no-untyped-def]
    """First row, first column, last row, last column of the cells that a box touches."""
    # what lies beyond the grid belongs to its outermost cells
    top = min(max(int((box[0] - cells.top) / cells.size), 0), cells.rows - 1)
    left = min(max(int((box[1] - cells.left) / cells.size), 0), cells.cols - 1)
    bottom = min(max(int((box[2] - cells.top) / cells.size), 0), cells.rows - 1)
    right = min(max(int((box[3] - cells.left) / cells.size), 0), cells.cols - 1)
    return top, left, bottom, right


@njit(nogil=True, cache=True)
def _gather(shape, wanted, placed, entries, cells, threshold):  # type: ignore[no-untyped-def]
    """Collect in `placed.near` what has the wanted state and boxes that may overlap enough; returns how many."""
    box, boxes, seen, near = shape.box, placed.boxes, placed.seen, placed.near
    placed.counts[3] += 1
    query = placed.counts[3]
    found = 0
    top, left, bottom, right = _window(box, cells)
    for row in range(top, bottom + 1):
        for col in range(left, right + 1):
            entry = placed.heads[row * cells.cols + col]
            while entry >= 0:
                p, entry = entries[entry, 0], entries[entry, 1]
                if placed.facts[p, 4] != wanted or seen[p] == query:
                    continue
                seen[p] = query
                height = min(box[2], boxes[p, 2]) - max(box[0], boxes[p, 0])
                width = min(box[3], boxes[p, 3]) - max(box[1], boxes[p, 1])
                if (
                    height > 0
                    and width > 0
                    and _is_too_much(height * width, min(box[4], boxes[p, 4]), threshold)
                ):
                    near[found] = p
                    found += 1
    return found


@njit(nogil=True, cache=True, inline="always")
def _is_too_much(common, smaller, threshold):  # type: ignore[no-untyped-def]
    # in float32 and with the small term, as StarDist divides
    return np.float32(common / (smaller + 1e-10)) > threshold


@njit(nogil=True, cache=True)
def _is_proved(shape, placed, entries, planes, cells, threshold, scratch):  # type: ignore[no-untyped-def]
    """Whether a bound shows that the polygon, a star, overlaps one that is kept and reaches its centre's cell."""
    y, x = shape.centre[0], shape.centre[1]
    row = min(max(int((y - cells.top) / cells.size), 0), cells.rows - 1)
    col = min(max(int((x - cells.left) / cells.size), 0), cells.cols - 1)
    facts, vertices = placed.facts, shape.vertices
    entry = placed.heads[row * cells.cols + col]
    while entry >= 0:
        p, entry = entries[entry, 0], entries[entry, 1]
        if facts[p, 4] == KEPT:
            y0, x0, first, last = facts[p, 0], facts[p, 1], facts[p, 2], facts[p, 3]
            bound = common_area_at_least(planes, first, last, y - y0, x - x0, vertices, scratch)
            if bound and _is_too_much(bound, min(shape.box[4], placed.boxes[p, 4]), threshold):
                return True
    return False


@njit(nogil=True, cache=True)
def _is_measured(shape, found, placed, candidates, threshold):  # type: ignore[no-untyped-def]
    """Whether the polygon overlaps one of those found by `_gather`, by exact areas."""
    other = _new_shape(candidates.rays.shape[1])
    corners = _corners(shape)
    for f in range(found):
        p = placed.near[f]
        _trace(candidates, placed.facts[p, 5], other)
        common = common_area(corners, _corners(other))
        if _is_too_much(common, min(shape.box[4], placed.boxes[p, 4]), threshold):
            return True
    return False


@njit(nogil=True, cache=True)
def _corners(shape):  # type: ignore[no-untyped-def]
    corners = np.empty((shape.vertices.shape[1] - 1, 2), np.float64)
    for k in range(len(corners)):
        corners[k, 0] = shape.centre[0] + shape.vertices[0, k]
        corners[k, 1] = shape.centre[1] + shape.vertices[1, k]
    return corners


@njit(nogil=True, cache=True)
def _is_unsafe(box, safe):  # type: ignore[no-untyped-def]
    """Whether a candidate that is not known may cover a part of the box."""
    return box[0] < safe[0] or box[2] > safe[1] or box[1] < safe[2] or box[3] > safe[3]


@njit(nogil=True, cache=True)
def _place(shape, star, j, state, placed, planes):  # type: ignore[no-untyped-def]
    """Append a candidate; returns the half-planes, in a larger array if they needed one."""
    p, used = placed.counts[0], placed.counts[1]
    planes = _with_room(planes, used + shape.vertices.shape[1])
    size = convex_core(shape.vertices, planes[used:]) if star else 0
    facts = placed.facts[p]
    facts[0], facts[1], facts[2], facts[3] = shape.centre[0], shape.centre[1], used, used + size
    facts[4], facts[5] = state, j
    for k in range(len(shape.box)):
        placed.boxes[p, k] = shape.box[k]
    placed.seen[p] = -1
    placed.counts[1] += size
    return planes


@njit(nogil=True, cache=True)
def _enter(box, placed, entries, cells):  # type: ignore[no-untyped-def]
    """Enter the appended candidate in its cells and count it; returns the entries, as `_place` does."""
    top, left, bottom, right = _window(box, cells)
    used = placed.counts[2]
    entries = _with_room(entries, used + (bottom - top + 1) * (right - left + 1))
    for row in range(top, bottom + 1):
        for cell in range(row * cells.cols + left, row * cells.cols + right + 1):
            entries[used, 0], entries[used, 1] = placed.counts[0], placed.heads[cell]
            placed.heads[cell] = used
            used += 1
    placed.counts[2] = used
    placed.counts[0] += 1
    return entries


@njit(nogil=True, cache=True)
def _with_room(array, rows):  # type: ignore[no-untyped-def]
    """Return the array itself, or a larger one with the same beginning if it has fewer rows."""
    if len(array) >= rows:
        return array
    larger = np.empty((2 * rows, array.shape[1]), array.dtype)
    for i in range(len(array)):
        for j in range(array.shape[1]):
            larger[i, j] = array[i, j]
    return larger
