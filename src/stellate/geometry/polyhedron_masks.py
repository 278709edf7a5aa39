"""Which voxels are inside star-convex polyhedra: compiled functions that suppression and painting share.

`directions_of` prepares what depends on the rays. For each polyhedron `place` fills the arrays that `new_polyhedron`
made; `voxel_box`, `fill_mask` and `holds` then tell where it is. A voxel is inside if its centre is in a tetrahedron
between the centre of the polyhedron and a face, borders included.

The cone that the voxel is in is looked up (see `stellate.geometry.cones`), and the plane of its face decides. Only
where that is within rounding are the tetrahedra around it asked in StarDist's float32 arithmetic, so that the same
voxels are inside; but gaps that its rounding can leave between two tetrahedra are closed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from numba.extending import register_jitable

from .cones import Cones, cones_of, face_table, face_towards
from .polyhedra import determinant
from .rays import Rays3D

__all__ = [
    "Directions",
    "Polyhedron",
    "directions_of",
    "fill_mask",
    "holds",
    "is_tabulated",
    "new_polyhedron",
    "place",
    "place_tips",
    "voxel_box",
]

# A voxel is decided by one plane unless it is this near to it, relative to edges and vertices of the face. That is more
# than what rounding amounts to in the plane and in StarDist's determinants together, about 30 roundings of 2^-24.
_NEAR = np.float32(2.0**-18)


class Directions(NamedTuple):
    """What depends on the rays, and the largest offsets, alone."""

    rays: npt.NDArray[np.float32]
    """``(n_rays, 3)``."""
    faces: npt.NDArray[np.int32]
    """``(n_faces, 3)``."""
    cones: Cones
    """Cones of the faces."""
    table: npt.NDArray[np.uint16]
    """Face of each whole offset, as `stellate.geometry.cones.face_table` gives it."""


class Polyhedron(NamedTuple):
    """Arrays that `place` fills, to be used again for the next polyhedron."""

    center: npt.NDArray[np.float32]
    """``(3,)`` (z, y, x), in voxels."""
    tips: npt.NDArray[np.float32]
    """``(3, n_rays)`` vertices, in voxels of the image."""
    arms: npt.NDArray[np.float32]
    """``(3, n_rays)``: the same, relative to the centre."""
    ends: npt.NDArray[np.float32]
    """``(2, 3)``: least and largest z, y and x of vertices."""
    planes: npt.NDArray[np.float32]
    """``(4, n_faces)``: outward normal and offset, relative to the centre, in units of what rounding may hide."""
    bounds: npt.NDArray[np.float32]
    """``(4,)``: an enclosing ellipsoid around the centre: a z^2 + b y^2 + x^2 / c <= d."""


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
        np.empty((3, n_rays), np.float32),
        np.empty((3, n_rays), np.float32),
        np.empty((2, 3), np.float32),
        np.empty((4, n_faces), np.float32),
        np.empty(4, np.float32),
    )


@njit(nogil=True, cache=True)
def place(directions: Any, center: Any, distances: Any, polyhedron: Any) -> None:
    """Fill the arrays of a polyhedron with a centre (3,) and distances (n_rays,), both float32."""
    rays, tips, arms, bounds = directions.rays, polyhedron.tips, polyhedron.arms, polyhedron.bounds
    kept_center, ends = polyhedron.center, polyhedron.ends
    largest = np.float32(0)
    # short loops over one axis at a time, and comparisons that unlike max ignore NaN, become vector instructions
    for i in range(3):
        origin, widest = center[i], np.float32(1e-3)
        first = last = origin
        for k in range(len(rays)):
            tip = origin + distances[k] * rays[k, i]
            tips[i, k], arms[i, k] = tip, tip - origin
        for k in range(len(rays)):
            first = tips[i, k] if tips[i, k] < first else first
            last = tips[i, k] if tips[i, k] > last else last
        widest = max(widest, last - origin, origin - first)
        kept_center[i], ends[0, i], ends[1, i] = origin, first, last
        bounds[i] = 1 / (widest * widest)
        largest = max(largest, abs(origin) + widest)
    farthest = np.float32(0)
    for k in range(len(rays)):
        z, y, x = arms[0, k], arms[1, k], arms[2, k]
        level = bounds[0] * z * z + bounds[1] * y * y + bounds[2] * x * x
        farthest = level if level > farthest else farthest
    # enlarged a little, as all this is rounded
    bounds[2], bounds[3] = 1 / bounds[2], farthest * np.float32(1.0001)
    _fill_planes(directions.faces, arms, largest * np.float32(2.0**-20), polyhedron.planes)


@njit(nogil=True, cache=True)
def place_tips(directions: Any, center: Any, distances: Any, polyhedron: Any) -> None:
    """As `place`, but only the centre and the vertices: what convex bodies are made of, in a tenth of the time."""
    rays, tips, kept_center = directions.rays, polyhedron.tips, polyhedron.center
    for i in range(3):
        kept_center[i] = center[i]
        for k in range(len(rays)):
            tips[i, k] = center[i] + distances[k] * rays[k, i]


@register_jitable
def _fill_planes(faces: Any, arms: Any, shift: Any, planes: Any) -> None:
    """Planes of faces; vertices are rounded by up to `shift`, which may put a point in a neighbour's cone."""
    tz, ty, tx = arms[0], arms[1], arms[2]
    normals_z, normals_y, normals_x, offsets = planes[0], planes[1], planes[2], planes[3]
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        az, ay, ax = tz[a], ty[a], tx[a]
        pz, py, px = tz[b] - az, ty[b] - ay, tx[b] - ax
        qz, qy, qx = tz[c] - az, ty[c] - ay, tx[c] - ax
        nz, ny, nx = px * qy - py * qx, pz * qx - px * qz, py * qz - pz * qy
        p, q = abs(pz) + abs(py) + abs(px), abs(qz) + abs(qy) + abs(qx)
        unit = _NEAR * p * q * (abs(az) + abs(ay) + abs(ax) + p + q) + shift * (abs(nz) + abs(ny) + abs(nx))
        scale = np.float32(1) / max(unit, np.float32(1e-30))
        normals_z[f], normals_y[f], normals_x[f] = nz * scale, ny * scale, nx * scale
        offsets[f] = (az * nz + ay * ny + ax * nx) * scale


