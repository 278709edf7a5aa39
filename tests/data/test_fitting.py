"""Whole images are brought to a network's size as Pillow would bring them, in proportion, and filled up."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from stellate.data import fitting
from stellate.data.fitting import Fit, fitted

FloatArray = npt.NDArray[np.float32]


def fit_to(image: FloatArray, size: tuple[int, int]) -> FloatArray:
    return fitted(lambda region: image[(slice(None), *region)], Fit(image.shape[1:], size))


def noise(*shape: int) -> FloatArray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize(
    ("shape", "size"), [((60, 90), (20, 30)), ((40, 24), (80, 48)), ((64, 64), (48, 48))]
)
def test_inside_it_is_what_pillow_gives(shape: tuple[int, int], size: tuple[int, int]) -> None:
    image = noise(2, *shape)
    found = fit_to(image, size)
    for channel, result in zip(image, found, strict=True):
        expected = np.asarray(
            PillowImage.fromarray(channel).resize(size[::-1], PillowImage.Resampling.BILINEAR)
        )
        # Pillow leaves out what is beyond the border, where here the last pixel goes on
        np.testing.assert_allclose(result[2:-2, 2:-2], expected[2:-2, 2:-2], atol=1e-5)


@pytest.mark.parametrize("size", [(32, 32), (50, 20), (200, 150)])
def test_a_ramp_stays_a_ramp(size: tuple[int, int]) -> None:
    """A pixel has the brightness of the place in the image that it shows."""
    y, x = np.mgrid[:100, :100].astype(np.float32)
    found = fit_to(np.stack([y, x]), size)
    fit = Fit((100, 100), size)
    rows, columns = fit.inner
    places = fit.tile.to_target(
        np.stack(np.mgrid[:rows, :columns], axis=-1).reshape(-1, 2).astype(np.float64)
    )
    away = int(2 * max(1, fit.scale)) + 2
    inside = (slice(None), slice(away, rows - away), slice(away, columns - away))
    expected = places.T.reshape(2, rows, columns)
    np.testing.assert_allclose(found[:, :rows, :columns][inside], expected[inside], atol=0.05)


def test_an_image_of_that_size_stays_as_it_is() -> None:
    image = noise(3, 24, 40)
    np.testing.assert_allclose(fit_to(image, (24, 40)), image, atol=1e-6)


@given(
    shape=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    size=st.tuples(st.integers(8, 96), st.integers(8, 96)),
    value=st.floats(-100, 100, width=32),
)
def test_constant_images_of_any_proportions_stay_constant(
    shape: tuple[int, int], size: tuple[int, int], value: float
) -> None:
    found = fit_to(np.full((1, *shape), value, dtype=np.float32), size)
    assert found.shape == (1, *size)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)


@given(shape=st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
def test_the_image_fills_one_side_and_keeps_its_proportions(shape: tuple[int, int]) -> None:
    fit = Fit(shape, (64, 96))
    assert any(n == s for n, s in zip(fit.inner, fit.size, strict=True))
    for inner, side in zip(fit.inner, shape, strict=True):
        assert inner >= 1
        assert abs(inner - side * fit.scale) <= max(0.5, 1 - side * fit.scale) + 1e-9


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (2, 5000)])
def test_images_of_a_pixel_and_of_a_line(shape: tuple[int, int]) -> None:
    image = noise(1, *shape)
    found = fit_to(image, (16, 24))
    rows, columns = Fit(shape, (16, 24)).inner
    assert found.min() >= image.min()
    assert found.max() <= image.max()
    if shape == (1, 1):
        np.testing.assert_allclose(found, image[0, 0, 0], rtol=1e-6)
    # what is left goes on with the last row and column
    np.testing.assert_array_equal(found[:, rows:], np.repeat(found[:, rows - 1 : rows], 16 - rows, axis=1))
    np.testing.assert_array_equal(
        found[:, :, columns:], np.repeat(found[:, :, [columns - 1]], 24 - columns, axis=2)
    )


@pytest.mark.parametrize("shape", [(333, 257), (40, 30), (1000, 3)])
def test_read_in_bands_it_is_the_same(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise(2, *shape)
    whole = fit_to(image, (64, 48))
    read: list[int] = []

    def rows_of(region: tuple[slice, ...]) -> Any:
        read.append(region[0].stop - region[0].start)
        return image[(slice(None), *region)]

    monkeypatch.setattr(fitting, "_BAND_VALUES", 500)
    bands = fitted(rows_of, Fit(shape, (64, 48)))
    np.testing.assert_array_equal(bands, whole)
    assert len(read) > 1
    assert max(read) < shape[0]


@given(
    shape=st.tuples(st.integers(1, 900), st.integers(1, 900)),
    points=st.lists(st.tuples(st.floats(0, 900), st.floats(0, 900)), min_size=1, max_size=5),
)
def test_places_come_back(shape: tuple[int, int], points: list[tuple[float, float]]) -> None:
    fit = Fit(shape, (64, 64))
    of_user = np.array(points)
    of_network = (of_user + 0.5) * fit.scale - 0.5
    np.testing.assert_allclose(fit.tile.to_target(of_network), of_user, atol=1e-6)
    assert fit.tile.target_shape == shape
    assert fit.tile.is_whole
