"""Star-convex polyhedra: vertices, volume, surface, radii, and which voxels are inside.

A polyhedron has a centre and a distance along each ray, and is the union of the tetrahedra between the centre and its
faces, borders included. The arithmetic of vertices, volumes and of points on a border is StarDist's, in float32, so
that both count the same voxels.

Suppression and painting share the compiled functions at the end: `directions_of` prepares what depends on the rays, and
for each polyhedron `place` fills the arrays that `new_polyhedron` made; `voxel_box`, `mask_row`, `fill_mask` and
`holds` then tell where it is.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from .cones import Cones, cones_of, face_table, face_towards
from .rays import Rays3D

__all__ = [
    "Directions",
    "Polyhedron",
    "checked_solids",
    "directions_of",
    "fill_mask",
    "holds",
    "inscribed_radius",
    "mask_row",
    "new_polyhedron",
    "place",
    "polyhedron_surfaces",
    "polyhedron_vertices",
    "polyhedron_volumes",
    "volume",
    "voxel_box",
]

# A point is decided by one plane unless it is this near to it, relative to edges and vertices of the face: more than the
# rounding of float32 amounts to in the plane (about 30 roundings of 2^-24) and in StarDist's own determinants.
_NEAR = np.float32(2.0**-18)


class Directions(NamedTuple):
    """What depends on the rays, and the largest offsets, alone."""

    rays: npt.NDArray[np.float32]
    """``(n_rays, 3)``."""
    faces: npt.NDArray[np.int32]
    """``(n_faces, 3)``."""
    cones: Cones
    """Cones of the faces."""
    table: npt.NDArray[np.int16]
    """Face of each whole offset, as `stellate.geometry.cones.face_table` gives it."""


class Polyhedron(NamedTuple):
    """Arrays that `place` fills, to be used again for the next polyhedron."""

    center: npt.NDArray[np.float32]
    """``(3,)`` (z, y, x), in voxels."""
    vertices: npt.NDArray[np.float32]
    """``(n_rays, 3)``, in voxels of the image."""
    planes: npt.NDArray[np.float32]
    """``(4, n_faces)``: outward normal and offset, relative to the centre, in units of what rounding may hide."""
    bounds: npt.NDArray[np.float32]
    """``(4,)``: an enclosing ellipsoid around the centre, as the inverse squares of its half-axes and the level of a
    vertex farthest out."""


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
    """Centres and distances as C-contiguous float32 arrays.

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
        raise ValueError(f"distances must be above 0, but row {row} has {distances[row].min()}; floor them at 1e-3")
    return points, distances


def directions_of(rays: Rays3D, distances: npt.NDArray[np.float32]) -> Directions:
    """What compiled functions need of the rays of polyhedra.

    Parameters
    ----------
    rays
        Directions.
    distances
        ``(n, n_rays)`` float32; the largest decide how many offsets are tabulated.

    Returns
    -------
    Directions
        Usable for any other polyhedra of these rays too, only slower for larger ones.
    """
    reach = np.zeros(3)
    if len(distances):
        reach = (distances.max(axis=0)[:, None] * np.abs(rays.vertices)).max(axis=0) + 1
    return Directions(rays.vertices, rays.faces, cones_of(rays), face_table(rays, reach))


@njit(nogil=True, cache=True)
def new_polyhedron(directions: Any) -> Any:
    """Arrays for one polyhedron, not yet filled."""
    n_rays, n_faces = len(directions.rays), len(directions.faces)
    return Polyhedron(
        np.empty(3, np.float32),
        np.empty((n_rays, 3), np.float32),
        np.empty((4, n_faces), np.float32),
        np.empty(4, np.float32),
    )


@njit(nogil=True, cache=True)
def place(directions: Any, center: Any, distances: Any, polyhedron: Any) -> None:
    """Fill the arrays of a polyhedron with a centre (3,) and distances (n_rays,), both float32."""
    rays, vertices, bounds = directions.rays, polyhedron.vertices, polyhedron.bounds
    polyhedron.center[:] = center
    bounds[:] = 0
    largest = np.float32(0)
    for k in range(len(rays)):
        for i in range(3):
            vertices[k, i] = center[i] + distances[k] * rays[k, i]
            bounds[i] = max(bounds[i], abs(vertices[k, i] - center[i]))
            largest = max(largest, abs(vertices[k, i]))
    for i in range(3):
        bounds[i] = 1 / max(bounds[i], np.float32(1e-3)) ** 2
    for k in range(len(rays)):
        level = np.float32(0)
        for i in range(3):
            level += bounds[i] * (vertices[k, i] - center[i]) ** 2
        bounds[3] = max(bounds[3], level)
    _fill_planes(directions.faces, center, vertices, largest * np.float32(2.0**-20), polyhedron.planes)