@njit(nogil=True, cache=True)
def voxel_box(polyhedron: Any) -> tuple[int, int, int, int, int, int]:
    """Start and stop (z, z, y, y, x, x) of the voxels nearest to the outermost vertices; none outside is inside."""
    low, high = polyhedron.ends[0], polyhedron.ends[1]
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
    """Fill `mask` with 1 inside and 0 outside, and count the voxels inside.

    `box` is any start and stop (z, z, y, y, x, x) of voxels, `mask` a uint8 array of its shape.
    """
    table, center, cones = directions.table, polyhedron.center, directions.cones
    tabulated = is_tabulated(center, box, table.shape)
    z0, y0 = table.shape[0] // 2 - int(center[0]), table.shape[1] // 2 - int(center[1])
    x0 = table.shape[2] // 2 - int(center[2]) + box[4]
    width = max(box[5] - box[4], 0)
    faces = np.empty(0 if tabulated else width, np.uint16)
    face, count = cones.start, 0
    for z in range(box[0], box[1]):
        for y in range(box[2], box[3]):
            first, stop = _reach_of_row(polyhedron.bounds, center, z, y, box[4], box[5])
            if tabulated:
                faces = table[z + z0, y + y0, x0 : x0 + width]
            else:
                for x in range(first, stop):
                    face = face_towards(cones, z - center[0], y - center[1], x - center[2], face)
                    faces[x - box[4]] = face
            row = mask[z - box[0], y - box[2]]
            inside, near = _compare(polyhedron.planes, center, faces, z, y, box[4], first, stop, row)
            count += inside
            if near:
                count += _settle_row(directions, polyhedron, z, y, box[4], row)
    return count


