"""Training targets of star-convex models in 3D: how deep inside its object each voxel lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from .arrays import for_reading
from .object_probability import checked_labels, run_envelope

__all__ = ["object_probability_3d"]


def object_probability_3d(
    labels: npt.NDArray[Any],
    grid: tuple[int, int, int] = (1, 1, 1),
    anisotropy: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> npt.NDArray[np.float32]:
    """Distance of each voxel to the nearest voxel of another label, divided by the object's maximum.

    Computed at full size, with the maximum of all voxels of an object, and then subsampled. What lies beyond the border
    of the volume is unknown and counts as neither inside nor outside; only an object that fills the whole volume is
    measured from the border.

    Parameters
    ----------
    labels
        ``(Z, Y, X)``, any integer dtype. 0 is background; values below 0 are voxels without annotation.
    grid
        Distance between the voxels that are returned: ``labels[::gz, ::gy, ::gx]``.
    anisotropy
        Size of a voxel along (z, y, x), in any unit.

    Returns
    -------
    ndarray
        ``(ceil(Z / gz), ceil(Y / gy), ceil(X / gx))`` float32: above 0 and up to 1 inside objects, 0 on background, -1
        where `labels` < 0. For each voxel of `labels` 4 bytes are needed on the way, 8 if they are not int32.

    Raises
    ------
    ValueError
        If `labels` is not a 3D integer array, a grid step is below 1, or a voxel size is not above 0.

    References
    ----------
    Felzenszwalb and Huttenlocher, Distance Transforms of Sampled Functions, 2012 (the lower envelope of parabolas, here
    restarted at each change of label).

    Examples
    --------
    >>> object_probability_3d(np.array([[[0, 7, 7, 7, 0, -1]]]), (1, 1, 2)).tolist()
    [[[0.0, 1.0, 0.0]]]
    """
    labels = checked_labels(labels, grid, 3)
    if len(anisotropy) != 3 or not all(0 < a < np.inf for a in anisotropy):
        raise ValueError(f"anisotropy must be three voxel sizes above 0, got {anisotropy}")
    sampled = labels[:: grid[0], :: grid[1], :: grid[2]]
    out = np.where(sampled < 0, np.float32(-1), np.float32(0))
    if not out.size or labels.max() <= 0:
        return out
    alone = labels.min() == labels.max()
    if alone:
        labels = for_reading(np.pad(labels, 1))
    size_z, size_y, size_x = (float(a) for a in anisotropy)
    squared = np.empty(labels.shape, dtype=np.float32)
    _distances_along_x(labels, squared, size_x)
    _envelopes(labels.transpose(0, 2, 1), squared.transpose(0, 2, 1), size_y)
    _envelopes(labels.transpose(1, 2, 0), squared.transpose(1, 2, 0), size_z)
    maxima = _maxima(labels, squared, int(labels.max()))
    inside = squared[1:-1, 1:-1, 1:-1] if alone else squared
    _divide(sampled, inside[:: grid[0], :: grid[1], :: grid[2]], maxima, out)
    return out


@njit(nogil=True, cache=True)
def _distances_along_x(labels: Any, squared: Any, spacing: float) -> None:
    """Squared distance to the nearest other label in the same row; infinite where the row has none."""
    depth, height, width = labels.shape
    for z in range(depth):
        for y in range(height):
            stop = 0
            while stop < width:
                start, value = stop, labels[z, y, stop]
                while stop < width and labels[z, y, stop] == value:
                    stop += 1
                if value > 0:
                    for x in range(start, stop):
                        before = x - start + 1.0 if start > 0 else np.inf
                        after = stop - x if stop < width else np.inf
                        squared[z, y, x] = (spacing * min(before, after)) ** 2


@njit(nogil=True, cache=True)
def _envelopes(labels: Any, squared: Any, spacing: float) -> None:
    """Add the distance along the last axis to squared distances, in each run of equal labels along it."""
    length = labels.shape[2]
    sites = np.empty(length + 2, dtype=np.int64)
    heights = np.empty(length + 2, dtype=np.float64)
    begins = np.empty(length + 2, dtype=np.float64)
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            stop = 0
            while stop < length:
                start, value = stop, labels[i, j, stop]
                while stop < length and labels[i, j, stop] == value:
                    stop += 1
                if value > 0:
                    run_envelope(squared[i, j], start, stop, spacing, sites, heights, begins)


@njit(nogil=True, cache=True)
def _maxima(labels: Any, squared: Any, largest: int) -> Any:
    """Largest squared distance of each object."""
    maxima = np.zeros(largest + 1, dtype=np.float32)
    flat_labels, flat = labels.ravel(), squared.ravel()
    for i in range(len(flat)):
        value = flat_labels[i]
        if value > 0 and flat[i] > maxima[value]:
            maxima[value] = flat[i]
    return maxima


@njit(nogil=True, cache=True)
def _divide(labels: Any, squared: Any, maxima: Any, out: Any) -> None:
    """Square roots over the largest of each object."""
    for index in np.ndindex(labels.shape):
        value = labels[index]
        if value > 0:
            # the small term is the one in StarDist's own targets
            out[index] = np.sqrt(float(squared[index])) / (np.sqrt(float(maxima[value])) + 1e-10)
