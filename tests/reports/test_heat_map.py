"""Maps over images: that they lie where they should, rise in brightness, and are refused where they do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from stellate.axes import Image
from stellate.errors import InputError
from stellate.reports.caption import with_caption
from stellate.reports.heat_map import draw_heat_map, heat_colours

LUMINANCE = np.array([0.299, 0.587, 0.114])


def test_colours_rise_in_brightness():
    brightness = heat_colours(np.linspace(0, 1, 50)) @ LUMINANCE
    assert (np.diff(brightness) > 0).all()
    assert np.ptp(brightness) > 200


def test_the_image_is_beside_its_map_and_the_hottest_place_is_the_brightest():
    heat = np.zeros((40, 60), np.float32)
    heat[10, 45] = 1
    image = np.random.default_rng(0).integers(90, 110, (40, 60, 3)).astype(np.uint8)
    picture = draw_heat_map(image, heat, side=60)
    assert picture.shape == (40, 60 + 8 + 60, 3)
    left, right = picture[:, :60].astype(float), picture[:, 68:].astype(float)
    assert np.unravel_index((right @ LUMINANCE).argmax(), heat.shape) == (10, 45)
    cold = right[heat == 0]
    grey = (left @ LUMINANCE)[heat == 0]
    expected = 0.65 * grey[:, None] + 0.35 * heat_colours(np.zeros(1))
    assert np.abs(cold - expected).max() < 1


@pytest.mark.parametrize("shape", [(1, 1), (8, 3), (700, 90)])
def test_small_and_long_images(shape):
    heat = np.linspace(0, 1, shape[0] * shape[1]).reshape(shape)
    picture = draw_heat_map(Image(np.full(shape, 700, np.uint16), "YX"), heat, ["a 97%"], max_side=350)
    zoom = max(1, 400 // max(shape)) if max(shape) <= 350 else 1
    step = max(1, -(-max(shape) // 350))
    width = 2 * max(1, shape[1] // step) * zoom + 8
    assert picture.shape[1] == width
    assert 20 < len(picture) - max(1, shape[0] // step) * zoom < 60


@pytest.mark.parametrize(
    ("heat", "message"),
    [
        (
            np.zeros((8, 4)),
            r"the map has shape \(8, 4\), but the image \(4, 5\); both must have the same proportions",
        ),
        (np.zeros((4, 5, 1)), "both must have the same proportions"),
        (np.full((4, 5), 2.0), "values beyond 0 and 1"),
        (np.full((4, 5), np.nan), "values beyond 0 and 1, or no numbers"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(heat, message):
    with pytest.raises(InputError, match=f"cell: .*{message}"):
        draw_heat_map(Image(np.zeros((4, 5), np.uint8), "YX", name="cell"), heat)


def test_a_map_of_another_size_covers_the_whole_image():
    heat = np.zeros((20, 30), np.float32)
    heat[:, 15:] = 1
    picture = draw_heat_map(np.full((60, 90), 100, np.uint8), heat, side=60)
    right = picture[:, 98:].astype(float) @ LUMINANCE
    assert right.shape == (60, 90)
    assert np.ptp(right[:, :42]) < 1
    assert np.ptp(right[:, 48:]) < 1
    assert right[:, 48:].min() > right[:, :42].max() + 50


def test_captions_stand_below_in_lines_and_leave_the_picture():
    picture = np.full((30, 200, 3), 7, np.uint8)
    one, two = with_caption(picture, ["first"]), with_caption(picture, ["first", "second " * 40])
    np.testing.assert_array_equal(two[:30], picture)
    assert 30 < len(one) < len(two)
    assert one.shape[1] == two.shape[1] == 200
    assert (one[30:] < 200).any()
    assert with_caption(np.zeros((1, 1, 3), np.uint8), ["word"]).shape[1] == 1
