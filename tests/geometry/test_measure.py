"""Measurements against skimage.measure, worked examples and shapely."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.draw import ellipse
from skimage.measure import regionprops

from stellate.errors import InputError
from stellate.geometry.labels import relabel
from stellate.geometry.measure import measure

small_labels = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(-1, 3)
).map(lambda a: relabel(a)[0])


def blobs(shape=(90, 120), n=25, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    for k in range(1, n + 1):
        r, c = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        where = ellipse(r, c, *rng.uniform(3, 12, 2), shape=shape, rotation=rng.uniform(-3, 3))
        labels[where] = k
    return relabel(labels)[0]


def check_against_skimage(labels, intensity=None):
    columns = measure(labels, intensity)
    regions = regionprops(labels.clip(0), intensity)
    assert len(columns["label"]) == len(regions)
    for k, region in enumerate(regions):
        row = {name: values[k] for name, values in columns.items()}
        assert row["label"] == region.label
        assert row["area_px"] == region.area
        assert (row["y1"], row["x1"], row["y2"], row["x2"]) == region.bbox
        assert (row["centroid_row"], row["centroid_col"]) == pytest.approx(region.centroid)
        assert row["equivalent_diameter_px"] == pytest.approx(region.equivalent_diameter_area)
        assert row["perimeter_px"] == pytest.approx(region.perimeter)
        assert row["major_axis_px"] == pytest.approx(region.axis_major_length, abs=1e-6)
        assert row["minor_axis_px"] == pytest.approx(region.axis_minor_length, abs=1e-6)
        assert row["eccentricity"] == pytest.approx(region.eccentricity, abs=1e-6)
        if region.eccentricity > 0.01:
            turn = row["orientation_deg"] - np.degrees(region.orientation)
            assert min(abs(turn), abs(abs(turn) - 180)) < 1e-4
        if intensity is not None:
            for name in ("mean", "min", "max"):
                assert row[f"intensity_{name}"] == pytest.approx(getattr(region, f"intensity_{name}"))
            assert row["intensity_std"] == pytest.approx(region.intensity_std, abs=1e-9)
            assert row["intensity_sum"] == pytest.approx(region.image_intensity[region.image].sum())


def test_agrees_with_skimage_on_touching_ellipses():
    labels = blobs()
    intensity = np.random.default_rng(1).normal(1000, 30, labels.shape)
    check_against_skimage(labels, intensity)


@settings(max_examples=150, deadline=None)
@given(small_labels)
def test_agrees_with_skimage_on_any_labels(labels):
    check_against_skimage(labels)


def lattice_points_in_hull(mask):
    """Slow oracle: every pixel centre of the image that the hull of the mask's pixel centres covers."""
    hull = shapely.convex_hull(shapely.MultiPoint(np.argwhere(mask)))
    grid = shapely.points(np.argwhere(np.ones_like(mask)))
    return int(shapely.intersects(hull, grid).sum())


@settings(max_examples=150, deadline=None)
@given(small_labels)
def test_solidity_counts_pixels_in_the_hull(labels):
    columns = measure(labels)
    for k, label in enumerate(columns["label"]):
        expected = columns["area_px"][k] / lattice_points_in_hull(labels == label)
        assert columns["solidity"][k] == pytest.approx(expected)


def test_solidity_is_close_to_that_of_skimage():
    # A large crescent, on which half a pixel around the hull matters little.
    r, c = np.mgrid[:200, :200]
    disc, bite = (r - 100) ** 2 + (c - 100) ** 2 < 80**2, (r - 100) ** 2 + (c - 140) ** 2 < 70**2
    labels = (disc & ~bite).astype(np.int32)
    solidity = measure(labels)["solidity"][0]
    assert solidity < 0.8
    assert solidity == pytest.approx(regionprops(labels)[0].solidity, rel=0.015)


def test_one_pixel():
    labels = np.zeros((5, 6), np.int32)
    labels[2, 3] = 1
    columns = measure(labels, np.full((5, 6), 7, np.uint8), spacing=(0.5, 0.25))
    row = {name: values[0] for name, values in columns.items()}
    assert (row["centroid_row"], row["centroid_col"], row["area_px"]) == (2, 3, 1)
    assert (row["x1"], row["y1"], row["x2"], row["y2"]) == (3, 2, 4, 3)
    assert not row["touches_border"]
    assert row["area_um2"] == 0.125
    assert (row["major_axis_px"], row["eccentricity"], row["solidity"], row["perimeter_px"]) == (0, 0, 1, 0)
    assert np.isnan(row["circularity"])
    assert (row["intensity_mean"], row["intensity_std"], row["intensity_sum"]) == (7, 0, 7)
    assert "perimeter_um" not in columns


