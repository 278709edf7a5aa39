"""The greedy loop of suppression: compare each candidate with the better ones around it that were kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from .convex_core import common_area_at_least, convex_core, doubled_area
from .polygons import common_area
from .suppression_index import enter, first_entry, gather, is_too_much, is_unsafe, with_room

# What is called for every candidate calls nothing itself, or only what is inlined: otherwise counting the
# references to the arrays handed down takes longer than the work.

__all__ = ["KEPT", "SUPPRESSED", "UNDECIDED", "Candidates", "decide"]

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


class _Shape(NamedTuple):
    """The polygon of one candidate, in whole pixels."""

    vertices: npt.NDArray[np.int32]
    """Rows and columns relative to the centre, the first vertex repeated at the end."""
    centre: npt.NDArray[np.int64]
    box: npt.NDArray[np.float64]
    """As in `Index.boxes`, with a plane of thickness 1."""


class _Placed(NamedTuple):
    """The candidates that are kept or undecided so far, best first, in the order of the index."""

    facts: npt.NDArray[np.int64]
    """Row and column of the centre, first and last half-plane of the core, and index of each one."""
    counts: npt.NDArray[np.int64]
    """Number of half-planes so far."""


@njit(nogil=True, cache=True)
def decide(candidates, order, threshold, safe, index, entries):  # type: ignore[no-untyped-def]
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
        ``(2, 2)`` float64: first and last row, first and last column that no unknown candidate can cover.
    index, entries
        An empty index over all polygons, and its entries.

    Returns
    -------
    ndarray
        ``(n,)`` int8.
    """
    n, n_rays = candidates.distances.shape
    shape, scratch = _new_shape(n_rays), np.empty((3, n_rays + 1), np.float32)
    placed = _Placed(np.empty((n, 5), np.int64), np.zeros(1, np.int64))
    states = np.full(n, SUPPRESSED, np.int8)
    planes = np.empty(
        (64 * n_rays, 3), np.int32
    )  # half-planes (a, b, c) of the cores; grows, as the entries do
    for j in order:
        star = _trace(candidates, j, shape)
        if star and _is_proved(shape, placed, index, entries, planes, threshold, scratch):
            continue
        found = gather(shape.box, KEPT, index, entries, threshold)
        if found and _is_measured(shape, found, placed, index, candidates, threshold):
            continue
        states[j] = KEPT
        unsafe = is_unsafe(shape.box, safe)
        found = 0 if unsafe else gather(shape.box, UNDECIDED, index, entries, threshold)
        if unsafe or (found and _is_measured(shape, found, placed, index, candidates, threshold)):
            states[j] = UNDECIDED
        planes = _place(shape, star, j, index.counts[0], placed, planes)
        entries = enter(shape.box, states[j], index, entries)
    return states


@njit(nogil=True, cache=True)
def _new_shape(n_rays):  # type: ignore[no-untyped-def]
    return _Shape(np.empty((2, n_rays + 1), np.int32), np.empty(2, np.int64), np.zeros(7, np.float64))


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
        box[axis + 1], box[axis + 4] = origin + first, origin + last
    doubled, star = doubled_area(vertices)
    box[0], box[3], box[6] = 0.0, 1.0, 0.5 * abs(doubled)
    return star


@njit(nogil=True, cache=True)
def _is_proved(shape, placed, index, entries, planes, threshold, scratch):  # type: ignore[no-untyped-def]
    """Whether a bound shows that the polygon, a star, overlaps one that is kept and reaches its centre's cell."""
    y, x = shape.centre[0], shape.centre[1]
    facts, vertices, boxes, states = placed.facts, shape.vertices, index.boxes, index.states
    entry = first_entry(index, 0, y, x)
    while entry >= 0:
        p, entry = entries[entry, 0], entries[entry, 1]
        if states[p] == KEPT:
            y0, x0, first, last = facts[p, 0], facts[p, 1], facts[p, 2], facts[p, 3]
            bound = common_area_at_least(planes, first, last, y - y0, x - x0, vertices, scratch)
            if bound and is_too_much(bound, min(shape.box[6], boxes[p, 6]), threshold):
                return True
    return False


@njit(nogil=True, cache=True)
def _is_measured(shape, found, placed, index, candidates, threshold):  # type: ignore[no-untyped-def]
    """Whether the polygon overlaps one of those found by `gather`, by exact areas."""
    other = _new_shape(candidates.rays.shape[1])
    corners = _corners(shape)
    for f in range(found):
        p = index.near[f]
        _trace(candidates, placed.facts[p, 4], other)
        common = common_area(corners, _corners(other))
        if is_too_much(common, min(shape.box[6], index.boxes[p, 6]), threshold):
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
def _place(shape, star, j, p, placed, planes):  # type: ignore[no-untyped-def]
    """Append a candidate as number p; returns the half-planes, in a larger array if they needed one."""
    used = placed.counts[0]
    planes = with_room(planes, used + shape.vertices.shape[1])
    size = convex_core(shape.vertices, planes[used:]) if star else 0
    facts = placed.facts[p]
    facts[0], facts[1], facts[2], facts[3] = shape.centre[0], shape.centre[1], used, used + size
    facts[4] = j
    placed.counts[0] += size
    return planes
