"""Convex hulls of points in 3D, and the volume that half-spaces have in common."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.extending import register_jitable

__all__ = ["Hull", "common_volume", "convex_hull", "new_hull"]

# Points are moved by up to half this share of their distance from the origin, so that no three are in a line and no
# four in a plane, where rounding would decide. Its square is more than rounding; float32 hardly tells it from nothing.
_NUDGE = 2.0**-22

# Points flatter than this, relative to the largest coordinate, are taken to be in one plane.
_FLAT = 1e-5


class Hull(NamedTuple):
    """Triangles around a convex body, and room to build them in."""

    corners: npt.NDArray[np.int64]
    """``(room, 3)`` indices of points, counter-clockwise seen from outside in a right-handed system."""
    beyond: npt.NDArray[np.int64]
    """``(room, 3)``: the facet beyond the edge from corner k to the next one."""
    planes: npt.NDArray[np.float64]
    """``(4, room)``: outward normals, not of unit length, and offsets; offset infinity where there is no facet."""
    scratch: npt.NDArray[np.int64]
    """``(6, room)``: facets seen; their border as from, to, and facet beyond; edge that begins at a point; marks."""


def new_hull(n: int) -> Hull:
    """Room for the hull of up to n points."""
    room = 2 * n + 8
    return Hull(
        np.empty((room, 3), np.int64),
        np.empty((room, 3), np.int64),
        np.empty((4, room), np.float64),
        np.zeros((6, room), np.int64),
    )


@njit(nogil=True, cache=True)
def convex_hull(points: Any, hull: Any) -> int:
    """Build the convex hull of points, one point after the other.

    Parameters
    ----------
    points
        ``(n, 3)`` float64; moved by up to 2e-7 of their distance from the origin.
    hull
        From `new_hull` for at least n points, overwritten.

    Returns
    -------
    int
        Facets are at the indices below this number, where the offset is not infinite; 0 if all points are in one plane.
    """
    _nudge(points)
    first = _first_tetrahedron(points)
    if first[0] < 0:
        return 0
    for f in range(4):
        # of the corners in order, a facet leaves out one, and is turned so that this one is behind it
        a, b, c, d = first[(f + 1) % 4], first[(f + 2) % 4], first[(f + 3) % 4], first[f]
        if _height(points, a, b, c, d) > 0:
            b, c = c, b
        _set_facet(points, hull, f, a, b, c)
    for f in range(4):
        for k in range(3):
            for g in range(4):
                # beyond an edge is the facet without the corner that is not on it
                if first[g] == hull.corners[f, (k + 2) % 3]:
                    hull.beyond[f, k] = g
    count = 4
    for p in range(len(points)):
        if p != first[0] and p != first[1] and p != first[2] and p != first[3]:
            count = _add_point(points, p, hull, count)
    return count


@register_jitable
def _nudge(points: Any) -> None:
    """Move each coordinate by a share that looks random but is always the same (a linear congruential generator)."""
    state = np.uint32(1)
    for p in range(len(points)):
        size = _NUDGE * max(abs(points[p, 0]), abs(points[p, 1]), abs(points[p, 2]))
        for i in range(3):
            state = np.uint32(state * np.uint32(1664525) + np.uint32(1013904223))
            points[p, i] += size * (np.float64(state) * 2.0**-32 - 0.5)


@register_jitable
def _first_tetrahedron(points: Any) -> tuple[int, int, int, int]:
    """Four points far from being in one plane, -1 if there are none."""
    a = b = c = d = 0
    best = size = 0.0
    for p in range(len(points)):
        size = max(size, abs(points[p, 0]), abs(points[p, 1]), abs(points[p, 2]))
        away = (points[p, 0] - points[a, 0]) ** 2 + (points[p, 1] - points[a, 1]) ** 2
        away += (points[p, 2] - points[a, 2]) ** 2
        if away > best:
            best, b = away, p
    widest = 0.0
    for p in range(len(points)):
        z, y, x = _normal(points, a, b, p)
        if z * z + y * y + x * x > widest:
            widest, c = z * z + y * y + x * x, p
    highest = _FLAT * np.sqrt(widest) * size
    found = False
    for p in range(len(points)):
        height = abs(_height(points, a, b, c, p))
        if height > highest:
            highest, d, found = height, p, True
    return (a, b, c, d) if found else (-1, -1, -1, -1)


@register_jitable
def _normal(points: Any, a: int, b: int, c: int) -> tuple[float, float, float]:
    pz, py, px = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    qz, qy, qx = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    return py * qx - px * qy, px * qz - pz * qx, pz * qy - py * qz


@register_jitable
def _height(points: Any, a: int, b: int, c: int, p: int) -> float:
    """Six times the signed volume of a tetrahedron, positive if p is before the facet (a, b, c)."""
    z, y, x = _normal(points, a, b, c)
    z, y, x = (
        z * (points[p, 0] - points[a, 0]),
        y * (points[p, 1] - points[a, 1]),
        x * (points[p, 2] - points[a, 2]),
    )
    return float(z + y + x)


@register_jitable
def _set_facet(points: Any, hull: Any, f: int, a: int, b: int, c: int) -> None:
    corners, planes = hull.corners[f], hull.planes
    corners[0], corners[1], corners[2] = a, b, c
    z, y, x = _normal(points, a, b, c)
    planes[0, f], planes[1, f], planes[2, f] = z, y, x
    planes[3, f] = z * points[a, 0] + y * points[a, 1] + x * points[a, 2]


@register_jitable
def _add_point(points: Any, p: int, hull: Any, count: int) -> int:
    """Replace the facets that see a point by those between their border and the point; returns the new count."""
    planes, scratch = hull.planes, hull.scratch
    z, y, x = points[p, 0], points[p, 1], points[p, 2]
    seen = 0
    for f in range(count):
        if planes[0, f] * z + planes[1, f] * y + planes[2, f] * x > planes[3, f]:
            scratch[0, seen] = f
            seen += 1
    if not seen:
        return count
    size = _horizon(hull, scratch[0, :seen])
    # facets that saw the point make room for new ones, further ones are appended
    for e in range(size):
        scratch[4, scratch[1, e]] = scratch[0, e] if e < seen else count + e - seen
    for e in range(size):
        start, end, other = scratch[1, e], scratch[2, e], scratch[3, e]
        f, after = scratch[4, start], scratch[4, end]
        for k in range(3):
            if hull.corners[other, k] == end and hull.corners[other, (k + 1) % 3] == start:
                hull.beyond[other, k] = f
        _set_facet(points, hull, f, start, end, p)
        hull.beyond[f, 0], hull.beyond[f, 1], hull.beyond[after, 2] = other, after, f
    if not size:
        return count
    for e in range(size, seen):
        planes[0, scratch[0, e]] = planes[1, scratch[0, e]] = planes[2, scratch[0, e]] = 0
        planes[3, scratch[0, e]] = np.inf
    return count + max(size - seen, 0)


@register_jitable
def _horizon(hull: Any, seen: Any) -> int:
    """Write the border of the facets seen to the scratch; returns its length, or 0 if it is not one simple loop."""
    corners, beyond, scratch = hull.corners, hull.beyond, hull.scratch
    for f in seen:
        scratch[5, f] = 1
        for k in range(3):
            scratch[4, corners[f, k]] = -1
    size, simple = 0, True
    for f in seen:
        for k in range(3):
            if not scratch[5, beyond[f, k]]:
                start = corners[f, k]
                simple &= scratch[4, start] < 0
                scratch[1, size], scratch[2, size], scratch[3, size] = (
                    start,
                    corners[f, (k + 1) % 3],
                    beyond[f, k],
                )
                scratch[4, start] = size
                size += 1
    for f in seen:
        scratch[5, f] = 0
    if not simple or not size:
        return 0
    e = scratch[4, scratch[2, 0]]
    length = 1
    while e > 0:
        e = scratch[4, scratch[2, e]]
        length += 1
    return size if length == size and e == 0 else 0


@register_jitable
def common_volume(planes: Any, points: Any, hull: Any) -> float:
    """Volume of the points in all half-spaces.

    Half-spaces are turned into points, each towards its plane and the farther the nearer that is. The facets of their
    hull are the corners of the body, and those around a point are in its plane.

    Parameters
    ----------
    planes
        ``(n, 4)`` float64: (a, b, c, d) per half-space ``a z + b y + c x <= d``. What they have in common must be
        bounded.
    points
        ``(n, 3)`` float64, overwritten.
    hull
        From `new_hull` for at least n points, overwritten.

    Returns
    -------
    float
        Good to about six digits; -1 if the origin is not in the interior of all.
    """
    n = len(planes)
    for k in range(n):
        if not planes[k, 3] > 0:
            return -1.0
        for i in range(3):
            points[k, i] = planes[k, i] / planes[k, 3]
    points = points[:n]
    _farthest_first(points)
    count = convex_hull(points, hull)
    volume = 0.0
    corners, beyond, facets = hull.corners, hull.beyond, hull.planes
    for f in range(count):
        if facets[3, f] <= 0:
            return 0.0
    for f in range(count):
        for k in range(3 if facets[3, f] < np.inf else 0):
            p, g = corners[f, k], beyond[f, k]
            z, y, x = points[p, 0], points[p, 1], points[p, 2]
            size = z * z + y * y + x * x
            gz, gy, gx = facets[0, g], facets[1, g], facets[2, g]
            fz, fy, fx = facets[0, f], facets[1, f], facets[2, f]
            turn = z * (gy * fx - gx * fy) + y * (gx * fz - gz * fx) + x * (gz * fy - gy * fz)
            volume += turn / (size * facets[3, f] * facets[3, g])
    return abs(volume) / 6


@register_jitable
def _farthest_first(points: Any) -> None:
    """Bring those few points to the front whose hull holds most others, so that these change nothing."""
    n = len(points)
    front = 0
    for z in range(-1, 2):
        for y in range(-1, 2):
            for x in range(-1, 2):
                best, farthest = front, -np.inf
                for p in range(front, n):
                    along = z * points[p, 0] + y * points[p, 1] + x * points[p, 2]
                    if along > farthest:
                        best, farthest = p, along
                if front < n:
                    for i in range(3):
                        points[front, i], points[best, i] = points[best, i], points[front, i]
                    front += 1
