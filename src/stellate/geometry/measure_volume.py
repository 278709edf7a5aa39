"""Measurements of labelled objects of a volume: size, shape and intensity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .labels import Labels
from .measure_intensity import intensity_columns
from .surface import surface_areas

__all__ = ["measure_volume", "volume_boxes"]

Column = npt.NDArray[Any]
Spacing = tuple[float, float, float]


def measure_volume(
    labels: Any,
    intensity: Any = None,
    *,
    spacing: Spacing | None = None,
    channel_names: Sequence[str] = (),
    count: int | None = None,
) -> dict[str, Column]:
    """Measure each object of a label volume. What planes are compared with has the names of `measure`.

    Parameters
    ----------
    labels
        ``(planes, rows, columns)`` int32, contiguous; 0 and negative voxels belong to no object. It may be
        lazy: it is read plane by plane, and memory does not grow with the number of planes.
    intensity
        ``(planes, rows, columns)`` or ``(planes, rows, columns, channels)``, any real dtype; read in a few
        planes at a time, so that a lazy array serves as well. None to leave intensities out.
    spacing
        Size of a voxel in micrometres, (depth, height, width), where known.
    channel_names
        A name per channel; numbers from 0 if empty and there are several.
    count
        Number of objects; the highest label if None.

    Returns
    -------
    dict of ndarray
        Columns of n values:

        - ``label`` (int64, from 1), ``centroid_plane``, ``centroid_row``, ``centroid_col`` (voxels),
          ``volume_px`` (int64, voxels);
        - ``equivalent_diameter_px``, of a ball of the same volume;
        - ``major_axis_px``, ``middle_axis_px``, ``minor_axis_px``, full axes of the ellipsoid with the same
          second moments;
        - without `spacing`, ``surface_px``, the surface area by Crofton's formula (see
          `stellate.geometry.surface`), the faces at the border of the volume included;
        - with `spacing`, ``centroid_z_um``, ``centroid_y_um``, ``centroid_x_um`` (from the centre of the first
          voxel), ``volume_um3``, ``surface_um2``, ``equivalent_diameter_um``, ``major_axis_um``,
          ``middle_axis_um``, ``minor_axis_um``;
        - ``sphericity``: surface of the ball of the same volume over the object's; 1 for a ball, not clipped;
        - ``orientation_deg``, of the major axis seen along the planes' normal, against the row axis, -90 to
          90, counterclockwise, and ``tilt_deg``, of the major axis out of the planes, 0 to 90;
        - ``x1``, ``y1``, ``z1``, ``x2``, ``y2``, ``z2`` (int32), the bounding box at voxel edges;
          ``touches_border`` (bool);
        - with `intensity`, for each channel ``intensity_mean``, ``_std`` (of the population), ``_min``,
          ``_max``, ``_sum``, followed by ``_NAME`` where there are several channels. NaN voxels make them
          NaN.

        Columns are in this order. Angles and sphericity are those in space where `spacing` is given, else they
        take voxels for cubes. Values that do not exist (everything but the volume of a label without voxels) are NaN.

    Raises
    ------
    InputError
        If `labels` is no volume, `spacing` is not above 0, the shapes of `labels` and `intensity` differ,
        `intensity` is not real, or names are missing.
    """
    if len(labels.shape) != 3:
        raise InputError(f"expected labels (planes, rows, columns), got shape {labels.shape}")
    if spacing is not None and not (len(spacing) == 3 and all(0 < s < np.inf for s in spacing)):
        raise InputError(f"expected a spacing of three lengths (depth, height, width) above 0, got {spacing}")
    n = _highest(labels) if count is None else count
    sums = _sum_up(labels, n)
    voxels = sums.counts
    columns = {"label": np.arange(1, n + 1, dtype=np.int64)}
    columns |= _shape_columns(labels, sums, spacing)
    columns |= _box_columns(tuple(labels.shape), sums)
    if intensity is not None:
        columns |= intensity_columns(labels, intensity, voxels, channel_names)
    return columns


def volume_boxes(labels: Any, count: int | None = None) -> npt.NDArray[np.int32]:
    """Smallest box around each object of a label volume.

    Parameters
    ----------
    labels
        ``(planes, rows, columns)`` int32, contiguous; it may be lazy.
    count
        Number of objects; the highest label if None.

    Returns
    -------
    ndarray
        ``(n, 6)`` int32 at voxel edges: z1, y1, x1, z2, y2, x2. All 0 for a label without voxels.
    """
    return _sum_up(labels, _highest(labels) if count is None else count).boxes


class _Sums:
    """What is added up of the voxels of each object."""

    def __init__(self, n: int) -> None:
        self.counts = np.zeros(n, dtype=np.int64)
        self.origins = np.zeros(
            (n, 3), dtype=np.int64
        )  # a voxel of the object, from which moments are counted
        self.first = np.zeros((n, 3), dtype=np.int64)  # z, y, x
        self.second = np.zeros((n, 6), dtype=np.int64)  # zz, yy, xx, zy, zx, yx
        self.boxes = np.zeros((n, 6), dtype=np.int32)  # z1, y1, x1, z2, y2, x2 at voxel edges

    def moments(self) -> tuple[Column, Column]:
        """Centroids ``(n, 3)`` and covariances ``(n, 3, 3)`` of the voxel centres; NaN without voxels."""
        volume = np.where(self.counts > 0, self.counts, np.nan)[:, None]
        mean = self.first / volume
        zz, yy, xx, zy, zx, yx = (self.second / volume).T
        rows = ((zz, zy, zx), (zy, yy, yx), (zx, yx, xx))
        square = np.stack([np.stack(row, axis=1) for row in rows], axis=1)
        return mean + self.origins, square - mean[:, :, None] * mean[:, None, :]


def _highest(labels: Any) -> int:
    return max((int(np.asarray(labels[z]).max(initial=0)) for z in range(labels.shape[0])), default=0)


def _sum_up(labels: Any, n: int) -> _Sums:
    sums = _Sums(n)
    for z in range(labels.shape[0]):
        plane = np.ascontiguousarray(labels[z], dtype=np.int32)
        _add_plane(plane, z, sums.counts, sums.origins, sums.first, sums.second, sums.boxes)
    return sums


def _shape_columns(labels: Any, sums: _Sums, spacing: Spacing | None) -> dict[str, Column]:
    voxels = np.where(sums.counts > 0, sums.counts, np.nan)
    centre, variance = sums.moments()
    size = np.array(spacing or (1.0, 1.0, 1.0))
    volume = voxels * size.prod()
    surface = np.where(
        sums.counts > 0, surface_areas(labels, len(voxels), spacing or (1.0, 1.0, 1.0)), np.nan
    )
    lengths, direction = _axes(variance * size[:, None] * size)
    columns = {f"centroid_{name}": centre[:, k] for k, name in enumerate(("plane", "row", "col"))}
    columns["volume_px"] = sums.counts
    columns |= _sizes(voxels, _axes(variance)[0], "px")
    if spacing is None:
        columns["surface_px"] = surface
    else:
        columns |= {f"centroid_{axis}_um": centre[:, k] * size[k] for k, axis in enumerate("zyx")}
        columns |= {"volume_um3": volume, "surface_um2": surface} | _sizes(volume, lengths, "um")
    with np.errstate(divide="ignore", invalid="ignore"):
        columns["sphericity"] = np.cbrt(np.pi) * np.cbrt(6 * volume) ** 2 / surface
    return columns | _angles(direction)


def _sizes(volume: Column, axes: Column, unit: str) -> dict[str, Column]:
    names = ("major", "middle", "minor")
    diameter = np.cbrt(6 * volume / np.pi)
    lengths = {f"{name}_axis_{unit}": axes[:, k] for k, name in enumerate(names)}
    return {f"equivalent_diameter_{unit}": diameter, **lengths}


def _axes(variance: Column) -> tuple[Column, Column]:
    """Full axes ``(n, 3)`` of the ellipsoid of the same second moments, longest first, and the first one's direction.

    The variance of a solid ellipsoid along an axis is a fifth of the square of half that axis.
    """
    exists = np.isfinite(variance[:, 0, 0])
    values, vectors = np.linalg.eigh(np.where(exists[:, None, None], variance, 0))
    lengths = 2 * np.sqrt(5 * np.maximum(values[:, ::-1], 0))
    lengths[~exists] = np.nan
    return lengths, np.where(exists[:, None], vectors[:, :, -1], np.nan)


def _angles(direction: Column) -> dict[str, Column]:
    z, y, x = direction.T
    turned = np.where(
        y < 0, -1, 1
    )  # either end of an axis may be named; the one with rows ahead gives -90 to 90
    return {
        "orientation_deg": np.degrees(np.arctan2(x * turned, np.abs(y))),
        "tilt_deg": np.degrees(np.arctan2(np.abs(z), np.hypot(y, x))),
    }


def _box_columns(shape: tuple[int, ...], sums: _Sums) -> dict[str, Column]:
    low, high = sums.boxes[:, :3], sums.boxes[:, 3:]
    touches = ((low == 0) | (high == shape)).any(axis=1) & (sums.counts > 0)
    edges = {f"{axis}1": low[:, k] for axis, k in (("x", 2), ("y", 1), ("z", 0))}
    edges |= {f"{axis}2": high[:, k] for axis, k in (("x", 2), ("y", 1), ("z", 0))}
    return {**edges, "touches_border": touches}


@numba.njit(nogil=True, cache=True)
def _add_plane(plane: Labels, z: int, counts: Any, origins: Any, first: Any, second: Any, boxes: Any) -> None:
    """Add one plane, a run of equal voxels at a time; sums are exact, since they are of whole numbers."""
    rows, columns = plane.shape
    for y in range(rows):
        end = 0
        while end < columns:
            start = end
            label = plane[y, start]
            while end < columns and plane[y, end] == label:
                end += 1
            k = label - 1
            if k < 0 or k >= counts.size:
                continue
            if counts[k] == 0:
                origins[k, 0], origins[k, 1], origins[k, 2] = z, y, start
                boxes[k, 0], boxes[k, 1], boxes[k, 2] = z, y, start
            boxes[k, 1], boxes[k, 2] = min(boxes[k, 1], y), min(boxes[k, 2], start)
            boxes[k, 3], boxes[k, 4], boxes[k, 5] = z + 1, max(boxes[k, 4], y + 1), max(boxes[k, 5], end)
            n, dz, dy = end - start, z - origins[k, 0], y - origins[k, 1]
            low, high = start - origins[k, 2], end - 1 - origins[k, 2]
            sum_x = n * (low + high) // 2
            counts[k] += n
            first[k, 0] += n * dz
            first[k, 1] += n * dy
            first[k, 2] += sum_x
            second[k, 0] += n * dz * dz
            second[k, 1] += n * dy * dy
            second[k, 2] += _squares_up_to(high) - _squares_up_to(low - 1)
            second[k, 3] += n * dz * dy
            second[k, 4] += dz * sum_x
            second[k, 5] += dy * sum_x


@numba.njit(nogil=True, cache=True)
def _squares_up_to(m: int) -> int:
    """Sum of the squares of 1 to m; differences of it also hold across 0 and below."""
    return m * (m + 1) * (2 * m + 1) // 6
