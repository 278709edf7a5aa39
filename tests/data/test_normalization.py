import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stellate.data import blocks
from stellate.data.normalization import Normalization
from stellate.errors import ConfigError, InputError

DTYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", ">u2", ">f4"]


class Lazy:
    """Slices like Zarr; remembers what was read."""

    def __init__(self, array, chunks=None):
        self.array, self.shape, self.dtype, self.reads = array, array.shape, array.dtype, []
        self.chunks = chunks

    def __getitem__(self, index):
        block = self.array[index]
        self.reads.append(block.shape)
        return block


def random(dtype, shape, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return (rng.normal(3, 50, shape) * (rng.random(shape) > 0.3)).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(
        info.min, info.max, shape, dtype=np.dtype(dtype).newbyteorder("="), endpoint=True
    ).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_limits_are_numpys_percentiles_for_every_dtype(dtype, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 100)  # many blocks
    image = random(dtype, (3, 17, 23))
    got = Normalization().limits(image)
    expected = np.percentile(image.reshape(3, -1).astype(np.float64), (1, 99.8), axis=1).T
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    joint = Normalization(channels="joint").limits(image)
    one = np.percentile(image.astype(np.float64), (1, 99.8))
    np.testing.assert_allclose(joint, [one] * 3, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("chunks", [None, (1, 3, 4, 23)])
def test_limits_of_volumes_are_numpys_percentiles(dtype, chunks, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 250)
    volume = Lazy(random(dtype, (2, 5, 17, 23)), chunks)
    got = Normalization().limits(volume)
    expected = np.percentile(volume.array.reshape(2, -1).astype(np.float64), (1, 99.8), axis=1).T
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert max(np.prod(shape) for shape in volume.reads) <= (250 if chunks is None else 2 * 3 * 4 * 23)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.just(1), st.integers(1, 5), st.integers(1, 7)),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    st.tuples(st.floats(0, 49), st.floats(50, 100)),
)
def test_limits_agree_with_numpy_on_any_small_float_image(image, percentiles):
    low, high = np.percentile(image.astype(np.float64), percentiles)
    got = Normalization(*percentiles).limits(image)[0]
    if low < high:
        np.testing.assert_allclose(got, (low, high), rtol=1e-9, atol=1e-9)
    else:
        np.testing.assert_allclose(got, (image.min(), image.max()))


def test_apply_is_stardists_formula_and_does_not_clip():
    image = random("u2", (1, 50, 60))
    norm = Normalization(10, 90)
    low, high = np.percentile(image, (10, 90)).astype(np.float32)
    expected = (image.astype(np.float32) - low) / (high - low + np.float32(1e-20))
    got = norm.apply(image, norm.limits(image))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, expected)
    assert got.min() < 0
    assert got.max() > 1


def test_apply_keeps_small_differences_of_large_values():
    image = (2**31 + np.arange(101, dtype=np.uint32)).reshape(1, 1, 101)
    norm = Normalization(0, 100)
    np.testing.assert_allclose(norm.apply(image, norm.limits(image))[0, 0], np.arange(101) / 100, atol=1e-6)


@pytest.mark.parametrize("value", [0, 7, 65535, 0.1])
def test_constant_image_becomes_zeros(value):
    image = np.full((2, 5, 5), value)
    norm = Normalization()
    np.testing.assert_array_equal(norm.apply(image, norm.limits(image)), np.zeros((2, 5, 5)))


def test_limits_of_a_constant_channel_do_not_scale_another_image():
    """Values off the constant (limits of another image) must not blow up either."""
    assert Normalization().apply(np.full((1, 2, 2), 9.0), np.array([[3.0, 3.0]])).max() == 0


def test_few_bright_pixels_on_nothing_use_the_extremes():
    image = np.zeros((1, 100, 100), np.uint16)
    image[0, 3, 4] = 500
    norm = Normalization()
    np.testing.assert_array_equal(norm.limits(image), [[0, 500]])
    assert norm.apply(image, norm.limits(image)).max() == 1


