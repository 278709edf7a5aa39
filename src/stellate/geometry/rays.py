"""Directions of star-convex shapes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Rays3D", "rays_2d", "rays_3d"]

# Directions nearer to one another than this are one: rays along a pole are often given several times.
_SAME_DIRECTION = 1e-5

# Indices of faces are tabulated in 16 bits, and the distances of all directions to one another are compared.
_MOST_FACES = 2**15 - 1


def rays_2d(n_rays: int) -> npt.NDArray[np.float64]:
    """Unit vectors evenly spaced on the circle.

    Parameters
    ----------
    n_rays
        Number of rays, at least 3.

    Returns
    -------
    ndarray
        ``(n_rays, 2)`` float64 in array order: ray k is ``(sin, cos)(2 pi k / n_rays)``.

    References
    ----------
    Schmidt et al., Cell Detection with Star-convex Polygons, MICCAI 2018.
    """
    if n_rays < 3:
        raise ValueError(f"a polygon needs at least 3 rays, got {n_rays}")
    angles = 2 * np.pi * np.arange(n_rays) / n_rays
    return np.stack([np.sin(angles), np.cos(angles)], axis=1)


@dataclass(frozen=True, eq=False)
class Rays3D:
    """Directions in 3D, and the triangles that connect them to the surface of a polyhedron.

    Faces are turned so that the determinant of their three vertices, rows (z, y, x), is below 0: seen from
    outside they run clockwise in that order, as StarDist has them. Both arrays are made read-only.

    Raises
    ------
    ValueError
        If the arrays have other shapes, a vertex is 0 or not finite, or the faces are not a closed surface around
        the origin, each direction in one of them.
    """

    vertices: npt.NDArray[np.float32]
    """``(n_rays, 3)`` float32 (z, y, x), in voxels; usually of unit length."""
    faces: npt.NDArray[np.int32]
    """``(n_faces, 3)`` int32, indices of vertices."""

    def __post_init__(self) -> None:
        """Turn faces outwards and refuse what is no closed surface."""
        vertices = np.array(self.vertices, dtype=np.float32, order="C")
        faces = np.array(self.faces, dtype=np.int32, order="C")
        _check_arrays(vertices, faces)
        inward = np.linalg.det(vertices.astype(np.float64)[faces]) > 0
        faces[inward] = faces[inward, ::-1]
        _check_surface(vertices, faces)
        for name, array in (("vertices", vertices), ("faces", faces)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        """Number of rays."""
        return len(self.vertices)


@lru_cache(maxsize=16)
def rays_3d(n_rays: int, anisotropy: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Rays3D:
    """Unit vectors along a golden spiral on an ellipsoid, from pole to pole along z.

    Parameters
    ----------
    n_rays
        Number of rays, at least 5 (the spiral of 4 has the origin on its hull).
    anisotropy
        Distance between voxels along (z, y, x) over the smallest. Directions are even in space, so that in
        voxels they crowd where voxels are long.

    Returns
    -------
    Rays3D
        Rays in voxels, of unit length there, and the faces of their convex hull before they are normalised.

    Raises
    ------
    ValueError
        If `n_rays` is below 5 or too large, or a factor is not above 0.

    References
    ----------
    Weigert et al., Star-convex Polyhedra for 3D Object Detection and Segmentation in Microscopy, WACV 2020.
    Values and order are those of StarDist.

    Examples
    --------
    >>> rays_3d(5, (2.0, 1.0, 1.0)).vertices[:, 0]
    array([-1.       , -0.2773501,  0.       ,  0.2773501,  1.       ],
          dtype=float32)
    """
    if not 5 <= n_rays <= _MOST_FACES // 2:
        raise ValueError(f"a spiral needs at least 5 rays, at most {_MOST_FACES // 2}, got {n_rays}")
    if len(anisotropy) != 3 or not all(0 < a < np.inf for a in anisotropy):
        raise ValueError(f"anisotropy must be three factors above 0, got {anisotropy}")
    from scipy.spatial import ConvexHull  # slow to import

    angles = (3.0 - np.sqrt(5.0)) * np.pi * np.arange(n_rays)
    z = np.linspace(-1, 1, n_rays)
    radii = np.sqrt(1.0 - z**2)
    vertices = np.stack([z, radii * np.sin(angles), radii * np.cos(angles)], axis=1) / np.array(anisotropy)
    faces = ConvexHull(vertices).simplices
    return Rays3D(vertices / np.linalg.norm(vertices, axis=1, keepdims=True), faces)


def _check_arrays(vertices: npt.NDArray[Any], faces: npt.NDArray[Any]) -> None:
    if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
        raise ValueError(f"expected vertices (n, 3) and faces (m, 3), got {vertices.shape} and {faces.shape}")
    if not np.isfinite(vertices).all() or not np.abs(vertices).max(axis=1, initial=0).all():
        raise ValueError("every vertex of rays must be finite and not 0")
    if not 4 <= len(faces) <= _MOST_FACES:
        raise ValueError(f"rays need 4 to {_MOST_FACES} faces, got {len(faces)}")
    if not 0 <= faces.min() <= faces.max() < len(vertices):
        raise ValueError(f"faces must be indices of the {len(vertices)} vertices, from 0")


def merged_directions(vertices: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """A number for each vertex, the same for those in the same direction: ``(n,)`` int64."""
    units = vertices.astype(np.float64) / np.linalg.norm(vertices, axis=1, keepdims=True)
    same = np.abs(units[:, None] - units[None]).max(axis=2) < _SAME_DIRECTION
    return np.asarray(np.argmax(same, axis=1), dtype=np.int64)


def _check_surface(vertices: npt.NDArray[Any], faces: npt.NDArray[Any]) -> None:
    """Each edge must have a face on either side, and the faces must surround the origin once."""
    corners = merged_directions(vertices)[faces]
    corners = corners[(corners != np.roll(corners, 1, axis=1)).all(axis=1)]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    forth, back = ({(int(a), int(b)) for a, b in e} for e in (edges, edges[:, ::-1]))
    if (
        len(forth) != len(edges)
        or forth != back
        or not np.isclose(_solid_angle(vertices[corners]), 4 * np.pi)
    ):
        raise ValueError(
            "the faces of rays must be a closed surface that surrounds the origin once, as the convex hull of the "
            "vertices is; check that no face is missing or given twice"
        )


def _solid_angle(corners: npt.NDArray[Any]) -> float:
    """Solid angle of triangles ``(n, 3, 3)`` seen from the origin, in all (van Oosterom and Strackee, 1983)."""
    units = corners.astype(np.float64)
    units = units / np.linalg.norm(units, axis=2, keepdims=True)
    a, b, c = units[:, 0], units[:, 1], units[:, 2]
    below = 1 + (a * b).sum(axis=1) + (b * c).sum(axis=1) + (c * a).sum(axis=1)
    return float(2 * np.arctan2(np.abs(np.linalg.det(units)), below).sum())