@njit(nogil=True, cache=True)
def _fill_planes(faces: Any, center: Any, vertices: Any, shift: Any, planes: Any) -> None:
    """Planes of faces; vertices are rounded by up to `shift`, which may put a point in a neighbour's cone."""
    cz, cy, cx = center[0], center[1], center[2]
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        az, ay, ax = vertices[a, 0] - cz, vertices[a, 1] - cy, vertices[a, 2] - cx
        pz, py, px = vertices[b, 0] - cz - az, vertices[b, 1] - cy - ay, vertices[b, 2] - cx - ax
        qz, qy, qx = vertices[c, 0] - cz - az, vertices[c, 1] - cy - ay, vertices[c, 2] - cx - ax
        nz, ny, nx = px * qy - py * qx, pz * qx - px * qz, py * qz - pz * qy
        p, q = abs(pz) + abs(py) + abs(px), abs(qz) + abs(qy) + abs(qx)
        unit = _NEAR * p * q * (abs(az) + abs(ay) + abs(ax) + p + q) + shift * (abs(nz) + abs(ny) + abs(nx))
        scale = 1 / max(unit, np.float32(1e-30))
        planes[0, f], planes[1, f], planes[2, f] = nz * scale, ny * scale, nx * scale
        planes[3, f] = (az * nz + ay * ny + ax * nx) * scale


@njit(nogil=True, cache=True)
def voxel_box(polyhedron: Any) -> tuple[int, int, int, int, int, int]:
    """Start and stop (z, z, y, y, x, x) of the voxels nearest to the outermost vertices; none outside is inside."""
    vertices = polyhedron.vertices
    low, high = vertices[0].copy(), vertices[0].copy()
    for k in range(1, len(vertices)):
        for i in range(3):
            low[i], high[i] = min(low[i], vertices[k, i]), max(high[i], vertices[k, i])
    return (
        int(np.rint(low[0])),
        int(np.rint(high[0])) + 1,
        int(np.rint(low[1])),
        int(np.rint(high[1])) + 1,
        int(np.rint(low[2])),
        int(np.rint(high[2])) + 1,
    )


@njit(nogil=True, cache=True)
def fill_mask(directions: Any, polyhedron: Any, box: Any, mask: Any) -> int:
    """Fill `mask` (uint8, the shape of a voxel box) with 1 inside and 0 outside, and count the voxels inside."""
    count = 0
    for z in range(box[0], box[1]):
        for y in range(box[2], box[3]):
            count += mask_row(directions, polyhedron, z, y, box[4], mask[z - box[0], y - box[2]])
    return count


@njit(nogil=True, cache=True)
def mask_row(directions: Any, polyhedron: Any, z: int, y: int, start: int, row: Any) -> int:
    """Fill a row of voxels (z, y, start) to (z, y, start + n - 1): 1 inside, 0 outside; count those inside."""
    center, table = polyhedron.center, directions.table
    row[:] = 0
    first, stop = _reach_of_row(polyhedron, z, y, start, start + len(row))
    if first >= stop:
        return 0
    dz, dy, dx = z - center[0], y - center[1], first - center[2]
    i, j = int(dz) + table.shape[0] // 2, int(dy) + table.shape[1] // 2
    k = int(dx) + table.shape[2] // 2
    part = row[first - start : stop - start]
    inside = 0 <= i < table.shape[0] and 0 <= j < table.shape[1] and 0 <= k and k + len(part) <= table.shape[2]
    if inside and dz == int(dz) and dy == int(dy) and dx == int(dx):
        near = _compare(polyhedron.planes, table[i, j, k : k + len(part)], dz, dy, dx, part)
    else:
        faces = np.empty(len(part), np.int16)
        face = directions.cones.start
        for x in range(len(part)):
            face = face_towards(directions.cones, float(dz), float(dy), float(dx + x), face)
            faces[x] = face
        near = _compare(polyhedron.planes, faces, dz, dy, dx, part)
    if near:
        for x in range(len(part)):
            if part[x] == 2:
                part[x] = holds_exactly(directions, polyhedron, z, y, first + x)
    return part.sum()


