"""The greedy loop of suppression in 3D: compare each candidate with the better ones around it that were kept.

Of two polyhedra, the smaller one of volume v, StarDist says that they overlap too much if the boxes of whole voxels
around them do, and either

- the volume that their kernels have in common is more than the threshold times v, or
- the volume that their convex hulls have in common is, and so is the number of voxels in common.

Kernels are meant as a lower bound, hulls as an upper one, and voxels to decide; for small objects they contradict one
another, so that all three count. Here voxels come first, and only as many as are needed; then bounds of the volumes
nearly always tell what hulls and kernels would say.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.extending import register_jitable

from .greedy import KEPT, SUPPRESSED, UNDECIDED
from .hull_bounds import Room, common_bodies, common_hulls_at_least, hull_planes
from .polyhedra import volume
from .polyhedron_masks import (
    Directions,
    Polyhedron,
    fill_mask,
    is_tabulated,
    new_polyhedron,
    place,
    place_tips,
)
from .suppression_index import enter, gather, is_too_much, is_unsafe, join, with_room
from .voxel_bits import common_voxels, common_voxels_exactly, n_words, pack_bits

# What is called for every candidate takes few tuples, and opens none that is inside another one: counting the
# references to the arrays in them would take longer than the work.

__all__ = ["Placed", "Solids", "decide_3d", "new_placed"]


class Solids(NamedTuple):
    """Candidates."""

    points: npt.NDArray[np.float32]
    """``(n, 3)`` centres."""
    distances: npt.NDArray[np.float32]
    """``(n, n_rays)``."""
    directions: Directions


class Placed(NamedTuple):
    """The candidates that are kept so far, at their places in the index, where the undecided ones have theirs, too."""

    facts: npt.NDArray[np.int64]
    """``(n, 10)``: start and stop of voxels along z, y and x; first word; first and stop of planes; candidate."""
    counts: npt.NDArray[np.int64]
    """Number of words and planes so far."""
    words: npt.NDArray[np.uint64]
    """``(room, 1)`` bits of their voxels."""
    planes: npt.NDArray[np.float32]
    """``(room, 3)`` planes of their hulls."""


class _Desk(NamedTuple):
    """Where pairs are worked on."""

    solids: Solids
    other: Polyhedron
    """Its centre and vertices only."""
    room: Room
    scratch: npt.NDArray[np.float32]
    """``(n_rays,)``."""


@njit(nogil=True, cache=True)
def decide_3d(solids, order, threshold, safe, index, entries, placed, room):  # type: ignore[no-untyped-def]
    """States of candidates, decided one after the other in the given order.

    Parameters
    ----------
    solids
        The polyhedra, float32.
    order
        ``(n,)`` int64, best first.
    threshold
        float32 below 1, largest share of the smaller volume in common.
    safe
        ``(3, 2)`` float64: first and last plane, row and column that no unknown candidate can cover.
    index, entries
        An empty index over all polyhedra, and its entries.
    placed
        From `new_placed`.
    room
        To build hulls in.

    Returns
    -------
    ndarray
        ``(n,)`` int8.
    """
    points, distances, directions = solids.points, solids.distances, solids.directions
    n, n_rays = distances.shape
    polyhedron, box = new_polyhedron(directions), np.empty(7)
    desk = _Desk(solids, new_polyhedron(directions), room, np.empty(n_rays, np.float32))
    states = np.full(n, SUPPRESSED, np.int8)
    # of a type, not a literal: `gather` would be compiled for each of them
    kept, undecided = np.int8(KEPT), np.int8(UNDECIDED)
    for j in order:
        place(directions, points[j], distances[j], polyhedron)
        _measure(polyhedron.ends, box)
        box[6] = volume(distances[j], directions.rays, directions.faces)
        found = gather(box, kept, index, entries, threshold)
        if found and _overlaps(polyhedron, box, found, index, placed, directions, threshold, desk):
            continue
        # undecided candidates are known by their boxes alone, and many of one object by a box around them, which takes
        # a fraction of memory and time: what overlaps it enough is undecided as well, at worst for nothing
        found = gather(box, undecided, index, entries, threshold)
        if found or is_unsafe(box, safe):
            states[j] = UNDECIDED
            if found and join(box, index.near[0], index):
                continue
        else:
            states[j] = KEPT
            placed = _place(polyhedron, box, j, index.counts[0], placed, directions, room)
        entries = enter(box, states[j], index, entries)
    return states


def new_placed(n: int, n_rays: int) -> Placed:
    """Return room for up to n placed candidates."""
    # empty arrays cost no memory until they are written to, and few candidates are placed
    return Placed(
        np.empty((n, 10), np.int64),
        np.zeros(2, np.int64),
        np.empty((1024, 1), np.uint64),
        np.empty((64 * n_rays, 3), np.float32),
    )


@register_jitable
def _measure(ends, box):  # type: ignore[no-untyped-def]
    """Write the first and last voxels to a box."""
    for i in range(3):
        # StarDist searches for the last voxel from -1 on
        box[i], box[i + 3] = np.rint(ends[0, i]), max(np.rint(ends[1, i]), np.float32(-1))


@register_jitable
def _voxels(box):  # type: ignore[no-untyped-def]
    """Start and stop, start and stop, start and stop of the voxels in a box."""
    return int(box[0]), int(box[3]) + 1, int(box[1]), int(box[4]) + 1, int(box[2]), int(box[5]) + 1


@njit(nogil=True, cache=True, inline="always")
def _overlaps(polyhedron, box, found, index, placed, directions, threshold, desk):  # type: ignore[no-untyped-def]
    """Whether a candidate overlaps one of those found by `gather` too much."""
    table, boxes, near, voxels = directions.table, index.boxes, index.near, _voxels(box)
    tabulated = is_tabulated(polyhedron.center, voxels, table.shape)
    for f in range(found):
        p = near[f]
        facts, smaller = placed.facts[p], min(box[6], boxes[p, 6])
        words, limit = placed.words[facts[6] :], np.float32((smaller + 1e-10) * threshold)
        count = doubts = 0
        if tabulated:
            count, doubts = common_voxels(table, polyhedron, voxels, facts, words, limit)
        elif _bodies_do(polyhedron, facts[9], False, smaller, threshold, desk):
            return True  # the kernels are enough, and counting the voxels of huge objects takes long
        if not tabulated or (count <= limit and np.float32(count + doubts) > limit):
            count, doubts = (
                common_voxels_exactly(_mask(directions, polyhedron, voxels), voxels, facts, words),
                0,
            )
        # StarDist stops counting when the limit is passed
        many = is_too_much(min(count, int(limit) + 1), smaller, threshold)
        if many:
            planes = placed.planes[facts[7] : facts[8]]
            bound = common_hulls_at_least(planes, polyhedron, directions.faces, desk.scratch)
            if is_too_much(bound, smaller, threshold):
                return True
        elif not _kernels_may(box, boxes[p], count + doubts, threshold):
            continue
        if _bodies_do(polyhedron, facts[9], many, smaller, threshold, desk):
            return True
    return False


@register_jitable
def _mask(directions, polyhedron, voxels):  # type: ignore[no-untyped-def]
    mask = np.empty((voxels[1] - voxels[0], voxels[3] - voxels[2], voxels[5] - voxels[4]), np.uint8)
    fill_mask(directions, polyhedron, voxels, mask)
    return mask


@njit(nogil=True, cache=True, inline="always")
def _kernels_may(box, other, count, threshold):  # type: ignore[no-untyped-def]
    """Whether the kernels of two polyhedra may overlap too much that have up to `count` voxels in common.

    A convex body without what is near its border is smaller by no more than its three shadows along the axes. Each
    point of the rest is in the cube around a voxel of the body, so that the rest is no larger than `count`.
    """
    depth = min(box[3], other[3]) - max(box[0], other[0]) + 1
    height = min(box[4], other[4]) - max(box[1], other[1]) + 1
    width = min(box[5], other[5]) - max(box[2], other[2]) + 1
    shadows = depth * height + depth * width + height * width
    return is_too_much(count + shadows, min(box[6], other[6]), threshold)


@register_jitable
def _bodies_do(polyhedron, i, hulls, smaller, threshold, desk):  # type: ignore[no-untyped-def]
    """Whether the convex hulls, or else the kernels, of a polyhedron and of candidate i overlap too much."""
    directions = desk.solids.directions
    place_tips(directions, desk.solids.points[i], desk.solids.distances[i], desk.other)
    common = common_bodies(directions.faces, polyhedron, desk.other, hulls, desk.room)
    # where the middle of the centres is outside, StarDist lets voxels decide
    return hulls if common < 0 else is_too_much(np.float32(common), smaller, threshold)


@njit(nogil=True, cache=True, inline="always")
def _place(polyhedron, box, j, p, placed, directions, room):  # type: ignore[no-untyped-def]
    """Append a candidate as number p; returns what is placed, with larger arrays if they were needed."""
    facts, counts, voxels = placed.facts[p], placed.counts, _voxels(box)
    size = n_words(voxels)
    words = with_room(placed.words, counts[0] + size)
    planes = with_room(placed.planes, counts[1] + 2 * len(directions.rays))
    pack_bits(_mask(directions, polyhedron, voxels), words[counts[0] :])
    for k in range(6):
        facts[k] = voxels[k]
    facts[6], facts[7], facts[9] = counts[0], counts[1], j
    counts[0] += size
    counts[1] += hull_planes(polyhedron, room, planes[counts[1] :])
    facts[8] = counts[1]
    return Placed(placed.facts, counts, words, planes)
