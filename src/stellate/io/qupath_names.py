"""What the columns of an object table are called as measurements in QuPath."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy.typing as npt

__all__ = ["PROBABILITY", "qupath_measurements"]

PROBABILITY = "Detection probability"
"""As QuPath's own extension for StarDist calls it."""

_NAMES = {
    "probability": PROBABILITY,
    "area_px": "Area px^2",
    "area_um2": "Area µm^2",
    "volume_px": "Volume px^3",
    "volume_um3": "Volume µm^3",
    "equivalent_diameter_px": "Equivalent diameter px",
    "equivalent_diameter_um": "Equivalent diameter µm",
    "perimeter_px": "Perimeter px",
    "perimeter_um": "Perimeter µm",
    "surface_px": "Surface px^2",
    "surface_um2": "Surface µm^2",
    "major_axis_px": "Major axis px",
    "major_axis_um": "Major axis µm",
    "middle_axis_px": "Middle axis px",
    "middle_axis_um": "Middle axis µm",
    "minor_axis_px": "Minor axis px",
    "minor_axis_um": "Minor axis µm",
    "orientation_deg": "Orientation deg",
    "tilt_deg": "Tilt deg",
    "eccentricity": "Eccentricity",
    "solidity": "Solidity",
    "circularity": "Circularity",
    "sphericity": "Sphericity",
    "touches_border": "Touches border",
}
# Name and class are entries of their own. Where an object is, its outlines say, and QuPath states its centroid in
# coordinates that differ from ours by half a pixel. Frames have files of their own.
_SAID_OTHERWISE = {
    *("label", "class", "T", "P"),
    *("centroid_plane", "centroid_row", "centroid_col", "centroid_z_um", "centroid_y_um", "centroid_x_um"),
    *("x1", "y1", "z1", "x2", "y2", "z2"),
}
_INTENSITY = re.compile(r"intensity_(mean|std|min|max|sum)(?:_(.+))?", re.DOTALL)
_STATISTICS = {"mean": "Mean", "std": "Std.Dev.", "min": "Min", "max": "Max", "sum": "Sum"}


def qupath_measurements(table: Mapping[str, npt.ArrayLike]) -> dict[str, npt.ArrayLike]:
    """The measurements of an object table under the names that QuPath's users expect.

    Parameters
    ----------
    table
        Columns of one value per object, named as by `stellate.geometry.measure.measure` or
        `stellate.geometry.measure_volume.measure_volume`.

    Returns
    -------
    dict
        The same values, without those that QuPath knows from elsewhere: label, class, frame and position. Intensities
        are called ``DAPI: Mean`` and the like; channels that have no name are counted from 1, as in QuPath, and the
        only one is called ``Intensity``. Columns of other names keep them.

    Examples
    --------
    >>> qupath_measurements({"label": [1], "area_um2": [2.5], "intensity_mean_DAPI": [7.0]})
    {'Area µm^2': [2.5], 'DAPI: Mean': [7.0]}
    """
    channels = list(dict.fromkeys(m[2] for m in map(_INTENSITY.fullmatch, table) if m))
    counted = {str(k): f"Channel {k + 1}" for k in range(len(channels))}
    called = (
        counted if list(counted) == channels else {}
    )  # channels may be named by numbers, e.g. wavelengths
    return {
        _name(column, called): values for column, values in table.items() if column not in _SAID_OTHERWISE
    }


def _name(column: str, called: Mapping[str, str]) -> str:
    intensity = _INTENSITY.fullmatch(column)
    if intensity is None:
        return _NAMES.get(column, column)
    statistic, channel = intensity.groups(default="Intensity")
    return f"{called.get(channel, channel)}: {_STATISTICS[statistic]}"