@njit(nogil=True, cache=True)
def _reach_of_row(polyhedron: Any, z: int, y: int, start: int, stop: int) -> tuple[int, int]:
    """The part of a row of voxels that the enclosing ellipsoid may hold."""
    center, bounds = polyhedron.center, polyhedron.bounds
    dz, dy = z - center[0], y - center[1]
    rest = bounds[3] * np.float32(1.0001) - bounds[0] * dz * dz - bounds[1] * dy * dy
    if rest < 0:
        return start, start
    half = np.sqrt(rest / bounds[2])
    return max(start, int(np.ceil(center[2] - half))), min(stop, int(np.floor(center[2] + half)) + 1)


@njit(nogil=True, cache=True)
def _compare(planes: Any, faces: Any, dz: Any, dy: Any, dx: Any, states: Any) -> int:
    """Set each voxel to 1 below the plane of its face, 0 above it, 2 where rounding decides; count the last."""
    near = 0
    z, y, first = np.float32(dz), np.float32(dy), np.float32(dx)
    for x in range(len(faces)):
        face = faces[x]
        height = planes[0, face] * z + planes[1, face] * y + planes[2, face] * (first + np.float32(x))
        height -= planes[3, face]
        is_near = abs(height) <= np.float32(1)
        states[x] = np.uint8(2) if is_near else np.uint8(height < 0)
        near += is_near
    return near


@njit(nogil=True, cache=True)
def holds(directions: Any, polyhedron: Any, z: int, y: int, x: int) -> bool:
    """Whether a voxel is inside a polyhedron or on its border."""
    row = np.empty(1, np.uint8)
    return mask_row(directions, polyhedron, z, y, x, row) == 1


@njit(nogil=True, cache=True)
def holds_exactly(directions: Any, polyhedron: Any, z: int, y: int, x: int) -> bool:
    """Whether a voxel is in a tetrahedron next to its direction, in StarDist's arithmetic."""
    center = polyhedron.center
    dz, dy, dx = float(z - center[0]), float(y - center[1]), float(x - center[2])
    face = face_towards(directions.cones, dz, dy, dx, directions.cones.start)
    for f in directions.cones.around[face]:
        if f >= 0 and _in_tetrahedron(directions.faces[f], polyhedron, np.float32(z), np.float32(y), np.float32(x)):
            return True
    return False


@njit(nogil=True, cache=True)
def _in_tetrahedron(face: Any, polyhedron: Any, z: Any, y: Any, x: Any) -> bool:
    r, vertices = polyhedron.center, polyhedron.vertices
    a, b, c = vertices[face[0]], vertices[face[1]], vertices[face[2]]
    return (
        _determinant(a, b, c, z, y, x) >= 0
        and _determinant(r, b, a, z, y, x) >= 0
        and _determinant(r, c, b, z, y, x) >= 0
        and _determinant(r, a, c, z, y, x) >= 0
    )


@njit(nogil=True, cache=True)
def _determinant(a: Any, b: Any, c: Any, z: Any, y: Any, x: Any) -> Any:
    """Determinant of b - a, c - a and (z, y, x) - a, in the order of operations that StarDist rounds in."""
    m00, m01, m02 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    m10, m11, m12 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    m20, m21, m22 = z - a[0], y - a[1], x - a[2]
    return m00 * (m11 * m22 - m21 * m12) - m01 * (m10 * m22 - m12 * m20) + m02 * (m10 * m21 - m11 * m20)


@njit(nogil=True, cache=True)
def volume(distances: Any, rays: Any, faces: Any) -> Any:
    """Volume of one polyhedron, float32, in voxels."""
    total = np.float32(0)
    a, b, c = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    zero = np.float32(0)
    for f in range(len(faces)):
        for i in range(3):
            a[i] = distances[faces[f, 0]] * rays[faces[f, 0], i]
            b[i] = distances[faces[f, 1]] * rays[faces[f, 1], i]
            c[i] = distances[faces[f, 2]] * rays[faces[f, 2], i]
        total += _determinant(a, b, c, zero, zero, zero) / np.float32(6)
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
