"""What convex bodies tell of the volume that two polyhedra have in common: hulls bound it above, kernels below.

The kernel of a polyhedron is what lies behind the planes of all its faces; from there, all of it is seen. StarDist
measures both bodies from the middle between the two centres, and takes it that there is no bound if that is outside.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.extending import register_jitable

from .convex_hull import Hull, common_volume, convex_hull, new_hull

__all__ = ["Room", "common_bodies", "common_hulls_at_least", "hull_planes", "new_room"]

# Hulls that only serve for a bound are made of as many vertices, as more planes take more time than they save.
_MOST_VERTICES = 40


class Room(NamedTuple):
    """Arrays to build convex bodies in."""

    hull: Hull
    points: npt.NDArray[np.float64]
    """``(n, 3)``."""
    planes: npt.NDArray[np.float64]
    """``(n, 4)`` half-spaces ``a z + b y + c x <= d``."""


def new_room(n_rays: int, n_faces: int) -> Room:
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
    center, found = np.empty(3), room.planes
    for i in range(3):
        center[i] = polyhedron.center[i]
    size = _add_hull(polyhedron.tips, center, min(polyhedron.tips.shape[1], _MOST_VERTICES), room, 0)
    for i in range(3):
        planes[0, i] = center[i]
    for f in range(size):
        if not found[f, 3] > 0:
            return 1
        for i in range(3):
            planes[f + 1, i] = found[f, i] / found[f, 3]
    return size + 1


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
def common_bodies(faces: Any, a: Any, b: Any, hulls: bool, room: Any) -> float:
    """Volume that the convex hulls of two polyhedra, or else their kernels, have in common.

    Parameters
    ----------
    faces
        ``(n_faces, 3)``.
    a, b
        `stellate.geometry.polyhedron_masks.Polyhedron`.
    hulls
        Whether of hulls.
    room
        From `new_room`, overwritten.

    Returns
    -------
    float
        The volume, in voxels; -1 if the middle between the centres is not inside both.
    """
    middle = np.empty(3)
    for i in range(3):
        middle[i] = 0.5 * np.float64(a.center[i] + b.center[i])
    size = 0
    for tips in (a.tips, b.tips):
        if hulls:
            size = _add_hull(tips, middle, tips.shape[1], room, size)
        else:
            size = _add_kernel(faces, tips, middle, room.planes, size)
            if size < 0:
                return -1.0
    return common_volume(room.planes[:size], room.points, room.hull)


@register_jitable
def _add_hull(tips: Any, middle: Any, n: int, room: Any, size: int) -> int:
    """Append planes of the convex hull of n of the vertices, around the middle; returns the new number of planes."""
    points, planes, facets = room.points, room.planes, room.hull.planes
    for k in range(n):
        for i in range(3):
            points[k, i] = tips[i, k * tips.shape[1] // n] - middle[i]
    count = convex_hull(points[:n], room.hull)
    for f in range(count):
        if facets[3, f] < np.inf:
            for i in range(4):
                planes[size, i] = facets[i, f]
            size += 1
    return size


@register_jitable
def _add_kernel(faces: Any, tips: Any, middle: Any, planes: Any, size: int) -> int:
    """Append planes of all faces, around the middle; returns the new number of planes, or -1 if one is not beyond it.

    Of ragged polyhedra nearly always an early face shows that the middle is not in their kernel.
    """
    tz, ty, tx = tips[0], tips[1], tips[2]
    for f in range(len(faces)):
        p, q, r = faces[f, 0], faces[f, 1], faces[f, 2]
        pz, py, px = tz[q] - tz[p], ty[q] - ty[p], tx[q] - tx[p]
        qz, qy, qx = tz[r] - tz[p], ty[r] - ty[p], tx[r] - tx[p]
        # in float32, as StarDist has them
        nz, ny, nx = px * qy - py * qx, pz * qx - px * qz, py * qz - pz * qy
        offset = tz[p] * nz + ty[p] * ny + tx[p] * nx
        planes[size, 0], planes[size, 1], planes[size, 2] = nz, ny, nx
        planes[size, 3] = offset - (nz * middle[0] + ny * middle[1] + nx * middle[2])
        if not planes[size, 3] > 0:
            return -1
        size += 1
    return size