@njit(nogil=True, cache=True)
def holds(directions: Any, polyhedron: Any, z: int, y: int, x: int) -> bool:
    """Whether a voxel is inside a polyhedron or on its border."""
    mask = np.empty((1, 1, 1), np.uint8)
    return bool(fill_mask(directions, polyhedron, (z, z + 1, y, y + 1, x, x + 1), mask) == 1)


@register_jitable
def is_tabulated(center: Any, box: Any, shape: Any) -> bool:
    """Whether offsets from the centre to the voxels of a box are whole and in a table of that shape."""
    for i in range(3):
        middle = int(center[i])
        if middle != center[i] or box[2 * i] < middle - shape[i] // 2:
            return False
        if box[2 * i + 1] > middle + shape[i] // 2 + 1:
            return False
    return True


@register_jitable
def _reach_of_row(bounds: Any, center: Any, z: int, y: int, start: int, stop: int) -> tuple[int, int]:
    """The part of a row of voxels that the enclosing ellipsoid may hold."""
    dz, dy = np.float32(z) - center[0], np.float32(y) - center[1]
    rest = bounds[3] - bounds[0] * dz * dz - bounds[1] * dy * dy
    if rest < 0:
        return start, start
    half = np.sqrt(rest * bounds[2])
    first, last = np.ceil(center[2] - half), np.floor(center[2] + half)
    return max(start, int(first)), max(start, min(stop, int(last) + 1))


@register_jitable
def _compare(
    planes: Any, center: Any, faces: Any, z: int, y: int, start: int, first: int, stop: int, row: Any
) -> tuple[int, int]:
    """Set voxels of a row to 1 below the plane of their face, 0 above it, 2 where rounding decides.

    The row begins at `start`; what is not in `first` to `stop` - 1 is 0. Returns how many are 1 and 2.
    """
    normals_z, normals_y, normals_x, offsets = planes[0], planes[1], planes[2], planes[3]
    dz, dy, dx = np.float32(z) - center[0], np.float32(y) - center[1], np.float32(start) - center[2]
    row[:] = 0
    inside = near = 0
    for i in range(first - start, stop - start):
        face = faces[i]
        height = (
            normals_z[face] * dz
            + normals_y[face] * dy
            + normals_x[face] * (dx + np.float32(i))
            - offsets[face]
        )
        is_near = abs(height) <= np.float32(1)
        state = np.uint8(2) if is_near else np.uint8(height < 0)
        row[i] = state
        near += is_near
        inside += state == 1
    return inside, near


@register_jitable
def _settle_row(directions: Any, polyhedron: Any, z: int, y: int, start: int, row: Any) -> int:
    """Decide the voxels of a row that are 2, and count those inside."""
    count = 0
    for i in range(len(row)):
        if row[i] == 2:
            row[i] = _holds_exactly(directions, polyhedron, z, y, start + i)
            count += row[i]
    return count


@register_jitable
def _holds_exactly(directions: Any, polyhedron: Any, z: int, y: int, x: int) -> bool:
    """Whether a voxel is in a tetrahedron next to its direction, in StarDist's arithmetic."""
    center = polyhedron.center
    dz, dy, dx = float(z - center[0]), float(y - center[1]), float(x - center[2])
    face = face_towards(directions.cones, dz, dy, dx, directions.cones.start)
    for f in directions.cones.around[face]:
        if f >= 0 and _in_tetrahedron(
            directions.faces[f], polyhedron, np.float32(z), np.float32(y), np.float32(x)
        ):
            return True
    return False


@register_jitable
def _in_tetrahedron(face: Any, polyhedron: Any, z: Any, y: Any, x: Any) -> bool:
    # with a step, the centre is of the same type as the columns, and `determinant` is compiled once
    r, tips = polyhedron.center[::1], polyhedron.tips
    a, b, c = tips[:, face[0]], tips[:, face[1]], tips[:, face[2]]
    return bool(
        determinant(a, b, c, z, y, x) >= 0
        and determinant(r, b, a, z, y, x) >= 0
        and determinant(r, c, b, z, y, x) >= 0
        and determinant(r, a, c, z, y, x) >= 0
    )
