from __future__ import annotations

import numpy as np
import pytest
from skimage.transform import downscale_local_mean

from stellate.axes import Image
from stellate.errors import InputError
from stellate.reports.backdrop import backdrop, reduce_labels, show_plane


class Lazy:
    """An array that must be read in pieces; remembers the largest one."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype, self.largest = array, array.shape, array.dtype, 0

    def __getitem__(self, index: object) -> np.ndarray:
        piece = self.array[index]
        self.largest = max(self.largest, piece.size)
        return piece


def test_percentiles_become_black_and_white():
    ramp = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
    picture, step = backdrop(ramp)
    assert (picture.shape, step) == ((100, 100, 3), 1)
    assert (picture[0] == 0).all()
    assert (picture[99, 80:] == 255).all()
    assert picture[50, 0].tolist() == pytest.approx([255 * (5000 - 100) / (9979 - 100)] * 3, abs=1)
    assert (np.diff(picture[:, :, 0].ravel().astype(int)) >= 0).all()


def test_dim_objects_on_a_dark_ground_are_brightened():
    field = np.zeros((50, 50), np.float32)
    field[:10, :10], field[20:30, 20:30] = 1000, 100
    picture, _ = backdrop(field)
    assert picture[5, 5, 0] == 255
    assert picture[25, 25, 0] > 1.5 * 25.5
    assert picture[40, 40, 0] == 0


def test_a_photograph_keeps_its_colours():
    rng = np.random.default_rng(0)
    photograph = rng.integers(0, 256, (60, 60, 3)).astype(np.uint8)
    photograph[..., 2] //= 2
    picture, _ = backdrop(photograph)
    assert np.abs(picture.astype(int) - photograph).max() <= 2


def test_stains_are_stretched_each_by_itself_and_add_up():
    a = np.tile(np.linspace(0, 1, 100, dtype=np.float32), (100, 1))
    stains = np.stack([1000 * a, 5 * a.T])
    picture, _ = backdrop(Image(stains, "CYX"))
    # Magenta and green.
    assert picture[0, 99].tolist() == [255, 0, 255]
    assert picture[99, 0].tolist() == [0, 255, 0]
    assert picture[99, 99].tolist() == [255, 255, 255]
    assert picture[0, 0].max() <= 2


def test_many_channels_and_one():
    stack = np.random.default_rng(0).random((9, 20, 30)).astype(np.float32)
    assert backdrop(Image(stack, "CYX"))[0].shape == (20, 30, 3)
    single, _ = backdrop(Image(stack[:1], "CYX"))
    assert np.array_equal(single, backdrop(stack[0])[0])


def test_the_middle_of_a_stack_is_shown():
    stack = np.zeros((2, 5, 8, 9), np.uint8)
    stack[1, 2, :4] = 200
    plane = show_plane(Image(stack, "TZYX"))
    assert plane.axes == "YX"
    assert np.array_equal(plane.array, stack[1, 2])


def test_axes_in_another_order():
    array = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    assert np.array_equal(backdrop(Image(array.T, "XY"))[0], backdrop(array)[0])


def test_large_images_are_averaged_in_strips(monkeypatch):
    monkeypatch.setattr("stellate.reports.backdrop._STRIP_PIXELS", 4000)
    array = np.random.default_rng(1).random((203, 401)).astype(np.float32)
    lazy = Lazy(array)
    picture, step = backdrop(Image(lazy, "YX"), max_side=101)
    assert (step, picture.shape) == (4, (50, 100, 3))
    assert lazy.largest <= 4000
    expected, _ = backdrop(downscale_local_mean(array[:200, :400], (4, 4)).astype(np.float32))
    assert np.abs(picture.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("shape", [(1, 1000), (1000, 1), (3, 1000)])
def test_a_strip_narrower_than_a_square_of_pixels(shape):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    picture, step = backdrop(array, max_side=100)
    assert step == 10
    assert picture.shape[:2] == reduce_labels(np.ones(shape, int), step).shape
    assert picture.max() > picture.min()


def test_labels_of_the_middle_of_each_square():
    labels = np.arange(36).reshape(6, 6)
    assert reduce_labels(labels, 2).tolist() == [[7, 9, 11], [19, 21, 23], [31, 33, 35]]
    assert np.array_equal(reduce_labels(np.stack([labels, labels + 1, labels]), 1), labels + 1)


@pytest.mark.parametrize("fill", [np.nan, np.inf, 5.0])
def test_values_that_are_no_numbers_and_constant_images(fill):
    flat, _ = backdrop(np.full((4, 4), fill, np.float32))
    assert len(np.unique(flat)) == 1
    mixed = np.arange(400, dtype=np.float32).reshape(20, 20)
    mixed[0, 0] = fill
    picture, _ = backdrop(mixed)
    assert picture[19, 19, 0] == 255
    assert picture[10, 10, 0] > 100


def test_shapes_that_cannot_be_shown():
    with pytest.raises(InputError, match="name its axes"):
        backdrop(np.zeros((5, 6, 7)))
    with pytest.raises(InputError, match="no pixels to show"):
        backdrop(np.zeros((0, 7)))
