"""Images with named axes."""

from __future__ import annotations

import numpy as np
import pytest

from stellate.axes import Image, parse_axes, presumed_axes
from stellate.errors import InputError

array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)


def image(**kwargs):
    options = {"spacing_um": {"Y": 0.5, "X": 0.25}, "channel_names": ("a", "b", "c")} | kwargs
    return Image(array, "TCYX", name="well", **options)


def test_parse_axes_takes_any_case():
    assert parse_axes(" zyx ", 3) == "ZYX"


@pytest.mark.parametrize(
    ("text", "ndim", "message"),
    [
        ("YXQ", 3, "unknown letter Q; use letters of TPZCYX"),
        ("YXY", 3, "a letter stands twice"),
        ("ZX", 2, "Y and X are needed"),
        ("YX", 3, "name 2 dimensions, but the array has 3"),
    ],
)
def test_parse_axes_refuses(text, ndim, message):
    with pytest.raises(InputError, match=message):
        parse_axes(text, ndim)


@pytest.mark.parametrize(("shape", "axes"), [((5, 6), "YX"), ((5, 6, 3), "YXC"), ((5, 6, 4), "YXC")])
def test_presumed_axes(shape, axes):
    assert presumed_axes(shape) == axes


@pytest.mark.parametrize("shape", [(5,), (3, 5, 6), (5, 6, 2), (1, 5, 6, 3)])
def test_presumed_axes_leaves_doubtful_shapes_to_the_caller(shape):
    with pytest.raises(InputError, match=r"name its axes, e\.g\. axes='C?ZYX'"):
        presumed_axes(shape)


def test_facts_of_an_image():
    one = image()
    assert one.sizes == {"T": 2, "C": 3, "Y": 4, "X": 5}
    assert (one.shape, one.spatial_axes, one.channels) == ((2, 3, 4, 5), "YX", 3)
    assert one.spacing("YX") == (0.5, 0.25)
    assert one.spacing("XY") == (0.25, 0.5)
    assert one.spacing("ZYX") is None
    assert Image(array[0, 0], "yx").channels == 1


def test_axes_must_fit_the_array():
    with pytest.raises(InputError, match="name 3 dimensions, but the array has 4"):
        Image(array, "ZYX")


def test_select_takes_one_position_and_keeps_the_rest():
    page = image().select("T", 1)
    assert page.axes == "CYX"
    assert page.channel_names == ("a", "b", "c")
    assert page.spacing_um == {"Y": 0.5, "X": 0.25}
    np.testing.assert_array_equal(page.array, array[1])
    channel = page.select("C", 2)
    assert (channel.axes, channel.channel_names) == ("YX", ())
    np.testing.assert_array_equal(channel.array, array[1, 2])
    assert np.shares_memory(channel.array, array)


@pytest.mark.parametrize(
    ("axis", "index", "message"),
    [
        ("Z", 0, "well: no axis Z in TCYX"),
        ("T", 2, "index 2 is outside axis T"),
        ("T", -1, "index -1 is outside"),
    ],
)
def test_select_refuses(axis, index, message):
    with pytest.raises(InputError, match=message):
        image().select(axis, index)


def test_squeeze_keeps_rows_and_columns():
    one = Image(np.zeros((1, 1, 1, 4)), "TZYX").squeeze()
    assert (one.axes, one.shape) == ("YX", (1, 4))


def test_to_axes_reorders_adds_a_channel_and_drops_single_positions():
    one = image().select("T", 0)
    np.testing.assert_array_equal(one.to_axes("YXC"), np.moveaxis(array[0], 0, -1))
    plain = Image(array[0, 0], "YX")
    assert plain.to_axes("CYX").shape == (1, 4, 5)
    np.testing.assert_array_equal(plain.to_axes("XY"), array[0, 0].T)
    assert Image(array[:1, :1], "TCYX").to_axes("YX").shape == (4, 5)


def test_to_axes_refuses_to_choose_or_invent():
    with pytest.raises(
        InputError, match=r"well: expected axes YX, got TCYX .*choose one position of T first"
    ):
        image().to_axes("YX")
    with pytest.raises(InputError, match="expected axes ZYX, got YX; Z missing"):
        Image(array[0, 0], "YX").to_axes("ZYX")


def test_squeezing_keeps_what_is_to_be_kept() -> None:
    image = Image(np.zeros((1, 1, 1, 4, 1)), "TCZYX")
    assert image.squeeze().axes == "YX"
    assert image.squeeze("ZYX").axes == "ZYX"
