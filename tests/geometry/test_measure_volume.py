"""Measurements of volumes against skimage.measure, worked examples and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import regionprops

from stellate.data.synthetic import FieldConfig, generate_field
from stellate.errors import InputError
from stellate.geometry import measure_intensity
from stellate.geometry.labels import relabel
from stellate.geometry.measure_volume import measure_volume

small_volumes = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(-1, 3)
).map(lambda a: relabel(a)[0])


def check_against_skimage(labels, intensity=None, spacing=(1.0, 1.0, 1.0)):
    columns = measure_volume(labels, intensity, spacing=spacing)
    regions = regionprops(labels.clip(0), intensity)
    in_space = regionprops(labels.clip(0), spacing=spacing)
    assert len(columns["label"]) == len(regions)
    for k, (region, spaced) in enumerate(zip(regions, in_space, strict=True)):
        row = {name: values[k] for name, values in columns.items()}
        assert row["label"] == region.label
        assert row["volume_px"] == region.num_pixels
        assert tuple(row[e] for e in ("z1", "y1", "x1", "z2", "y2", "x2")) == region.bbox
        centroid = [row[f"centroid_{axis}"] for axis in ("plane", "row", "col")]
        assert centroid == pytest.approx(region.centroid)
        assert [row[f"centroid_{axis}_um"] for axis in "zyx"] == pytest.approx(spaced.centroid)
        assert row["volume_um3"] == pytest.approx(spaced.area)
        assert row["equivalent_diameter_px"] == pytest.approx(region.equivalent_diameter_area)
        assert row["equivalent_diameter_um"] == pytest.approx(spaced.equivalent_diameter_area)
        for unit, found in (("px", region), ("um", spaced)):
            assert row[f"major_axis_{unit}"] == pytest.approx(found.axis_major_length, abs=1e-6)
            assert row[f"minor_axis_{unit}"] == pytest.approx(found.axis_minor_length, abs=1e-6)
        if intensity is not None:
            for name in ("mean", "min", "max"):
                assert row[f"intensity_{name}"] == pytest.approx(getattr(region, f"intensity_{name}"))
            assert row["intensity_std"] == pytest.approx(region.intensity_std, abs=1e-9)
            assert row["intensity_sum"] == pytest.approx(region.image_intensity[region.image].sum())


def test_agrees_with_skimage_on_a_crowded_field():
    image, truth = generate_field(FieldConfig(shape=(20, 60, 70), diameter=(9.0, 14.0), density=0.3), seed=4)
    assert len(truth) > 20
    check_against_skimage(truth.labels, image.array, (2.0, 0.5, 0.4))


@settings(max_examples=100, deadline=None)
@given(small_volumes)
def test_agrees_with_skimage_on_any_labels(labels):
    # its lengths of flat objects are NaN, with a warning, where rounding makes an eigenvalue negative
    with np.errstate(invalid="ignore"):
        check_against_skimage(labels)


def test_middle_axis_sphericity_and_angles_of_an_ellipsoid():
    """Half axes of 10, 24 and 16 um in voxels of 2 x 1 x 1 um."""
    z, y, x = np.mgrid[-6:7, -25:26, -17:18]
    labels = ((z / 5) ** 2 + (y / 24) ** 2 + (x / 16) ** 2 <= 1).astype(np.int32)
    row = {name: values[0] for name, values in measure_volume(labels, spacing=(2.0, 1.0, 1.0)).items()}
    lengths = [row[f"{name}_axis_um"] for name in ("major", "middle", "minor")]
    assert lengths == pytest.approx([48, 32, 20], rel=0.02)
    assert (row["orientation_deg"], row["tilt_deg"]) == pytest.approx((0, 0), abs=0.5)
    # Thomsen's formula for the surface is right within 1.2 %
    p = 1.6075
    surface = 4 * np.pi * (((10 * 24) ** p + (10 * 16) ** p + (24 * 16) ** p) / 3) ** (1 / p)
    volume = 4 / 3 * np.pi * 10 * 24 * 16
    assert row["surface_um2"] == pytest.approx(surface, rel=0.03)
    assert row["volume_um3"] == pytest.approx(volume, rel=0.02)
    assert row["sphericity"] == pytest.approx(np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / surface, rel=0.04)


@pytest.mark.parametrize(
    ("direction", "orientation", "tilt"),
    [
        ((0, 1, 1), 45, 0),
        ((0, 1, -1), -45, 0),
        ((0, 0, 1), 90, 0),
        ((1, 1, 0), 0, 45),
        ((-1, 0, 2), 90, 26.565),
    ],
)
def test_direction_of_a_rod(direction, orientation, tilt):
    labels = np.zeros((41, 41, 41), np.int32)
    for t in np.linspace(-9, 9, 200):
        labels[tuple(np.rint(20 + t * np.array(direction)).astype(int))] = 1
    columns = measure_volume(labels)
    turn = columns["orientation_deg"][0] - orientation
    assert min(abs(turn), abs(abs(turn) - 180)) < 1.5
    assert columns["tilt_deg"][0] == pytest.approx(tilt, abs=1.5)


def test_angles_are_those_in_space():
    labels = np.zeros((9, 9, 9), np.int32)
    np.einsum("iii->i", labels)[:] = 1  # the diagonal of the cube of voxels
    columns = measure_volume(labels, spacing=(2.0, 1.0, 1.0))
    assert columns["tilt_deg"][0] == pytest.approx(np.degrees(np.arctan(2 / np.sqrt(2))))


def test_one_voxel():
    labels = np.zeros((4, 5, 6), np.int32)
    labels[1, 2, 3] = 1
    columns = measure_volume(labels, np.full(labels.shape, 7, np.uint8), spacing=(1.0, 0.5, 0.25))
    row = {name: values[0] for name, values in columns.items()}
    assert (row["centroid_plane"], row["centroid_row"], row["centroid_col"], row["volume_px"]) == (1, 2, 3, 1)
    assert (row["centroid_z_um"], row["centroid_y_um"], row["centroid_x_um"]) == (1, 1, 0.75)
    assert [row[e] for e in ("x1", "y1", "z1", "x2", "y2", "z2")] == [3, 2, 1, 4, 3, 2]
    assert not row["touches_border"]
    assert row["volume_um3"] == 0.125
    assert (row["major_axis_um"], row["minor_axis_px"]) == (0, 0)
    assert row["surface_um2"] > 0
    assert (row["intensity_mean"], row["intensity_std"], row["intensity_sum"]) == (7, 0, 7)


def test_columns_come_in_the_order_that_is_promised():
    """Where an object lies, its size in voxels, the same in micrometres, its shape, its box."""
    labels = np.ones((2, 3, 4), np.int32)
    axes = ["major_axis", "middle_axis", "minor_axis"]
    first = ["label", "centroid_plane", "centroid_row", "centroid_col", "volume_px", "equivalent_diameter_px"]
    first += [f"{a}_px" for a in axes]
    last = ["sphericity", "orientation_deg", "tilt_deg", "x1", "y1", "z1", "x2", "y2", "z2", "touches_border"]
    assert list(measure_volume(labels)) == [*first, "surface_px", *last]
    micrometres = ["centroid_z_um", "centroid_y_um", "centroid_x_um", "volume_um3", "surface_um2"]
    micrometres += ["equivalent_diameter_um", *(f"{a}_um" for a in axes)]
    assert list(measure_volume(labels, spacing=(1.0, 1.0, 1.0))) == [*first, *micrometres, *last]


def test_a_volume_of_one_plane():
    columns = measure_volume(np.ones((1, 3, 4), np.int32))
    assert columns["volume_px"].tolist() == [12]
    assert columns["touches_border"].all()
    assert columns["minor_axis_px"][0] == 0


@settings(max_examples=60, deadline=None)
@given(small_volumes, st.tuples(*[st.integers(1, 4)] * 3))
def test_moving_an_object_changes_its_place_only(labels, by):
    at = measure_volume(np.pad(labels, 1))
    moved = measure_volume(np.pad(labels, [(1 + d, 1) for d in by]))
    shifts = dict(zip("zyx", by, strict=True)) | dict(zip(("plane", "row", "col"), by, strict=True))
    for name, values in at.items():
        shift = shifts.get(name.removeprefix("centroid_"), shifts.get(name[0], 0) if name[1:] in "12" else 0)
        np.testing.assert_allclose(moved[name], values + shift if shift else values, rtol=1e-9, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(small_volumes, st.floats(0.01, 100))
def test_a_larger_unit_scales_lengths_areas_and_volumes(labels, factor):
    one = measure_volume(labels, spacing=(2.0, 1.0, 1.0))
    other = measure_volume(labels, spacing=(2 * factor, factor, factor))
    for name, values in one.items():
        power = {"um3": 3, "um2": 2, "um": 1}.get(name.rsplit("_", 1)[-1], 0)
        if not name.endswith("_deg"):  # the direction of what is equally long both ways is not defined
            np.testing.assert_allclose(
                other[name], values * factor**power, rtol=1e-6, atol=1e-6 * factor**power
            )


def test_channels_are_named_apart_and_bands_do_not_show(monkeypatch):
    monkeypatch.setattr(measure_intensity, "_BAND", 2 * 30)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (7, 5, 6)).astype(np.int32)
    intensity = rng.integers(0, 2**16, (7, 5, 6, 2)).astype(np.uint16)
    columns = measure_volume(labels, intensity, channel_names=["DAPI", "GFP"])
    for label in (1, 2, 3):
        for channel, name in enumerate(("DAPI", "GFP")):
            values = intensity[labels == label][:, channel].astype(float)
            for key, expected in (("mean", values.mean()), ("std", values.std()), ("sum", values.sum())):
                assert columns[f"intensity_{key}_{name}"][label - 1] == pytest.approx(expected, rel=1e-12)
            assert columns[f"intensity_min_{name}"][label - 1] == values.min()
            assert columns[f"intensity_max_{name}"][label - 1] == values.max()


class OnePlaneAtATime:
    """A lazy array that counts the most planes asked for at once."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __getitem__(self, index):
        part = self.array[index]
        self.most = max(self.most, 1 if isinstance(index, int) else len(part))
        return part


