"""Star-convex polyhedra: vertices, volume, surface and radii.

A polyhedron has a centre and a distance along each ray, and is the union of the tetrahedra between the centre and its
faces, borders included. The arithmetic is StarDist's, in float32, so that both decide alike. Which voxels are inside is
told by `stellate.geometry.polyhedron_masks`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.extending import register_jitable

from .arrays import for_reading
from .rays import Rays3D

__all__ = [
    "checked_solids",
    "determinant",
    "enclosing_radius",
    "inscribed_radius",
    "polyhedron_surfaces",
    "polyhedron_vertices",
    "polyhedron_volumes",
    "volume",
]

_LARGEST_COORDINATE = 2.0**22  # float32 still tells voxels apart


def polyhedron_vertices(
    points: npt.ArrayLike, distances: npt.ArrayLike, rays: Rays3D
) -> npt.NDArray[np.float32]:
    """Vertices of star-convex polyhedra.

    Parameters
    ----------
    points
        ``(n, 3)`` centres (z, y, x), in voxels.
    distances
        ``(n, n_rays)`` distances along `rays`, above 0, in units of their length (voxels, if they have length 1).
    rays
        Directions.

    Returns
    -------
    ndarray
        ``(n, n_rays, 3)`` float32 (z, y, x).

    Raises
    ------
    ValueError
        If the shapes do not fit together, or a value is not finite or a distance not above 0.
    """
    points, distances = checked_solids(points, distances, rays)
    return np.asarray(points[:, None] + distances[:, :, None] * rays.vertices, dtype=np.float32)


def polyhedron_volumes(distances: npt.ArrayLike, rays: Rays3D) -> npt.NDArray[np.float32]:
    """Volumes of star-convex polyhedra: of all tetrahedra between the centre and a face.

    Parameters
    ----------
    distances
        ``(n, n_rays)``, as of `polyhedron_vertices`.
    rays
        Directions.

    Returns
    -------
    ndarray
        ``(n,)`` float32, in voxels; summed in float32 in the order of faces, as StarDist does.

    Raises
    ------
    ValueError
        As `polyhedron_vertices`.

    Examples
    --------
    >>> octahedron = Rays3D(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]]),
    ...     np.array([[0, 1, 2], [0, 2, 4], [0, 4, 5], [0, 5, 1], [3, 2, 1], [3, 4, 2], [3, 5, 4], [3, 1, 5]]))
    >>> polyhedron_volumes([[3.0] * 6], octahedron)
    array([36.], dtype=float32)
    """
    distances = checked_solids(np.zeros((len(np.asarray(distances)), 3)), distances, rays)[1]
    return np.array([volume(d, rays.vertices, rays.faces) for d in distances], dtype=np.float32)


def polyhedron_surfaces(
    distances: npt.ArrayLike, rays: Rays3D, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> npt.NDArray[np.float64]:
    """Surface areas of star-convex polyhedra: of all faces.

    Parameters
    ----------
    distances
        ``(n, n_rays)``, as of `polyhedron_vertices`.
    rays
        Directions.
    spacing
        Size of a voxel along (z, y, x).

    Returns
    -------
    ndarray
        ``(n,)`` float64, in squared units of `spacing`.

    Raises
    ------
    ValueError
        As `polyhedron_vertices`.
    """
    distances = checked_solids(np.zeros((len(np.asarray(distances)), 3)), distances, rays)[1]
    scaled = rays.vertices * np.asarray(spacing, dtype=np.float64)
    areas = np.zeros(len(distances))
    for face in rays.faces:
        a, b, c = (distances[:, k, None] * scaled[k] for k in face)
        areas += np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return areas


def checked_solids(
    points: npt.ArrayLike, distances: npt.ArrayLike, rays: Rays3D
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Centres and distances as C-contiguous float32 arrays, not to be written to.

    Raises
    ------
    ValueError
        If they are not ``(n, 3)`` and ``(n, n_rays)``, a value is not finite, or a distance is not above 0.
    """
    points = np.ascontiguousarray(points, dtype=np.float32)
    distances = np.ascontiguousarray(distances, dtype=np.float32)
    points = points.reshape(0, 3) if points.size == 0 else points
    distances = distances.reshape(0, len(rays)) if distances.size == 0 else distances
    if points.ndim != 2 or points.shape[1] != 3 or distances.shape != (len(points), len(rays)):
        raise ValueError(
            f"expected points (n, 3) and distances (n, {len(rays)}), got {points.shape} and {distances.shape}"
        )
    for name, values in (("points", points), ("distances", distances)):
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise ValueError(f"{name} must be finite, but row {row} has a NaN or an infinity; leave it out")
    if distances.size and distances.min() <= 0:
        row = int(np.flatnonzero((distances <= 0).any(axis=1))[0])
        raise ValueError(
            f"distances must be above 0, but row {row} has {distances[row].min()}; floor them at 1e-3"
        )
    if (
        len(points)
        and np.abs(points).max() + distances.max() * np.abs(rays.vertices).max() > _LARGEST_COORDINATE
    ):
        raise ValueError(
            "polyhedra must stay within 4 million voxels of the origin; check points and distances"
        )
    return for_reading(points), for_reading(distances)