def test_bool_is_an_image_of_zeros_and_ones():
    image = np.arange(200).reshape(1, 10, 20) % 2 == 0
    np.testing.assert_array_equal(Normalization().limits(image), [[0, 1]])
    assert set(np.unique(Normalization().apply(image, np.array([[0.0, 1.0]])))) == {0, 1}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_pixels_are_counted_and_the_remedy_is_named(value, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 8)
    image = np.zeros((1, 10, 8), np.float32)
    image[0, [2, 5, 9], 3] = value
    with pytest.raises(InputError, match=r"3 pixels are NaN or infinite.*nan_to_num"):
        Normalization().limits(image)


@pytest.mark.parametrize("dtype", [object, "U3", complex, "datetime64[s]"])
def test_values_that_are_no_intensities_are_refused(dtype):
    with pytest.raises(InputError, match="has no intensities"):
        Normalization().limits(np.zeros((1, 2, 2)).astype(dtype))


def test_an_empty_image_is_refused():
    with pytest.raises(InputError, match=r"\(1, 0, 5\).*no pixels"):
        Normalization().limits(np.zeros((1, 0, 5)))


def test_lazy_arrays_are_read_in_whole_chunks_and_bounded_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 1000)
    image = random("u2", (2, 95, 50))
    lazy = Lazy(image, chunks=(1, 4, 50))
    np.testing.assert_array_equal(Normalization().limits(lazy), Normalization().limits(image))
    assert {shape[1] for shape in lazy.reads} == {8, 95 % 8}
    assert len(lazy.reads) == 12  # once over the image for 16 bits


@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_memory_is_bounded_whatever_the_size(dtype):
    row = random(dtype, (1, 1, 2048))
    image = np.broadcast_to(row, (1, 16384, 2048))  # 33 million pixels without memory of their own
    tracemalloc.start()
    got = Normalization().limits(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6
    ordered = np.sort(row.ravel().astype(np.float64)).repeat(16384)
    place = (ordered.size - 1) * np.array([1, 99.8]) / 100
    below = place.astype(int)
    expected = ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])
    np.testing.assert_allclose(got[0], expected)


def test_settings_survive_a_round_trip_through_json():
    norm = Normalization(0.5, 99.9, "joint")
    assert Normalization.from_dict(json.loads(json.dumps(norm.to_dict()))) == norm


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"low": 3, "hight": 99}, "no setting hight.*low, high, channels"),
        ({"low": 99, "high": 1}, "0 <= low < high <= 100"),
        ({"channels": "both"}, "'separate' or 'joint'"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Normalization.from_dict(settings)


def test_mean_and_deviation_come_after_the_percentiles() -> None:
    array = np.random.default_rng(0).integers(0, 256, (3, 40, 50)).astype(np.uint8)
    plain, scaled = Normalization(), Normalization(mean=(0.1, 0.2, 0.3), std=(1, 2, 4))
    limits = plain.limits(array)
    expected = (plain.apply(array, limits) - np.array([0.1, 0.2, 0.3])[:, None, None]) / np.array([1, 2, 4])[
        :, None, None
    ]
    np.testing.assert_allclose(scaled.apply(array, limits), expected, rtol=1e-5, atol=1e-6)
    one = Normalization(mean=(0.5,), std=(0.25,))
    np.testing.assert_allclose(
        one.apply(array, limits), 4 * plain.apply(array, limits) - 2, rtol=1e-5, atol=1e-5
    )


def test_mean_and_deviation_are_kept() -> None:
    scaled = Normalization(mean=(0.1,), std=(2.0,))
    assert Normalization.from_dict(json.loads(json.dumps(scaled.to_dict()))) == scaled
    assert set(Normalization().to_dict()) == {"low", "high", "channels"}


@pytest.mark.parametrize(
    "wrong", [{"mean": (1,)}, {"mean": (0,), "std": (0,)}, {"mean": (1, 2), "std": (1,)}]
)
def test_as_many_means_as_deviations(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="expected as many of both, std above 0"):
        Normalization(**wrong)
