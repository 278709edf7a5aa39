"""The greedy loop of suppression: compare each candidate with the better ones around it that were kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from .convex_core import common_area_at_least, convex_core, is_star
from .polygons import common_area

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

    rows: npt.NDArray[np.int32]
    """Vertices relative to the centre, the first one repeated at the end."""
    cols: npt.NDArray[np.int32]
    box: npt.NDArray[np.float64]
    """First row, first column, last row, last column, area."""
    centre: npt.NDArray[np.int64]
    excess: npt.NDArray[np.float32]
    """Scratch of `common_area_at_least`."""


class _Placed(NamedTuple):
    """The candidates that are kept or undecided so far, best first."""

    ids: npt.NDArray[np.int64]
    states: npt.NDArray[np.int8]
    boxes: npt.NDArray[np.float64]
    """As `_Shape.box`."""
    centres: npt.NDArray[np.int64]
    cores: npt.NDArray[np.int64]
    """First and last half-plane of the convex core, half-open."""
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
    shape, other = _new_shape(n_rays), _new_shape(n_rays)
    placed = _new_placed(n, cells)
    states = np.full(n, SUPPRESSED, np.int8)
    # both grow: half-planes (a, b, c) of the cores, and (placed candidate, next entry) of the cells
    planes = np.empty((64 * n_rays, 3))
    entries = np.empty((1024, 2), np.int64)
    all_known = not np.isfinite(safe).any()
    for j in order:
        _trace(candidates, j, shape)
        star = is_star(shape)
        found = _gather(shape.box, KEPT, placed, entries, cells, threshold)
        if _overlaps(shape, star, found, placed, planes, candidates, threshold, other):
            continue
        states[j] = KEPT
        if not all_known:
            if _is_unsafe(shape.box, safe):
                states[j] = UNDECIDED
            else:
                found = _gather(shape.box, UNDECIDED, placed, entries, cells, threshold)
                if _overlaps(shape, star, found, placed, planes, candidates, threshold, other):
                    states[j] = UNDECIDED
        planes = _place(shape, star, j, states[j], placed, planes)
        entries = _enter(shape.box, placed, entries, cells)
    return states


@njit(nogil=True, cache=True)
def _new_shape(n_rays):  # type: ignore[no-untyped-def]
    return _Shape(
        np.empty(n_rays + 1, np.int32),
        np.empty(n_rays + 1, np.int32),
        np.empty(5, np.float64),
        np.empty(2, np.int64),
        np.empty(n_rays + 1, np.float32),
    )


@njit(nogil=True, cache=True)
def _new_placed(n, cells):  # type: ignore[no-untyped-def]
    # empty arrays cost no memory until they are written to, and few candidates are placed
    return _Placed(
        np.empty(n, np.int64),
        np.empty(n, np.int8),
        np.empty((n, 5), np.float64),
        np.empty((n, 2), np.int64),
        np.empty((n, 2), np.int64),
        np.empty(n, np.int64),
        np.full(cells.rows * cells.cols, -1, np.int64),
        np.empty(n, np.int64),
        np.zeros(4, np.int64),
    )


@njit(nogil=True, cache=True)
def _trace(candidates, j, shape):  # type: ignore[no-untyped-def]
    """Truncate the vertices of a candidate to whole pixels, and measure its box and area."""
    rows, cols, box, centre = shape.rows, shape.cols, shape.box, shape.centre
    _truncate(candidates.points[j, 0], candidates.distances, j, candidates.rays, 0, rows)
    _truncate(candidates.points[j, 1], candidates.distances, j, candidates.rays, 1, cols)
    centre[0], centre[1] = int(candidates.points[j, 0]), int(candidates.points[j, 1])
    top = bottom = rows[0]
    left = right = cols[0]
    doubled = 0
    for k in range(len(rows) - 1):
        top, bottom = min(top, rows[k]), max(bottom, rows[k])
        left, right = min(left, cols[k]), max(right, cols[k])
        doubled += np.int64(rows[k]) * cols[k + 1] - np.int64(cols[k]) * rows[k + 1]
    box[0], box[1] = centre[0] + top, centre[1] + left
    box[2], box[3] = centre[0] + bottom, centre[1] + right
    box[4] = 0.5 * abs(doubled)


@njit(nogil=True, cache=True)
def _truncate(start, distances, j, rays, axis, offsets):  # type: ignore[no-untyped-def]
    # a loop of its own, so that the compiler turns it into vector instructions
    origin = np.int32(start)
    n = len(offsets) - 1
    for k in range(n):
        offsets[k] = np.int32(start + distances[j, k] * rays[axis, k]) - origin
    offsets[n] = offsets[0]


@njit(nogil=True, cache=True)
def _window(box, cells):  # type: ignore[no-untyped-def]
    """First row, first column, last row, last column of the cells that a box touches."""
    # what lies beyond the grid belongs to its outermost cells
    top = min(max(int((box[0] - cells.top) / cells.size), 0), cells.rows - 1)
    left = min(max(int((box[1] - cells.left) / cells.size), 0), cells.cols - 1)
    bottom = min(max(int((box[2] - cells.top) / cells.size), 0), cells.rows - 1)
    right = min(max(int((box[3] - cells.left) / cells.size), 0), cells.cols - 1)
    return top, left, bottom, right


@njit(nogil=True, cache=True)
def _gather(box, wanted, placed, entries, cells, threshold):  # type: ignore[no-untyped-def]
    """Collect in `placed.near` what has the wanted state and boxes that may overlap enough; returns how many."""
    placed.counts[3] += 1
    query = placed.counts[3]
    found = 0
    top, left, bottom, right = _window(box, cells)
    for row in range(top, bottom + 1):
        for col in range(left, right + 1):
            entry = placed.heads[row * cells.cols + col]
            while entry >= 0:
                p, entry = entries[entry, 0], entries[entry, 1]
                if placed.states[p] != wanted or placed.seen[p] == query:
                    continue
                placed.seen[p] = query
                height = min(box[2], placed.boxes[p, 2]) - max(box[0], placed.boxes[p, 0])
                width = min(box[3], placed.boxes[p, 3]) - max(box[1], placed.boxes[p, 1])
                smaller = min(box[4], placed.boxes[p, 4])
                if height > 0 and width > 0 and _is_too_much(height * width, smaller, threshold):
                    placed.near[found] = p
                    found += 1
    return found


@njit(nogil=True, cache=True)
def _is_too_much(common, smaller, threshold):  # type: ignore[no-untyped-def]
    # in float32 and with the small term, as StarDist divides
    return np.float32(common / (smaller + 1e-10)) > threshold


@njit(nogil=True, cache=True)
def _overlaps(shape, star, found, placed, planes, candidates, threshold, other):  # type: ignore[no-untyped-def]
    """Whether the polygon overlaps one of those found by `_gather`: by bounds, and only then by exact areas."""
    near = placed.near
    if star:
        for f in range(found):
            p = near[f]
            row = shape.centre[0] - placed.centres[p, 0]
            col = shape.centre[1] - placed.centres[p, 1]
            bound = common_area_at_least(planes, placed.cores[p], row, col, shape)
            if _is_too_much(bound, min(shape.box[4], placed.boxes[p, 4]), threshold):
                return True
    for f in range(found):
        p = near[f]
        _trace(candidates, placed.ids[p], other)
        common = common_area(_vertices(shape), _vertices(other))
        if _is_too_much(common, min(shape.box[4], placed.boxes[p, 4]), threshold):
            return True
    return False


@njit(nogil=True, cache=True)
def _vertices(shape):  # type: ignore[no-untyped-def]
    vertices = np.empty((len(shape.rows) - 1, 2), np.float64)
    for k in range(len(vertices)):
        vertices[k, 0] = shape.centre[0] + shape.rows[k]
        vertices[k, 1] = shape.centre[1] + shape.cols[k]
    return vertices


@njit(nogil=True, cache=True)
def _is_unsafe(box, safe):  # type: ignore[no-untyped-def]
    """Whether a candidate that is not known may cover a part of the box."""
    return box[0] < safe[0] or box[2] > safe[1] or box[1] < safe[2] or box[3] > safe[3]


@njit(nogil=True, cache=True)
def _place(shape, star, j, state, placed, planes):  # type: ignore[no-untyped-def]
    """Append a candidate; returns the half-planes, in a larger array if they needed one."""
    p, used = placed.counts[0], placed.counts[1]
    planes = _with_room(planes, used + len(shape.rows))
    size = convex_core(shape, planes[used:]) if star else 0
    placed.ids[p] = j
    placed.states[p] = state
    placed.seen[p] = -1
    placed.boxes[p, :] = shape.box
    placed.centres[p, :] = shape.centre
    placed.cores[p, 0], placed.cores[p, 1] = used, used + size
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
    larger[: len(array)] = array
    return larger