def test_no_objects_gives_empty_columns():
    columns = measure(np.zeros((4, 4), np.int32), np.zeros((4, 4, 2)), channel_names=["a", "b"])
    assert columns.keys() > {"label", "area_px", "intensity_mean_a", "intensity_sum_b"}
    assert all(len(values) == 0 for values in columns.values())


def test_label_without_pixels_is_missing_not_zero():
    labels = np.array([[1, 0, 3]], np.int32)
    columns = measure(labels, labels, count=4)
    assert columns["area_px"].tolist() == [1, 0, 1, 0]
    assert np.isnan(columns["centroid_row"][[1, 3]]).all()
    assert np.isnan(columns["intensity_max"][[1, 3]]).all()
    assert not columns["touches_border"][[1, 3]].any()


def test_micrometres_of_oblong_pixels():
    # A disc of radius 20 um, sampled at 0.5 x 1 um: in micrometres it is round again.
    r, c = np.mgrid[:100, :60]
    labels = (((r - 50) * 0.5) ** 2 + (c - 30) ** 2 <= 400).astype(np.int32)
    columns = measure(labels, spacing=(0.5, 1.0))
    assert columns["area_um2"][0] == pytest.approx(np.pi * 400, rel=0.01)
    assert columns["major_axis_um"][0] == pytest.approx(40, rel=0.01)
    assert columns["minor_axis_um"][0] == pytest.approx(40, rel=0.01)
    assert columns["major_axis_px"][0] == pytest.approx(80, rel=0.01)
    assert columns["orientation_deg"][0] == pytest.approx(0, abs=0.1)


def test_square_pixels_have_a_perimeter_in_micrometres():
    columns = measure(blobs(n=3), spacing=(0.25, 0.25))
    np.testing.assert_allclose(columns["perimeter_um"], columns["perimeter_px"] / 4)


def test_channels_are_named_and_apart():
    labels = np.array([[1, 1], [2, 2]], np.int32)
    intensity = np.stack([np.array([[1, 3], [5, 7]]), np.array([[10, 10], [0, 40]])], axis=-1)
    columns = measure(labels, intensity, channel_names=["DAPI", "GFP"])
    assert columns["intensity_mean_DAPI"].tolist() == [2, 6]
    assert columns["intensity_max_GFP"].tolist() == [10, 40]
    assert columns["intensity_std_GFP"].tolist() == [0, 20]
    assert "intensity_mean_0" in measure(labels, intensity)


def test_bands_do_not_show():
    labels = blobs((600, 40), 12, seed=5)
    check_against_skimage(labels, np.random.default_rng(2).integers(0, 2**16, labels.shape).astype(np.uint16))


def test_std_keeps_its_digits_far_from_zero():
    labels = np.ones((1, 4), np.int32)
    columns = measure(labels, np.array([[1e9, 1e9 + 1, 1e9 + 2, 1e9 + 3]]))
    assert columns["intensity_std"][0] == pytest.approx(np.sqrt(1.25))


def test_nan_pixels_spoil_only_their_object():
    labels = np.array([[1, 1, 2, 2]], np.int32)
    columns = measure(labels, np.array([[np.nan, 1, 2, 4]], np.float32))
    for name in ("mean", "std", "min", "max", "sum"):
        assert np.isnan(columns[f"intensity_{name}"][0])
    assert columns["intensity_max"][1] == 4


@pytest.mark.parametrize(
    ("labels", "intensity", "names", "message"),
    [
        (np.zeros((2, 2, 2), np.int32), None, (), "expected labels"),
        (np.zeros((2, 2), np.int32), np.zeros((2, 3)), (), "expected intensities of shape"),
        (np.zeros((2, 2), np.int32), np.zeros((2, 2), complex), (), "real intensities"),
        (np.zeros((2, 2), np.int32), np.zeros((2, 2, 3)), ("a",), "1 channel names for 3 channels"),
    ],
)
def test_refuses_what_does_not_fit(labels, intensity, names, message):
    with pytest.raises(InputError, match=message):
        measure(labels, intensity, channel_names=names)
