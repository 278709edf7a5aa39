import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stellate.axes import Image
from stellate.errors import ConfigError
from stellate.prediction.options import PredictOptions
from stellate.prediction.rescaling import choose_scale, read_scaled, scaled_shape


def whole(array, scale):
    shape = array.shape[1:]
    region = tuple(slice(0, n) for n in scaled_shape(shape, scale))
    return read_scaled(lambda r: array[(slice(None), *r)], region, shape=shape, scale=scale)


def slow_axis(values, scale):
    """The triangle filter, value by value, with the ends repeated."""
    n = len(values)
    out = np.zeros((max(1, round(n * scale)), *values.shape[1:]))
    radius = max(1.0, 1 / scale)
    for i in range(len(out)):
        centre, total = (i + 0.5) / scale - 0.5, 0.0
        for j in range(int(centre - radius) - 3, int(centre + radius) + 4):
            weight = max(0.0, 1 - abs(j - centre) / radius)
            out[i] += weight * values[min(max(j, 0), n - 1)]
            total += weight
        out[i] /= total
    return out


@given(st.floats(0.2, 4), st.integers(1, 12), st.integers(1, 12))
def test_values_are_those_of_the_slow_filter(scale, rows, cols):
    array = np.random.default_rng(rows * 100 + cols).normal(size=(2, rows, cols)).astype(np.float32)
    expected = [slow_axis(slow_axis(channel.astype(float), scale).T, scale).T for channel in array]
    np.testing.assert_allclose(whole(array, scale), expected, atol=1e-5)


@pytest.mark.parametrize("scale", [2.0, 3.0])
def test_enlarging_agrees_with_torch(scale):
    array = np.random.default_rng(0).normal(size=(1, 9, 11)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(array)[None], scale_factor=scale, mode="bilinear"
    )
    np.testing.assert_allclose(whole(array, scale), expected[0].numpy(), atol=1e-5)


def test_volumes_too():
    array = np.random.default_rng(0).normal(size=(2, 5, 9, 11)).astype(np.float32)
    enlarged = torch.nn.functional.interpolate(
        torch.from_numpy(array)[None], scale_factor=2, mode="trilinear"
    )
    np.testing.assert_allclose(whole(array, 2.0), enlarged[0].numpy(), atol=1e-5)
    small = whole(array, 0.5)
    region = read_scaled(
        lambda r: array[(slice(None), *r)],
        (slice(1, 2), slice(2, 4), slice(1, 5)),
        shape=(5, 9, 11),
        scale=0.5,
    )
    np.testing.assert_allclose(region, small[:, 1:2, 2:4, 1:5], atol=1e-6)


def test_brightness_is_kept_when_shrinking():
    array = np.zeros((1, 64, 64), np.float32)
    array[0, 20:28, 36:44] = 1
    small = whole(array, 0.25)
    assert small.sum() * 16 == pytest.approx(64, rel=1e-5)
    rows, cols = np.indices(small.shape[1:])
    # pixel edges fall on pixel edges: the square's centre (23.5, 39.5) goes to (24 / 4, 40 / 4) - 0.5
    assert (rows * small[0]).sum() / small.sum() == pytest.approx(5.5, abs=1e-4)
    assert (cols * small[0]).sum() / small.sum() == pytest.approx(9.5, abs=1e-4)


@given(st.floats(0.3, 3), st.integers(0, 20), st.integers(0, 20))
def test_a_region_is_the_same_as_that_region_of_the_whole(scale, start, length):
    array = np.random.default_rng(3).normal(size=(1, 40, 31)).astype(np.float32)
    everything = whole(array, scale)
    rows = slice(min(start, everything.shape[1] - 1), min(start + length + 1, everything.shape[1]))
    cols = slice(0, everything.shape[2])
    region = read_scaled(lambda r: array[(slice(None), *r)], (rows, cols), shape=(40, 31), scale=scale)
    np.testing.assert_allclose(region, everything[:, rows, cols], atol=1e-6)


def image(spacing=None):
    return Image(np.zeros((4, 4)), "YX", {} if spacing is None else {"Y": spacing, "X": spacing})


@pytest.mark.parametrize(
    ("mine", "models", "options", "scale", "note"),
    [
        (0.25, 0.5, {}, 0.5, "rescaled by 0.5: pixels of 0.25 um, the model's are 0.5 um"),
        (0.5, 0.25, {}, 2.0, "rescaled by 2"),
        (0.54, 0.5, {}, 1.0, ""),
        (0.25, 0.5, {"rescale": "off"}, 1.0, ""),
        (None, 0.5, {}, 1.0, ""),
        (0.25, None, {}, 1.0, ""),
        (352.8, 0.5, {}, 1.0, "hard to believe"),
        (0.25, 0.5, {"rescale": 3}, 3.0, "rescaled by 3 as asked"),
        (0.25, 0.5, {"object_diameter": 60}, 0.5, "objects of 60 px become 30 px"),
    ],
)
def test_scale_and_what_is_said_of_it(mine, models, options, scale, note):
    known = None if models is None else {"Y": models, "X": models}
    got, said = choose_scale(image(mine), PredictOptions(**options), spacing_um=known, diameter_px=30)
    assert got == pytest.approx(scale)
    assert note in said
    assert bool(note) == bool(said)


def test_object_diameter_needs_a_model_that_knows_its_own():
    with pytest.raises(ConfigError, match="give rescale"):
        choose_scale(image(), PredictOptions(object_diameter=20), spacing_um=None, diameter_px=None)


def test_a_side_never_vanishes():
    assert scaled_shape((1, 100), 0.1) == (1, 10)


@pytest.mark.parametrize(
    ("mine", "scale", "note"),
    [
        ((2.0, 0.5, 0.5), 1.0, ""),
        ((4.0, 1.0, 1.0), 2.0, "rescaled by 2: pixels of 1.59 um, the model's are 0.794 um"),
        ((2.1, 0.5, 0.5), 1.0, ""),
        (
            (0.5, 0.5, 0.5),
            0.63,
            "rescaled by 0.63: pixels of 0.5 um, the model's are 0.794 um; voxels of 0.5 x 0.5 x 0.5 um have "
            "another shape than those of the model, 2 x 0.5 x 0.5 um: objects may be missed",
        ),
    ],
)
def test_volumes_are_rescaled_by_the_size_of_a_voxel(mine, scale, note):
    """By one factor along all axes: the cube root of the volume; the shape of voxels stays as it is."""
    volume = Image(np.zeros((4, 4, 4)), "ZYX", dict(zip("ZYX", mine, strict=True)))
    known = {"Z": 2.0, "Y": 0.5, "X": 0.5}
    got = choose_scale(volume, PredictOptions(), spacing_um=known, diameter_px=None, axes="ZYX")
    assert got == (pytest.approx(scale, abs=1e-3), note)