def test_lazy_arrays_are_read_a_few_planes_at_a_time(monkeypatch):
    monkeypatch.setattr(measure_intensity, "_BAND", 2 * 60 * 70)
    image, truth = generate_field(FieldConfig(shape=(20, 60, 70), diameter=(9.0, 14.0)), seed=4)
    labels, intensity = OnePlaneAtATime(truth.labels), OnePlaneAtATime(image.array)
    lazy = measure_volume(labels, intensity)
    assert (labels.most, intensity.most) == (2, 2)
    for name, values in measure_volume(truth.labels, image.array).items():
        np.testing.assert_array_equal(lazy[name], values)


def test_no_objects_and_labels_without_voxels():
    columns = measure_volume(np.zeros((2, 3, 4), np.int32), np.zeros((2, 3, 4)), spacing=(1.0, 1.0, 1.0))
    assert columns.keys() > {"label", "volume_um3", "surface_um2", "intensity_mean"}
    assert all(len(values) == 0 for values in columns.values())
    labels = np.array([[[1, 0, 3]]], np.int32)
    columns = measure_volume(labels, labels, count=4)
    assert columns["volume_px"].tolist() == [1, 0, 1, 0]
    for name in ("centroid_plane", "surface_px", "major_axis_px", "tilt_deg", "sphericity", "intensity_max"):
        assert np.isnan(columns[name]).tolist() == [False, True, False, True], name
    assert not columns["touches_border"][[1, 3]].any()


