"""Sums over the pixels of each object, in one pass over the label image; no temporary image is made."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from .labels import Labels

__all__ = ["digital_hull_areas", "perimeters", "raw_moments"]

Column = npt.NDArray[Any]


def raw_moments(labels: Labels, boxes: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Sums of r, c, r^2, r c, c^2 over the pixels of each object, counted from the corner of its box.

    Parameters
    ----------
    labels
        ``(rows, columns)``, contiguous.
    boxes
        ``(n, 4)`` xyxy at pixel edges.

    Returns
    -------
    ndarray
        ``(n, 5)`` int64, exact.
    """
    sums = np.zeros((len(boxes), 5), dtype=np.int64)
    _sum_moments(labels, boxes, sums)
    return sums


def perimeters(labels: Labels, count: int) -> npt.NDArray[np.float64]:
    """Perimeter of each object: steps along its border pixels, 1 or sqrt 2 long.

    A border pixel has one of its four neighbours outside the object. Its share follows from how many border
    pixels it touches along edges and at corners (table I of Benkrid and Crookes).

    Parameters
    ----------
    labels
        ``(rows, columns)``, contiguous.
    count
        Number of objects.

    Returns
    -------
    ndarray
        ``(count,)`` float64, pixels.
    """
    found = np.zeros(count)
    _sum_perimeters(labels, _step_table(), found)
    return found


def digital_hull_areas(labels: Labels, boxes: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Number of pixel centres in the convex hull of the pixel centres of each object.

    By Pick's theorem: hull area + boundary points / 2 + 1.

    Parameters
    ----------
    labels
        ``(rows, columns)``, contiguous.
    boxes
        ``(n, 4)`` xyxy at pixel edges.

    Returns
    -------
    ndarray
        ``(n,)`` int64; 0 for a label without pixels.
    """
    heights = (boxes[:, 3] - boxes[:, 1]).astype(np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(heights)])
    left = np.full(starts[-1], np.iinfo(np.int64).max)
    right = np.full(starts[-1], -1, dtype=np.int64)
    _find_row_ends(labels, boxes, starts, left, right)
    found = np.zeros(len(boxes), dtype=np.int64)
    _count_in_hulls(starts, left, right, found)
    return found


def _step_table() -> npt.NDArray[np.float64]:
    """Length that a border pixel adds, by its border neighbours along edges (first index) and at corners."""
    table = np.zeros((5, 5))
    straight, diagonal, mixed = 1.0, np.sqrt(2), (1 + np.sqrt(2)) / 2
    for edges, corners in ((2, 0), (3, 0), (2, 1), (3, 1), (2, 2), (3, 2)):
        table[edges, corners] = straight
    for edges, corners in ((0, 2), (1, 3)):
        table[edges, corners] = diagonal
    for edges, corners in ((1, 1), (1, 2)):
        table[edges, corners] = mixed
    return table


@numba.njit(nogil=True, cache=True)
def _sum_moments(labels: Any, boxes: Any, sums: Any) -> None:
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            k = labels[r, c] - 1
            if k < 0 or k >= sums.shape[0]:
                continue
            y, x = r - boxes[k, 1], c - boxes[k, 0]
            sums[k, 0] += y
            sums[k, 1] += x
            sums[k, 2] += y * y
            sums[k, 3] += y * x
            sums[k, 4] += x * x


@numba.njit(nogil=True, cache=True)
def _sum_perimeters(labels: Any, table: Any, found: Any) -> None:
    rows, columns = labels.shape
    for r in range(rows):
        for c in range(columns):
            label = labels[r, c]
            if label <= 0 or label > found.size or not _on_border(labels, r, c):
                continue
            edges, corners = 0, 0
            for y in range(max(r - 1, 0), min(r + 2, rows)):
                for x in range(max(c - 1, 0), min(c + 2, columns)):
                    if (y == r and x == c) or labels[y, x] != label or not _on_border(labels, y, x):
                        continue
                    if y == r or x == c:
                        edges += 1
                    else:
                        corners += 1
            found[label - 1] += table[edges, corners]


@numba.njit(nogil=True, cache=True)
def _on_border(labels: Any, r: int, c: int) -> bool:
    if r == 0 or c == 0 or r == labels.shape[0] - 1 or c == labels.shape[1] - 1:
        return True
    label = labels[r, c]
    return bool(
        labels[r - 1, c] != label
        or labels[r + 1, c] != label
        or labels[r, c - 1] != label
        or labels[r, c + 1] != label
    )


@numba.njit(nogil=True, cache=True)
def _find_row_ends(labels: Any, boxes: Any, starts: Any, left: Any, right: Any) -> None:
    """First and last column of each object in each of its rows."""
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            k = labels[r, c] - 1
            if k < 0 or k >= boxes.shape[0]:
                continue
            at = starts[k] + r - boxes[k, 1]
            left[at] = min(left[at], c)
            right[at] = c


@numba.njit(nogil=True, cache=True)
def _count_in_hulls(starts: Any, left: Any, right: Any, found: Any) -> None:
    chain = np.empty((right.size + 1, 2), dtype=np.int64)
    for k in range(found.size):
        first, last = starts[k], starts[k + 1]
        if first == last:
            continue
        doubled, boundary = 0, 0
        top, bottom = 0, last - first - 1
        for side in range(2):
            ends = left[first:last] if side == 0 else right[first:last]
            used = _half_hull(ends, right[first:last], side == 0, chain)
            for i in range(1, used):
                height, run = chain[i, 0] - chain[i - 1, 0], chain[i, 1] - chain[i - 1, 1]
                middle = height * (chain[i, 1] + chain[i - 1, 1])  # doubled area to the left of the step
                doubled += -middle if side == 0 else middle
                boundary += _gcd(height, abs(run))
        boundary += right[first + top] - left[first + top] + right[first + bottom] - left[first + bottom]
        found[k] = (doubled + boundary) // 2 + 1


@numba.njit(nogil=True, cache=True)
def _half_hull(ends: Any, right: Any, leftmost: bool, chain: Any) -> int:
    """Convex chain from top to bottom through the ends of the rows, leaving out rows without pixels."""
    used = 0
    for r in range(ends.size):
        if right[r] < 0:
            continue
        c = ends[r]
        while used >= 2:
            turn = (chain[used - 1, 0] - chain[used - 2, 0]) * (c - chain[used - 2, 1]) - (
                chain[used - 1, 1] - chain[used - 2, 1]
            ) * (r - chain[used - 2, 0])
            if (turn > 0 and not leftmost) or (turn < 0 and leftmost) or turn == 0:
                used -= 1
            else:
                break
        chain[used, 0], chain[used, 1] = r, c
        used += 1
    return used


@numba.njit(nogil=True, cache=True)
def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a
