"""Cones of rays: which face of a star-convex polyhedron lies in a direction.

The faces of rays, seen from the centre, part space into cones with three flat sides. Which cone a voxel is in depends
on the rays alone, and for a centre on a voxel on nothing but the whole offset between the two, so it is tabulated once
for all polyhedra. Whether the voxel is inside a polyhedron is then told by the plane of one face.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.extending import register_jitable

from .rays import Rays3D, merged_directions

__all__ = ["Cones", "cones_of", "face_table", "face_towards"]

# Offsets in one table; those of larger polyhedra are looked up by walking, at a few times the cost.
_LARGEST_TABLE = 2**22
_TABLE_STEP = 8


class Cones(NamedTuple):
    """The cones of the faces of rays, by the index of the face. Faces without a solid angle are in none."""

    sides: npt.NDArray[np.float64]
    """``(n_faces, 3, 3)`` float64 unit vectors (z, y, x), normal to the sides, towards the inside."""
    across: npt.NDArray[np.int32]
    """``(n_faces, 3)`` int32: the face beyond each side."""
    around: npt.NDArray[np.int32]
    """``(n_faces, width)`` int32: the face itself and those that touch it, filled up with -1."""
    start: int
    """A face with a solid angle, to begin a search with."""


@lru_cache(maxsize=8)
def cones_of(rays: Rays3D) -> Cones:
    """Cones of the faces of rays.

    Parameters
    ----------
    rays
        The same object gives the same cones, without computing them again.

    Returns
    -------
    Cones
        Sides of neighbours are exactly opposite, so that each direction is on the inner side of some cone.
    """
    corners = merged_directions(rays.vertices)[rays.faces]
    proper = np.flatnonzero((corners != np.roll(corners, 1, axis=1)).all(axis=1))
    units = rays.vertices.astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    sides = np.zeros((len(corners), 3, 3))
    across = np.full((len(corners), 3), -1, dtype=np.int32)
    beyond = {}
    for f in proper:
        for k in range(3):
            beyond[int(corners[f, k]), int(corners[f, k - 2])] = f
    for f in proper:
        for k in range(3):
            a, b = int(corners[f, k]), int(corners[f, k - 2])
            # from the lower index to the higher in both faces, so that rounding is the same
            normal = np.cross(units[max(a, b)], units[min(a, b)]) * (1 if a < b else -1)
            sides[f, k] = normal / np.linalg.norm(normal)
            across[f, k] = beyond[b, a]
    return Cones(sides, across, _touching(corners, proper), int(proper[0]))


def _touching(corners: npt.NDArray[np.int64], proper: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Of each proper face, the proper faces that share a corner with it, itself first."""
    meet: dict[int, set[int]] = {}
    for f in proper:
        for corner in corners[f]:
            meet.setdefault(int(corner), set()).add(int(f))
    touching = {int(f): set.union(*(meet[int(c)] for c in corners[f])) for f in proper}
    around = np.full((len(corners), max(len(t) for t in touching.values())), -1, dtype=np.int32)
    for f, others in touching.items():
        around[f, : len(others)] = [f, *sorted(others - {f})]
    return around


def face_table(rays: Rays3D, reach: npt.ArrayLike) -> npt.NDArray[np.uint16]:
    """Face in whose cone each whole offset lies; one of them where several meet.

    Parameters
    ----------
    rays
        The same object gives the same table again.
    reach
        Largest offsets asked for along (z, y, x), in voxels.

    Returns
    -------
    ndarray
        ``(2 rz + 1, 2 ry + 1, 2 rx + 1)`` uint16, the offset 0 in the middle. `rz`, `ry`, `rx` are larger than `reach`,
        or smaller where that would take more than 8 MB.
    """
    # rounded up, so that many polyhedra share a table
    half = [int(r) // _TABLE_STEP * _TABLE_STEP + _TABLE_STEP for r in np.asarray(reach, dtype=np.float64)]
    while np.prod([2 * r + 1 for r in half], dtype=np.float64) > _LARGEST_TABLE:
        half[int(np.argmax(half))] //= 2
    return _face_table(rays, *half)


@lru_cache(maxsize=8)
def _face_table(rays: Rays3D, rz: int, ry: int, rx: int) -> npt.NDArray[np.uint16]:
    table = np.empty((2 * rz + 1, 2 * ry + 1, 2 * rx + 1), dtype=np.uint16)
    _fill_table(cones_of(rays), table)
    return table


@njit(nogil=True, cache=True)
def _fill_table(cones: Any, table: Any) -> None:
    rz, ry, rx = table.shape[0] // 2, table.shape[1] // 2, table.shape[2] // 2
    face = cones.start
    for z in range(-rz, rz + 1):
        for y in range(-ry, ry + 1):
            for x in range(-rx, rx + 1):
                face = face_towards(cones, float(z), float(y), float(x), face)
                table[z + rz, y + ry, x + rx] = face


@njit(nogil=True, cache=True)
def face_towards(cones: Any, z: float, y: float, x: float, start: int) -> int:
    """Face in whose cone (z, y, x) lies, found by walking from the face `start` over sides that it is beyond."""
    face = start
    # a walk over a convex hull visits no face twice; over other rays it might, so it is limited
    for _ in range(len(cones.across)):
        for k in range(3):
            side = cones.sides[face, k]
            if side[0] * z + side[1] * y + side[2] * x < 0:
                face = cones.across[face, k]
                break
        else:
            return face
    return _deepest_face(cones, z, y, x)


@register_jitable
def _deepest_face(cones: Any, z: float, y: float, x: float) -> int:
    """The face whose sides (z, y, x) is farthest inside of, or least outside."""
    best, best_depth = cones.start, -np.inf
    for face in range(len(cones.across)):
        if cones.across[face, 0] >= 0:
            depth = np.inf
            for k in range(3):
                side = cones.sides[face, k]
                depth = min(depth, side[0] * z + side[1] * y + side[2] * x)
            if depth > best_depth:
                best, best_depth = face, depth
    return int(best)
