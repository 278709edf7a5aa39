"""Outlines of labelled objects along the edges of their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from .labels import Labels, count_objects

__all__ = ["Rings", "outlines", "polygons_of", "trace_rings"]

Ring = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rings:
    """Closed boundary lines of all objects of a label image.

    Attributes
    ----------
    points
        ``(m, 2)`` float64, corners of pixels as (row, col); the first point of a ring is not repeated at its
        end.
    starts
        ``(n_rings + 1,)`` int64: ring k is ``points[starts[k] : starts[k + 1]]``.
    labels
        ``(n_rings,)`` int32, the object of each ring; ascending.
    areas
        ``(n_rings,)`` float64, enclosed pixels: positive for an outer ring, negative for a hole.
    """

    points: Ring
    starts: npt.NDArray[np.int64]
    labels: Labels
    areas: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)

    def ring(self, k: int) -> Ring:
        """Points of ring `k`, ``(n_points, 2)``."""
        return self.points[self.starts[k] : self.starts[k + 1]]


def outlines(labels: Labels, count: int | None = None) -> list[Ring]:
    """Outline of each object, holes filled: of an object in several pieces, that of the largest piece.

    Parameters
    ----------
    labels
        ``(rows, columns)``, contiguous.
    count
        Number of objects; the highest label if None.

    Returns
    -------
    list of ndarray
        For each object ``(k, 2)`` float64 points (row, col): corners of pixels, thus at halves; runs along an
        edge have no points between their ends. ``(0, 2)`` for a label without pixels.

    Notes
    -----
    Pixels that touch only at a corner are separate pieces here, so that no outline touches itself.
    """
    rings = trace_rings(labels)
    n = count_objects(labels) if count is None else count
    largest = np.zeros(n)
    chosen = np.full(n, -1)
    for k in np.flatnonzero((rings.areas > 0) & (rings.labels <= n)):
        at = rings.labels[k] - 1
        if rings.areas[k] > largest[at]:
            largest[at], chosen[at] = rings.areas[k], k
    return [rings.ring(k) if k >= 0 else np.zeros((0, 2)) for k in chosen]


def polygons_of(rings: Rings, count: int) -> list[list[list[Ring]]]:
    """Group rings into polygons with holes, which together cover each object exactly.

    Parameters
    ----------
    rings
        All rings of a label image.
    count
        Number of objects.

    Returns
    -------
    list
        For each object its pieces, the largest first; each piece is its outer ring followed by its holes.
    """
    ends = np.searchsorted(rings.labels, np.arange(1, count + 2))
    return [_pieces(rings, range(ends[k], ends[k + 1])) for k in range(count)]


def _pieces(rings: Rings, members: range) -> list[list[Ring]]:
    outer = sorted((k for k in members if rings.areas[k] > 0), key=lambda k: -rings.areas[k])
    pieces = {k: [rings.ring(k)] for k in outer}
    first = np.array([rings.ring(k).min(axis=0) for k in outer])
    last = np.array([rings.ring(k).max(axis=0) for k in outer])
    for hole in members:
        if rings.areas[hole] > 0:
            continue
        owner = outer[0]
        if len(outer) > 1:
            # A piece may lie in a hole of another: the smallest outline around a pixel of the rim is its own. A net
            # has thousands of holes and pieces, so only those within whose box it lies are looked at, smallest first.
            pixel = _pixel_beside(rings.ring(hole))
            largest, *others = np.flatnonzero(((first < pixel) & (pixel < last)).all(axis=1))
            owner = outer[
                next((k for k in reversed(others) if _inside(pixel, rings.ring(outer[k]))), largest)
            ]
        pieces[owner].append(rings.ring(hole))
    return [pieces[k] for k in outer]


def _pixel_beside(ring: Ring) -> Ring:
    """Centre of the pixel of the object that the first edge of a ring runs along: the one to its right."""
    ahead = np.sign(ring[1] - ring[0])
    centre: Ring = ring[0] + 0.5 * (ahead + np.array([ahead[1], -ahead[0]]))
    return centre


def _inside(point: npt.NDArray[np.float64], ring: Ring) -> bool:
    """Whether a pixel centre lies inside a ring of pixel edges: an odd number of crossings to its right."""
    after = np.roll(ring, -1, axis=0)
    crosses = (ring[:, 0] > point[0]) != (after[:, 0] > point[0])
    return bool(np.count_nonzero(crosses & (ring[:, 1] > point[1])) % 2)


def trace_rings(labels: Labels) -> Rings:
    """Trace all boundaries of all objects, in time linear in the pixels.

    Parameters
    ----------
    labels
        ``(rows, columns)`` of any integer dtype; positive numbers are objects.

    Returns
    -------
    Rings
        Outer rings and holes, ordered by label; no ring touches itself. An object lies to the right of the
        direction of travel, rows pointing down.
    """
    corners, starts, owners, doubled, touching = _trace(np.ascontiguousarray(labels))
    loops = [
        (owners[k], loop) for k in touching for loop in _simple_loops(corners[starts[k] : starts[k + 1]])
    ]
    if loops:
        whole = np.setdiff1d(np.arange(len(owners)), touching)
        corners = np.concatenate([corners, *(loop for _, loop in loops)])
        lengths = np.concatenate([np.diff(starts)[whole], [len(loop) for _, loop in loops]])
        ends = starts[-1] + np.cumsum([len(loop) for _, loop in loops])
        begins = np.concatenate([starts[whole], starts[-1:], ends[:-1]])
        owners = np.concatenate([owners[whole], np.array([owner for owner, _ in loops], dtype=np.int32)])
        doubled = np.concatenate([doubled[whole], [_doubled_area(loop) for _, loop in loops]])
    else:
        lengths, begins = np.diff(starts), starts[:-1]
    return _sorted_rings(corners, begins, lengths, owners, doubled)


def _sorted_rings(corners: Any, begins: Any, lengths: Any, owners: Any, doubled: Any) -> Rings:
    order = np.argsort(owners, kind="stable")
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[order])])
    take = np.repeat(begins[order] - starts[:-1], lengths[order]) + np.arange(starts[-1])
    return Rings(corners[take] - 0.5, starts, owners[order], doubled[order] / 2)


def _simple_loops(ring: npt.NDArray[np.int32]) -> list[npt.NDArray[np.int32]]:
    """Cut a ring at the corners that it passes twice, into loops that pass each corner once.

    A hole that meets the outside, or another hole, at a corner of pixels is reached by such a ring.
    """
    loops = []
    path: list[tuple[int, ...]] = []
    place: dict[tuple[int, ...], int] = {}
    for corner in map(tuple, ring.tolist()):
        if corner in place:
            loop = path[place[corner] :]
            del path[place[corner] :]
            for passed in loop:
                del place[passed]
            loops.append(np.array(loop, dtype=np.int32))
        place[corner] = len(path)
        path.append(corner)
    return [*loops, np.array(path, dtype=np.int32)]


def _doubled_area(ring: npt.NDArray[np.int32]) -> float:
    r, c = ring.astype(np.float64).T
    return float(np.sum(c * np.roll(r, -1) - np.roll(c, -1) * r))


# Travel right, down, left, up: the step along a pixel edge, and from a corner the pixels ahead on either
# side.
_STEP = np.array([[0, 1], [1, 0], [0, -1], [-1, 0]])
_AHEAD_RIGHT = np.array([[0, 0], [0, -1], [-1, -1], [-1, 0]])
_AHEAD_LEFT = np.array([[-1, 0], [0, 0], [0, -1], [-1, -1]])


@numba.njit(nogil=True, cache=True)
def _trace(labels: Any) -> Any:
    """Corners ``(m, 2)``, starts, labels and doubled signed areas of the rings, by their first pixels.

    Last come the numbers of the rings that may touch themselves. Every ring, hole or not, travels right along the
    top of some pixel: rings are begun there, and tops are ticked off as they are passed.
    """
    rows, columns = labels.shape
    passed = np.zeros((rows, columns), dtype=np.bool_)
    corners = np.empty((1024, 2), dtype=np.int32)
    starts = np.zeros(257, dtype=np.int64)
    owners = np.empty(256, dtype=np.int32)
    doubled = np.empty(256, dtype=np.float64)
    diagonals = np.empty(256, dtype=np.int64)
    n = 0
    for r in range(rows):
        for c in range(columns):
            label = labels[r, c]
            if label <= 0 or passed[r, c] or (r > 0 and labels[r - 1, c] == label):
                continue
            if n == owners.size:
                starts, owners, doubled = _longer(starts), _longer(owners), _longer(doubled)
                diagonals = _longer(diagonals)
            # The left end of a run of tops, thus a corner: the rest of the run is passed on the same walk.
            corners, starts[n + 1], doubled[n], diagonals[n] = _follow(
                labels, r, c, corners, starts[n], passed
            )
            owners[n] = label
            n += 1
    return corners[: starts[n]], starts[: n + 1], owners[:n], doubled[:n], np.flatnonzero(diagonals[:n] > 1)


@numba.njit(nogil=True, cache=True)
def _follow(labels: Any, row: int, col: int, corners: Any, used: int, passed: Any) -> Any:
    """Walk once around from the upper left corner of a pixel; append the corners where the walk turns.

    Returns the corners, how many there are, the doubled signed area, and the number of turns at a corner across
    which the object goes on; a ring that touches itself has two of them at each such corner.
    """
    label = labels[row, col]
    r, c, heading = row, col, 0
    area = 0.0
    diagonals = 0
    while True:
        if used == corners.shape[0]:
            wider = np.empty((2 * used, 2), dtype=np.int32)
            wider[:used] = corners
            corners = wider
        corners[used, 0], corners[used, 1] = r, c
        used += 1
        from_r, from_c = r, c
        turn = 0
        while turn == 0:
            if heading == 0:
                passed[r, c] = True
            r += _STEP[heading, 0]
            c += _STEP[heading, 1]
            left = _has(labels, r + _AHEAD_LEFT[heading, 0], c + _AHEAD_LEFT[heading, 1], label)
            if not _has(labels, r + _AHEAD_RIGHT[heading, 0], c + _AHEAD_RIGHT[heading, 1], label):
                turn = 1
                diagonals += left
            elif left:
                turn = 3
        area += float(from_c) * r - float(c) * from_r
        heading = (heading + turn) % 4
        if r == row and c == col and heading == 0:
            return corners, used, area, diagonals


@numba.njit(nogil=True, cache=True)
def _has(labels: Any, r: int, c: int, label: int) -> bool:
    if r < 0 or c < 0 or r >= labels.shape[0] or c >= labels.shape[1]:
        return False
    return bool(labels[r, c] == label)


@numba.njit(nogil=True, cache=True)
def _longer(values: Any) -> Any:
    """Room for twice as many rings (and the one more start that they need)."""
    longer = np.empty(2 * values.size, dtype=values.dtype)
    longer[: values.size] = values
    return longer
