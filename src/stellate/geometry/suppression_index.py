"""The spatial index of suppression: which of the candidates placed so far have boxes that overlap another box.

Boxes have three axes, of which the first is a single plane in 2D.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.extending import register_jitable

__all__ = [
    "Cells",
    "Index",
    "cells_over",
    "enter",
    "first_entry",
    "gather",
    "is_too_much",
    "is_unsafe",
    "join",
    "new_index",
    "with_room",
]

_SMALLEST_CELL = 4.0  # pixels
_ALIKE = 1.6
"""Boxes around two alike ones are at most so many times as large as what the two have in common."""


class Cells(NamedTuple):
    """A uniform grid over all candidates; what lies beyond it belongs to its outermost cells."""

    starts: tuple[float, float, float]
    sizes: tuple[float, float, float]
    counts: tuple[int, int, int]


class Index(NamedTuple):
    """Boxes in cells."""

    cells: Cells
    boxes: npt.NDArray[np.float64]
    """``(n, 7)``: first z, y, x, last z, y, x, and area or volume of what is in the box."""
    states: npt.NDArray[np.int8]
    """State of each one."""
    seen: npt.NDArray[np.int64]
    """The query that last came across this one."""
    heads: npt.NDArray[np.int64]
    """First entry of each cell, -1 if there is none."""
    near: npt.NDArray[np.int64]
    """What the last query found."""
    counts: npt.NDArray[np.int64]
    """Number of boxes, entries, and queries so far."""


def cells_over(points: npt.NDArray[np.float32], diameters: npt.ArrayLike) -> Cells:
    """Cells of about the size of a candidate over all centres, not many more than there are candidates.

    Parameters
    ----------
    points
        ``(n, ndim)`` centres, at least one.
    diameters
        Usual extent of a candidate along each axis, or along all.
    """
    starts, extents = np.zeros(3), np.zeros(3)
    for axis in range(3 - points.shape[1], 3):
        column = points[:, axis - 3]  # one at a time: much faster than all in one call
        starts[axis] = column.min()
        extents[axis] = column.max() - starts[axis]
    sizes = np.ones(3)
    sizes[3 - points.shape[1] :] = np.maximum(diameters, _SMALLEST_CELL)
    while np.prod(np.floor(extents / sizes) + 1) > 2 * (len(points) + 64):
        sizes *= 1.1
    counts = (extents / sizes).astype(int) + 1
    return Cells(
        (float(starts[0]), float(starts[1]), float(starts[2])),
        (float(sizes[0]), float(sizes[1]), float(sizes[2])),
        (int(counts[0]), int(counts[1]), int(counts[2])),
    )


def new_index(n: int, cells: Cells) -> Index:
    """Return an empty index for up to n boxes."""
    # empty arrays cost no memory until they are written to, and few candidates are placed
    return Index(
        cells,
        np.empty((n, 7), np.float64),
        np.empty(n, np.int8),
        np.empty(n, np.int64),
        np.full(math.prod(cells.counts), -1, np.int64),
        np.empty(n, np.int64),
        np.zeros(3, np.int64),
    )


def new_entries() -> npt.NDArray[np.int64]:
    """Return the beginning of a growing array of (box, next entry of the cell)."""
    return np.empty((1024, 2), np.int64)


@register_jitable
def _cell(coordinate, start, size, count):  # type: ignore[no-untyped-def]
    return min(max(int((coordinate - start) / size), 0), count - 1)


@register_jitable
def _window(box, cells):  # type: ignore[no-untyped-def]
    """First and last plane, first and last row, first and last column of the cells that a box touches."""
    starts, sizes, counts = cells.starts, cells.sizes, cells.counts
    return (
        _cell(box[0], starts[0], sizes[0], counts[0]),
        _cell(box[3], starts[0], sizes[0], counts[0]),
        _cell(box[1], starts[1], sizes[1], counts[1]),
        _cell(box[4], starts[1], sizes[1], counts[1]),
        _cell(box[2], starts[2], sizes[2], counts[2]),
        _cell(box[5], starts[2], sizes[2], counts[2]),
    )


@njit(nogil=True, cache=True, inline="always")
def first_entry(index, z, y, x):  # type: ignore[no-untyped-def]
    """First entry of the cell of a point, -1 if there is none."""
    starts, sizes, counts = index.cells.starts, index.cells.sizes, index.cells.counts
    plane, row = _cell(z, starts[0], sizes[0], counts[0]), _cell(y, starts[1], sizes[1], counts[1])
    return index.heads[(plane * counts[1] + row) * counts[2] + _cell(x, starts[2], sizes[2], counts[2])]


@register_jitable
def is_too_much(common, smaller, threshold):  # type: ignore[no-untyped-def]
    """Whether a part in common is more than a share of the smaller one."""
    # in float32 and with the small term, as StarDist divides
    return np.float32(common / (smaller + 1e-10)) > threshold


@njit(nogil=True, cache=True)
def gather(box, wanted, index, entries, threshold):  # type: ignore[no-untyped-def]
    """Collect in `index.near` what has the wanted state and boxes that may overlap enough; returns how many.

    The first one has the largest box in common.
    """
    cells, boxes, seen, near, states = index.cells, index.boxes, index.seen, index.near, index.states
    index.counts[2] += 1
    query, found, largest = index.counts[2], 0, 0.0
    front, back, top, bottom, left, right = _window(box, cells)
    for plane in range(front, back + 1):
        for row in range(top, bottom + 1):
            start = (plane * cells.counts[1] + row) * cells.counts[2]
            for cell in range(start + left, start + right + 1):
                entry = index.heads[cell]
                while entry >= 0:
                    p, entry = entries[entry, 0], entries[entry, 1]
                    if states[p] != wanted or seen[p] == query:
                        continue
                    seen[p] = query
                    depth = min(box[3], boxes[p, 3]) - max(box[0], boxes[p, 0])
                    height = min(box[4], boxes[p, 4]) - max(box[1], boxes[p, 1])
                    width = min(box[5], boxes[p, 5]) - max(box[2], boxes[p, 2])
                    if depth > 0 and height > 0 and width > 0:
                        common = depth * height * width
                        if is_too_much(common, min(box[6], boxes[p, 6]), threshold):
                            near[found] = p
                            if common > largest:
                                largest, near[found], near[0] = common, near[0], p
                            found += 1
    return found


@register_jitable
def is_unsafe(box, safe):  # type: ignore[no-untyped-def]
    """Whether a candidate that is not known may cover a part of the box; `safe` as `safe_region` gives it."""
    ndim, unsafe = len(safe), False
    for axis in range(ndim):
        unsafe |= box[3 - ndim + axis] < safe[axis, 0] or box[6 - ndim + axis] > safe[axis, 1]
    return unsafe


@njit(nogil=True, cache=True)
def enter(box, state, index, entries):  # type: ignore[no-untyped-def]
    """Append a box; returns the entries, in a larger array if they needed one."""
    cells, counts, boxes = index.cells, index.counts, index.boxes
    p, used = counts[0], counts[1]
    for k in range(7):
        boxes[p, k] = box[k]
    index.states[p], index.seen[p] = state, -1
    front, back, top, bottom, left, right = _window(box, cells)
    entries = with_room(entries, used + (back - front + 1) * (bottom - top + 1) * (right - left + 1))
    for plane in range(front, back + 1):
        for row in range(top, bottom + 1):
            start = (plane * cells.counts[1] + row) * cells.counts[2]
            for cell in range(start + left, start + right + 1):
                entries[used, 0], entries[used, 1] = p, index.heads[cell]
                index.heads[cell] = used
                used += 1
    counts[1] = used
    counts[0] += 1
    return entries


@njit(nogil=True, cache=True)
def join(box, p, index):  # type: ignore[no-untyped-def]
    """Make box p the box around both, if that is hardly larger than what they have in common; returns whether it was.

    What overlaps one of the two too much, by the smaller volume, then overlaps that box as well.
    """
    boxes = index.boxes
    around = np.empty(7)
    common, all_of_it = 1.0, 1.0
    for axis in range(3):
        around[axis] = min(box[axis], boxes[p, axis])
        around[axis + 3] = max(box[axis + 3], boxes[p, axis + 3])
        common *= max(min(box[axis + 3], boxes[p, axis + 3]) - max(box[axis], boxes[p, axis]), 0.0)
        all_of_it *= around[axis + 3] - around[axis]
    # in the cells where it is entered already, so that it is found from everywhere
    if all_of_it > _ALIKE * common or _window(around, index.cells) != _window(boxes[p], index.cells):
        return False
    around[6] = min(box[6], boxes[p, 6])
    for k in range(7):
        boxes[p, k] = around[k]
    return True


@register_jitable
def with_room(array, rows):  # type: ignore[no-untyped-def]
    """Return the array itself, or a larger one with the same beginning if it has fewer rows."""
    if len(array) >= rows:
        return array
    larger = np.empty((2 * rows, array.shape[1]), array.dtype)
    for i in range(len(array)):
        for j in range(array.shape[1]):
            larger[i, j] = array[i, j]
    return larger
