"""Measurements of labelled objects: size, shape and intensity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .labels import Labels, areas, bounding_boxes, count_objects
from .measure_intensity import intensity_columns
from .measure_kernels import digital_hull_areas, perimeters, raw_moments

__all__ = ["measure"]

Column = npt.NDArray[Any]


def measure(
    labels: Labels,
    intensity: Any = None,
    *,
    spacing: tuple[float, float] | None = None,
    channel_names: Sequence[str] = (),
    count: int | None = None,
) -> dict[str, Column]:
    """Measure each object of a label image.

    Parameters
    ----------
    labels
        ``(rows, columns)`` int32, contiguous; 0 and negative pixels belong to no object.
    intensity
        ``(rows, columns)`` or ``(rows, columns, channels)``, any real dtype; read in bands of rows, so that a
        lazy array serves as well. None to leave intensities out.
    spacing
        Size of a pixel in micrometres, (height, width), where known.
    channel_names
        A name per channel; numbers from 0 if empty and there are several.
    count
        Number of objects; the highest label if None.

    Returns
    -------
    dict of ndarray
        Columns of n values:

        - ``label`` (int64, from 1), ``centroid_row``, ``centroid_col`` (pixels), ``area_px`` (int64);
        - ``equivalent_diameter_px``, of a circle of the same area;
        - ``perimeter_px``, the length of the line through the centres of the border pixels, diagonal steps
          counting sqrt 2 (Benkrid and Crookes); 0 for one pixel;
        - ``major_axis_px``, ``minor_axis_px``, full axes of the ellipse with the same second moments;
        - ``orientation_deg``, of the major axis against the row axis, -90 to 90, counterclockwise;
        - ``eccentricity`` of that ellipse;
        - ``solidity``: pixels, over the pixels whose centres lie in the convex hull of the object's pixel
          centres; 1 for any digitally convex object;
        - ``circularity``: 4 pi area / perimeter^2, not clipped: small discs exceed 1;
        - ``x1``, ``y1``, ``x2``, ``y2`` (int32), the bounding box at pixel edges; ``touches_border`` (bool);
        - with `intensity`, for each channel ``intensity_mean``, ``_std`` (of the population), ``_min``,
          ``_max``, ``_sum``, followed by ``_NAME`` where there are several channels. NaN pixels make them
          NaN;
        - with `spacing`, ``area_um2``, ``equivalent_diameter_um``, ``major_axis_um``, ``minor_axis_um``, and
          for square pixels ``perimeter_um``.

        Values that do not exist (the circularity of one pixel; everything but the area of a label without
        pixels) are NaN.

    Raises
    ------
    InputError
        If the shapes of `labels` and `intensity` differ, `intensity` is not real, or names are missing.

    References
    ----------
    Benkrid and Crookes, Design and FPGA implementation of a perimeter estimator, 2000.
    """
    if labels.ndim != 2:
        raise InputError(f"expected labels (rows, columns), got shape {labels.shape}")
    labels = np.ascontiguousarray(labels)
    n = count_objects(labels) if count is None else count
    boxes = bounding_boxes(labels, n)
    pixels = areas(labels, n)
    columns = {"label": np.arange(1, n + 1, dtype=np.int64)}
    columns |= _shape_columns(labels, boxes, pixels, spacing)
    columns |= _box_columns(labels.shape, boxes, pixels)
    if intensity is not None:
        columns |= intensity_columns(labels, intensity, pixels, channel_names)
    return columns


def _shape_columns(
    labels: Labels, boxes: Column, pixels: Column, spacing: tuple[float, float] | None
) -> dict[str, Column]:
    area = np.where(pixels > 0, pixels, np.nan)
    centre, variance = _moments(labels, boxes, area)
    major, minor = _axes(variance)
    perimeter = np.where(pixels > 0, perimeters(labels, len(pixels)), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            "centroid_row": centre[:, 0],
            "centroid_col": centre[:, 1],
            "area_px": pixels,
            "equivalent_diameter_px": np.sqrt(4 * area / np.pi),
            "perimeter_px": perimeter,
            "major_axis_px": major,
            "minor_axis_px": minor,
            "orientation_deg": _orientation(variance),
            "eccentricity": np.where(major > 0, np.sqrt(1 - (minor / major) ** 2), area * 0),
            "solidity": area / digital_hull_areas(labels, boxes),
            "circularity": np.where(perimeter > 0, 4 * np.pi * area / perimeter**2, np.nan),
        }
    if spacing is not None:
        columns |= _micrometre_columns(area, variance, perimeter, spacing)
    return columns


def _micrometre_columns(
    area: Column, variance: Column, perimeter: Column, spacing: tuple[float, float]
) -> dict[str, Column]:
    height, width = spacing
    major, minor = _axes(variance * np.array([height * height, height * width, width * width]))
    columns = {
        "area_um2": area * height * width,
        "equivalent_diameter_um": np.sqrt(4 * area * height * width / np.pi),
        "major_axis_um": major,
        "minor_axis_um": minor,
    }
    # The estimator counts steps along rows, columns and diagonals alike, which is right for square pixels
    # only.
    if np.isclose(height, width, rtol=1e-3):
        columns["perimeter_um"] = perimeter * (height + width) / 2
    return columns


def _moments(labels: Labels, boxes: Column, area: Column) -> tuple[Column, Column]:
    """Centroids ``(n, 2)``, and variances and covariance of the pixel centres ``(n, 3)``: rr, rc, cc."""
    sums = raw_moments(labels, boxes)
    mean = sums[:, :2] / area[:, None]
    second = sums[:, 2:] / area[:, None]
    products = np.stack([mean[:, 0] ** 2, mean[:, 0] * mean[:, 1], mean[:, 1] ** 2], axis=1)
    return mean + boxes[:, [1, 0]], second - products


def _axes(variance: Column) -> tuple[Column, Column]:
    """Full axes of the ellipse of the same second moments: 4 times the roots of the eigenvalues."""
    rr, rc, cc = variance.T
    middle, spread = (rr + cc) / 2, np.hypot((rr - cc) / 2, rc)
    return 4 * np.sqrt(middle + spread), 4 * np.sqrt(np.maximum(middle - spread, 0))


def _orientation(variance: Column) -> Column:
    rr, rc, cc = variance.T
    angles: Column = np.degrees(0.5 * np.arctan2(2 * rc, rr - cc))
    return angles


def _box_columns(shape: tuple[int, ...], boxes: Column, pixels: Column) -> dict[str, Column]:
    x1, y1, x2, y2 = boxes.T
    touches = (x1 == 0) | (y1 == 0) | (x2 == shape[1]) | (y2 == shape[0])
    return {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "touches_border": touches & (pixels > 0)}
