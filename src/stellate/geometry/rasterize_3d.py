"""Painting star-convex polyhedra into label volumes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from .arrays import for_reading
from .polyhedra import checked_solids
from .polyhedron_masks import directions_of, fill_mask, new_polyhedron, place, voxel_box
from .rays import Rays3D

__all__ = ["paint_polyhedra"]


def paint_polyhedra(
    points: npt.ArrayLike,
    distances: npt.ArrayLike,
    rays: Rays3D,
    shape: tuple[int, ...],
    *,
    scores: npt.ArrayLike | None = None,
    labels: npt.ArrayLike | None = None,
) -> npt.NDArray[np.int32]:
    """Paint polyhedra, each only where none with a higher score is, as StarDist does.

    A voxel belongs to a polyhedron if its centre lies in a tetrahedron between the centre of the polyhedron and a face,
    borders included, in float32; what lies outside the volume is left out. StarDist asks the convex hull as well, whose
    rounded planes may leave out a voxel exactly on it, such as one at a vertex; here that is inside.

    Parameters
    ----------
    points
        ``(n, 3)`` centres (z, y, x), in voxels.
    distances
        ``(n, n_rays)`` distances along the rays, above 0.
    rays
        Directions in voxels.
    shape
        Shape (z, y, x) of the label volume.
    scores
        ``(n,)``; painted in descending order, of equals the later one first, as StarDist does. In the order given if
        None.
    labels
        ``(n,)`` ids above 0; 1, 2, ... if None.

    Returns
    -------
    ndarray
        `shape` int32; 0 where no polyhedron is.

    Raises
    ------
    ValueError
        If the shapes do not fit together, a value is not finite, or a distance is not above 0.

    Examples
    --------
    >>> from stellate.geometry.rays import rays_3d
    >>> paint_polyhedra([[1, 1, 1]], np.full((1, 32), 1.2), rays_3d(32), (3, 3, 3))[1]
    array([[0, 1, 0],
           [1, 1, 1],
           [0, 1, 0]], dtype=int32)
    """
    points, distances = checked_solids(points, distances, rays)
    n = len(points)
    ids = np.arange(1, n + 1, dtype=np.int32) if labels is None else np.asarray(labels, dtype=np.int32)
    order = np.arange(n) if scores is None else np.argsort(np.asarray(scores), kind="stable")[::-1]
    if ids.shape != (n,) or order.shape != (n,):
        raise ValueError(f"expected {n} scores and labels, got arrays of shape {order.shape} and {ids.shape}")
    if len(shape) != 3 or min(shape) < 0:
        raise ValueError(f"shape must be three lengths (z, y, x), got {shape}")
    if (ids <= 0).any():
        raise ValueError(f"labels must be above 0, got {ids.min()}")
    out = np.zeros(shape, dtype=np.int32)
    if n and out.size:
        _paint(
            out, points, distances, directions_of(rays, distances), order.astype(np.int64), for_reading(ids)
        )
    return out


@njit(nogil=True, cache=True)
def _paint(out: Any, points: Any, distances: Any, directions: Any, order: Any, ids: Any) -> None:
    polyhedron = new_polyhedron(directions)
    buffer = np.empty(0, np.uint8)
    for k in order:
        place(directions, points[k], distances[k], polyhedron)
        z0, z1, y0, y1, x0, x1 = voxel_box(polyhedron)
        y0, y1 = max(y0, 0), min(y1, out.shape[1])
        x0, x1 = max(x0, 0), min(x1, out.shape[2])
        if y0 >= y1 or x0 >= x1:
            continue
        if (y1 - y0) * (x1 - x0) > len(buffer):
            buffer = np.empty((y1 - y0) * (x1 - x0), np.uint8)
        mask = buffer[: (y1 - y0) * (x1 - x0)].reshape(1, y1 - y0, x1 - x0)
        # a plane at a time, so that the largest polyhedron needs little memory
        for z in range(max(z0, 0), min(z1, out.shape[0])):
            if fill_mask(directions, polyhedron, (z, z + 1, y0, y1, x0, x1), mask):
                _paint_plane(out[z, y0:y1, x0:x1], mask[0], ids[k])


@njit(nogil=True, cache=True)
def _paint_plane(out: Any, mask: Any, label: int) -> None:
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            if mask[y, x] and out[y, x] == 0:
                out[y, x] = label