def test_sums_far_from_the_first_voxel_are_exact():
    labels = np.zeros((1, 1, 70_001), np.int32)
    labels[0, 0, [0, 70_000]] = 1
    columns = measure_volume(labels)
    assert columns["centroid_col"][0] == 35_000
    assert columns["major_axis_px"][0] == pytest.approx(2 * np.sqrt(5) * 35_000)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 3), {}, r"expected labels \(planes, rows, columns\), got shape \(3, 3\)"),
        ((2, 2, 2), {"spacing": (1.0, 0.0, 1.0)}, "three lengths .* above 0"),
        ((2, 2, 2), {"spacing": (1.0, 1.0)}, "three lengths"),
        ((2, 2, 2), {"intensity": np.zeros((2, 2, 3))}, "expected intensities of shape"),
        ((2, 2, 2), {"intensity": np.zeros((2, 2, 2), complex)}, "real intensities"),
        ((2, 2, 2), {"intensity": np.zeros((2, 2, 2, 2)), "channel_names": ["a"]}, "1 channel names for 2"),
    ],
)
def test_refuses_what_does_not_fit(shape, options, message):
    with pytest.raises(InputError, match=message):
        measure_volume(np.zeros(shape, np.int32), **options)


def test_real_volumes(shared_data):
    from stellate.io import read, read_labels

    folder = shared_data / "volumes" / "stardist_sample"
    image, (labels, _) = read(folder / "image.tif"), read_labels(folder / "mask.tif")
    check_against_skimage(labels, np.asarray(image.array), image.spacing("ZYX") or (2.0, 1.0, 1.0))
