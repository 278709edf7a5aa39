"""Surface area of labelled objects, by counting how often lines between neighbouring voxels cross it."""

from __future__ import annotations

from itertools import product
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from .labels import Labels

__all__ = ["NEIGHBOURS", "crossing_weights", "surface_areas"]

NEIGHBOURS = tuple(step for step in product((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)) if step > (0, 0, 0))
"""Steps (z, y, x) to half of the 26 neighbours of a voxel; the others are their opposites."""

_NORMALS = 4000


def surface_areas(
    labels: Any, count: int, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> npt.NDArray[np.float64]:
    """Surface area of each object; faces at the border of the volume are part of it.

    Parameters
    ----------
    labels
        ``(planes, rows, columns)`` int32, contiguous. It may be lazy: it is read plane by plane.
    count
        Number of objects.
    spacing
        Distance of voxels along each axis; the area is in squares of its unit.

    Returns
    -------
    ndarray
        ``(count,)`` float64; 0 for a label without voxels.

    Notes
    -----
    By the formula of Crofton, from the number of pairs of neighbours of which one is in the object, along 13
    directions. Digitised balls and ellipsoids at least 8 voxels thick along every axis come out right within 3 %
    (cubic voxels) or 5 % (planes twice as far apart as rows), and within 1 % at 16 voxels; small ones come out too
    small, balls of 4 voxels by 5 % in the mean. A box, with its edges and flat sides, comes out 10 % too small.

    References
    ----------
    Ohser and Mücklich, Statistical Analysis of Microstructures in Materials Science, 2000, chapter 4. Legland, Kiêu
    and Devaux, Computation of Minkowski measures on 2D and 3D binary images, Image Anal. Stereol. 2007.
    """
    weights = np.zeros((3, 3, 3), dtype=np.float32)
    for (z, y, x), weight in zip(NEIGHBOURS, crossing_weights(spacing), strict=True):
        weights[1 + z, 1 + y, 1 + x] = weights[1 - z, 1 - y, 1 - x] = weight
    areas = np.zeros(count)
    planes, rows, columns = labels.shape
    # three planes at a time, with background around them
    below, here, above = (np.zeros((rows + 2, columns + 2), dtype=np.int32) for _ in range(3))
    for z in range(planes + 1):
        below, here, above = here, above, below
        above[1:-1, 1:-1] = np.asarray(labels[z]) if z < planes else 0
        _add_crossings(below, here, above, weights, areas)
    return areas


def crossing_weights(spacing: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """Area that a crossing stands for, along each of `NEIGHBOURS`.

    A plane with the unit normal n crosses ``|n . d| / V`` of the steps d per area, V being the volume of a voxel.
    The weights are chosen, none below 0 and those of mirrored steps alike, so that over all normals their sum over
    these comes nearest to 1 in the sense of least squares, and is 1 in the mean. Only the ratios of the spacing
    bear on how well that can be: the sum's standard deviation is 1.6 % for cubic voxels, 3 % for 2 to 1, 6 % for 4
    to 1.

    Returns
    -------
    ndarray
        ``(13,)`` float64.
    """
    steps = np.array(NEIGHBOURS)
    along = np.abs(_normals() @ (steps * spacing).T) / np.prod(spacing)
    _, kind = np.unique(np.abs(steps), axis=0, return_inverse=True)
    kinds = np.stack([along[:, kind == k].sum(axis=1) for k in range(kind.max() + 1)], axis=1)
    scale = kinds.mean(axis=0)
    weights = nnls(kinds / scale, np.ones(len(kinds)))[0] / scale
    weights /= (kinds @ weights).mean()
    chosen: npt.NDArray[np.float64] = weights[kind]
    return chosen


def _normals() -> npt.NDArray[np.float64]:
    """Directions spread evenly over the sphere, on a spiral: ``(n, 3)``."""
    k = np.arange(_NORMALS) + 0.5
    height, angle = 1 - 2 * k / _NORMALS, np.pi * (1 + np.sqrt(5)) * k
    radius = np.sqrt(1 - height**2)
    return np.stack([height, radius * np.sin(angle), radius * np.cos(angle)], axis=1)


@numba.njit(nogil=True, cache=True)
def _add_crossings(below: Labels, here: Labels, above: Labels, weights: Any, areas: Any) -> None:
    """Add the crossings between the voxels of a plane and all their neighbours."""
    rows, columns = here.shape[0] - 2, here.shape[1] - 2
    crossed = np.empty(columns, dtype=np.float32)
    for y in range(1, rows + 1):
        row = here[y, 1 : columns + 1]
        if row.max() <= 0:
            continue
        crossed[:] = 0
        for dy in range(3):
            for dx in range(3):
                at = slice(dx, columns + dx)
                _add_different(row, below[y + dy - 1, at], weights[0, dy, dx], crossed)
                _add_different(row, here[y + dy - 1, at], weights[1, dy, dx], crossed)
                _add_different(row, above[y + dy - 1, at], weights[2, dy, dx], crossed)
        for x in range(columns):
            if crossed[x] > 0 and 0 < row[x] <= areas.size:
                areas[row[x] - 1] += crossed[x]


@numba.njit(nogil=True, cache=True)
def _add_different(row: Labels, neighbours: Labels, weight: Any, crossed: Any) -> None:
    """Add the weight wherever labels differ; without a branch, so that many voxels are compared at once."""
    for x in range(row.size):
        crossed[x] += weight if row[x] != neighbours[x] else np.float32(0)
