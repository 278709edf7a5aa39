"""Names of measurements in QuPath, against lists written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from stellate.geometry.measure import measure
from stellate.io import qupath_measurements

SHAPES = [
    "Area px^2", "Equivalent diameter px", "Perimeter px", "Major axis px", "Minor axis px", "Orientation deg",
    "Eccentricity", "Solidity", "Circularity", "Touches border",
]  # fmt: skip
IN_MICROMETRES = [
    "Area µm^2", "Equivalent diameter µm", "Major axis µm", "Minor axis µm", "Perimeter µm",
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