@register_jitable
def determinant(a: Any, b: Any, c: Any, z: Any, y: Any, x: Any) -> Any:
    """Determinant of b - a, c - a and (z, y, x) - a, in the order of operations that StarDist rounds in."""
    m00, m01, m02 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    m10, m11, m12 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    m20, m21, m22 = z - a[0], y - a[1], x - a[2]
    return m00 * (m11 * m22 - m21 * m12) - m01 * (m10 * m22 - m12 * m20) + m02 * (m10 * m21 - m11 * m20)


@njit(nogil=True, cache=True)
def volume(distances: Any, rays: Any, faces: Any) -> Any:
    """Volume of one polyhedron, float32, in voxels."""
    # as `determinant` of a face and the centre, but written out and by axes, which becomes vector instructions
    tips, parts = np.empty((3, len(rays)), np.float32), np.empty(len(faces), np.float32)
    tz, ty, tx, zero = tips[0], tips[1], tips[2], np.float32(0)
    for k in range(len(rays)):
        tz[k], ty[k], tx[k] = distances[k] * rays[k, 0], distances[k] * rays[k, 1], distances[k] * rays[k, 2]
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        m00, m01, m02 = tz[b] - tz[a], ty[b] - ty[a], tx[b] - tx[a]
        m10, m11, m12 = tz[c] - tz[a], ty[c] - ty[a], tx[c] - tx[a]
        m20, m21, m22 = zero - tz[a], zero - ty[a], zero - tx[a]
        turn = m00 * (m11 * m22 - m21 * m12) - m01 * (m10 * m22 - m12 * m20) + m02 * (m10 * m21 - m11 * m20)
        parts[f] = turn / np.float32(6)
    total = zero
    for f in range(len(faces)):
        total += parts[f]
    return total


@njit(nogil=True, cache=True)
def inscribed_radius(distances: Any, rays: Any, faces: Any, scale: Any) -> Any:
    """Distance from the centre to the nearest plane of a face, float32, after the axes are scaled by `scale` (3,)."""
    nearest = np.float32(np.inf)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        az, ay, ax = (
            scale[0] * distances[i] * rays[i, 0],
            scale[1] * distances[i] * rays[i, 1],
            scale[2] * distances[i] * rays[i, 2],
        )
        pz, py, px = (
            scale[0] * distances[j] * rays[j, 0] - az,
            scale[1] * distances[j] * rays[j, 1] - ay,
            scale[2] * distances[j] * rays[j, 2] - ax,
        )
        qz, qy, qx = (
            scale[0] * distances[k] * rays[k, 0] - az,
            scale[1] * distances[k] * rays[k, 1] - ay,
            scale[2] * distances[k] * rays[k, 2] - ax,
        )
        nz, ny, nx = px * qy - py * qx, pz * qx - px * qz, py * qz - pz * qy
        norm = np.float32(1 / (np.sqrt(nz * nz + ny * ny + nx * nx) + 1e-10))
        nearest = min(nearest, az * (nz * norm) + ay * (ny * norm) + ax * (nx * norm))
    return nearest


@njit(nogil=True, cache=True)
def enclosing_radius(distances: Any, rays: Any, scale: Any) -> Any:
    """Distance from the centre to the farthest vertex, float32, after the axes are scaled by `scale` (3,)."""
    farthest = np.float32(0)
    for k in range(len(rays)):
        z, y, x = (
            scale[0] * distances[k] * rays[k, 0],
            scale[1] * distances[k] * rays[k, 1],
            scale[2] * distances[k] * rays[k, 2],
        )
        farthest = max(farthest, z * z + y * y + x * x)
    return np.sqrt(farthest)
