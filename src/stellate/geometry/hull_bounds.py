"""What convex bodies tell of the volume that two polyhedra have in common: hulls bound it above, kernels below.

The kernel of a polyhedron is what lies behind the planes of all its faces; from there, all of it is seen. StarDist
measures both bodies from the middle between the two centres, and takes it that there is no bound if that is outside.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from .convex_hull import Hull, common_volume, convex_hull, new_hull

__all__ = ["Room", "common_hulls", "common_hulls_at_least", "common_kernels", "hull_planes", "new_room"]

# Hulls that only serve for a bound are made of as many vertices, as more planes take more time than they save.
_MOST_VERTICES = 40


class Room(NamedTuple):
    """Arrays to build convex bodies in."""

    hull: Hull
    points: npt.NDArray[np.float64]
    """``(n, 3)``."""
    planes: npt.NDArray[np.float64]
    """``(n, 4)`` half-spaces ``a z + b y + c x <= d``."""


@njit(nogil=True, cache=True)
def new_room(n_rays: int, n_faces: int) -> Any:
    """Room for the planes of two polyhedra, those of their faces or of their hulls."""
    n = 2 * max(2 * n_rays, n_faces)
    return Room(new_hull(n), np.empty((n, 3)), np.empty((n, 4)))


@njit(nogil=True, cache=True)
def hull_planes(polyhedron: Any, room: Any, planes: Any) -> int:
    """Planes of the convex hull of a polyhedron.

    Parameters
    ----------
    polyhedron
        `stellate.geometry.polyhedron_masks.Polyhedron`.
    room
        From `new_room`, overwritten.
    planes
        ``(2 n_rays, 3)`` float32, overwritten: the centre, then (a, b, c) per half-space ``a z + b y + c x <= 1``
        around it.

    Returns
    -------
    int
        Number of rows; 1 if there is no hull, or the centre is not inside.
    """
    for i in range(3):
        planes[0, i] = polyhedron.center[i]
    arms, hull, points = polyhedron.arms, room.hull, room.points
    n = min(arms.shape[1], _MOST_VERTICES)
    for k in range(n):
        for i in range(3):
            points[k, i] = arms[i, k * arms.shape[1] // n]
    count, size = convex_hull(points[:n], hull), 1
    for f in range(count):
        offset = hull.planes[3, f]
        if not offset > 0:
            return 1
        if offset < np.inf:
            for i in range(3):
                planes[size, i] = hull.planes[i, f] / offset
            size += 1
    return size


@njit(nogil=True, cache=True)
def common_hulls_at_least(planes: Any, polyhedron: Any, faces: Any, scratch: Any) -> float:
    """Lower bound of the volume that the convex hulls of two polyhedra have in common.

    Each vertex of one is pulled towards its centre until it is in the hull of the other. The tetrahedra between the
    centre and three pulled vertices are in that hull, as it is convex, and in the first polyhedron.

    Parameters
    ----------
    planes
        ``(n, 3)`` float32 from `hull_planes`, of one.
    polyhedron
        `stellate.geometry.polyhedron_masks.Polyhedron`, the other.
    faces
        ``(n_faces, 3)``.
    scratch
        ``(n_rays,)`` float32, overwritten.

    Returns
    -------
    float
        The bound, lowered by a little more than rounding may have raised it; 0 if there are no planes or the centre is
        outside.
    """
    arms, center = polyhedron.arms, polyhedron.center
    tz, ty, tx = arms[0], arms[1], arms[2]
    dz, dy, dx = center[0] - planes[0, 0], center[1] - planes[0, 1], center[2] - planes[0, 2]
    n = arms.shape[1]
    for k in range(n):
        scratch[k] = 1
    # short loops without branches, so that they become vector instructions
    for m in range(1, len(planes)):
        a, b, c = planes[m, 0], planes[m, 1], planes[m, 2]
        room = np.float32(1) - a * dz - b * dy - c * dx
        if not room > 0:
            return 0.0
        a, b, c = a / room, b / room, c / room
        for k in range(n):
            # how many times farther from the polyhedron's centre than the hull the vertex is
            excess = a * tz[k] + b * ty[k] + c * tx[k]
            scratch[k] = excess if excess > scratch[k] else scratch[k]
    for k in range(n):
        scratch[k] = np.float32(1) / scratch[k]
    total = np.float32(0)
    for f in range(len(faces)):
        p, q, r = faces[f, 0], faces[f, 1], faces[f, 2]
        turn = tz[p] * (ty[q] * tx[r] - tx[q] * ty[r])
        turn += ty[p] * (tx[q] * tz[r] - tz[q] * tx[r])
        turn += tx[p] * (tz[q] * ty[r] - ty[q] * tz[r])
        total -= turn * (scratch[p] * scratch[q] * scratch[r])
    return float(0.1666 * total) if len(planes) > 1 else 0.0


@njit(nogil=True, cache=True)
def common_hulls(a: Any, b: Any, room: Any) -> float:
    """Volume that the convex hulls of two polyhedra have in common, -1 if the middle is not inside both."""
    middle = _middle(a.center, b.center)
    size = _add_hull(a.tips, middle, room, 0)
    size = _add_hull(b.tips, middle, room, size)
    return common_volume(room.planes[:size], room.points, room.hull)


@njit(nogil=True, cache=True)
def _add_hull(tips: Any, middle: Any, room: Any, size: int) -> int:
    """Append planes of the convex hull of vertices to those in the room, around the middle; returns the new number."""
    points, planes, facets = room.points, room.planes, room.hull.planes
    for k in range(tips.shape[1]):
        for i in range(3):
            points[k, i] = tips[i, k] - middle[i]
    count = convex_hull(points[: tips.shape[1]], room.hull)
    for f in range(count):
        if facets[3, f] < np.inf:
            for i in range(4):
                planes[size, i] = facets[i, f]
            size += 1
    return size


@njit(nogil=True, cache=True)
def common_kernels(faces: Any, a: Any, b: Any, room: Any) -> float:
    """Volume that the kernels of two polyhedra have in common, -1 if the middle is not inside both."""
    middle = _middle(a.center, b.center)
    size = _add_kernel(faces, a.tips, middle, room.planes, 0)
    size = _add_kernel(faces, b.tips, middle, room.planes, size) if size else 0
    return common_volume(room.planes[:size], room.points, room.hull) if size else -1.0


@njit(nogil=True, cache=True)
def _add_kernel(faces: Any, tips: Any, middle: Any, planes: Any, size: int) -> int:
    """Append planes of faces to others, around the middle; returns the new number, or 0 if that is outside."""
    tz, ty, tx = tips[0], tips[1], tips[2]
    for f in range(len(faces)):
        p, q, r = faces[f, 0], faces[f, 1], faces[f, 2]
        pz, py, px = tz[q] - tz[p], ty[q] - ty[p], tx[q] - tx[p]
        qz, qy, qx = tz[r] - tz[p], ty[r] - ty[p], tx[r] - tx[p]
        # in float32, as StarDist has them
        nz, ny, nx = px * qy - py * qx, pz * qx - px * qz, py * qz - pz * qy
        offset = tz[p] * nz + ty[p] * ny + tx[p] * nx
        room = offset - (nz * middle[0] + ny * middle[1] + nx * middle[2])
        if not room > 0:
            return 0
        planes[size, 0], planes[size, 1], planes[size, 2], planes[size, 3] = nz, ny, nx, room
        size += 1
    return size


@njit(nogil=True, cache=True)
def _middle(a: Any, b: Any) -> Any:
    middle = np.empty(3)
    for i in range(3):
        middle[i] = 0.5 * np.float64(a[i] + b[i])
    return middle
