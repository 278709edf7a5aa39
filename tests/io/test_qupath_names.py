"""Names of measurements in QuPath, against lists written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from stellate.geometry.measure import measure
from stellate.geometry.measure_volume import measure_volume
from stellate.io import qupath_measurements

SHAPES = [
    "Area px^2", "Equivalent diameter px", "Perimeter px", "Major axis px", "Minor axis px", "Orientation deg",
    "Eccentricity", "Solidity", "Circularity", "Touches border",
]  # fmt: skip
IN_MICROMETRES = [
    "Area µm^2", "Equivalent diameter µm", "Major axis µm", "Minor axis µm", "Perimeter µm",
]  # fmt: skip
OF_VOLUMES = [
    "Volume px^3", "Equivalent diameter px", "Major axis px", "Middle axis px", "Minor axis px", "Orientation deg",
    "Tilt deg", "Sphericity", "Touches border",
]  # fmt: skip
OF_VOLUMES_IN_MICROMETRES = [
    "Volume µm^3", "Surface µm^2", "Equivalent diameter µm", "Major axis µm", "Middle axis µm", "Minor axis µm",
]  # fmt: skip
STATISTICS = ["Mean", "Std.Dev.", "Min", "Max", "Sum"]


def names(channels: int, **options: object) -> list[str]:
    labels = np.eye(3, dtype=np.int32)
    intensity = np.ones((3, 3, channels)) if channels else None
    return sorted(qupath_measurements(measure(labels, intensity, **options)))


def test_every_measurement_has_a_name_of_its_own():
    """A new column of `measure` shows here, instead of in QuPath under a name of Python."""
    assert names(0) == sorted(SHAPES)
    assert names(0, spacing=(0.5, 0.5)) == sorted(SHAPES + IN_MICROMETRES)


def test_every_measurement_of_volumes_has_a_name_of_its_own():
    labels = np.zeros((3, 4, 5), np.int32)
    labels[1:, 1:3, 1:] = 1
    assert sorted(qupath_measurements(measure_volume(labels))) == sorted([*OF_VOLUMES, "Surface px^2"])
    in_space = qupath_measurements(measure_volume(labels, spacing=(2.0, 0.5, 0.5)))
    assert sorted(in_space) == sorted(OF_VOLUMES + OF_VOLUMES_IN_MICROMETRES)
    assert in_space["Volume µm^3"] == 2 * 2 * 4 * 0.5


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ((), ["Intensity"]),
        ((), ["Channel 1", "Channel 2"]),
        (("DAPI", "GFP_long"), ["DAPI", "GFP_long"]),
        (("488", "561"), ["488", "561"]),
        (("1", "0"), ["1", "0"]),
    ],
)
def test_intensities_begin_with_their_channel(given, shown):
    expected = [f"{channel}: {statistic}" for channel in shown for statistic in STATISTICS]
    assert names(len(shown), channel_names=given) == sorted(SHAPES + expected)


def test_values_stay_as_they_are_and_unknown_columns_keep_their_names():
    values = np.array([1.5, np.nan])
    table = {"label": [1, 2], "class": ["a", ""], "T": [0, 0], "probability": values, "my_own": [3, 4]}
    kept = qupath_measurements(table)
    assert list(kept) == ["Detection probability", "my_own"]
    assert kept["Detection probability"] is values
