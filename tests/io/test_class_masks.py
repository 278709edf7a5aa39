"""Masks of classes as files have them: numbers, colours, palettes; and what is refused."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from stellate.errors import InputError
from stellate.io.class_masks import read_class_mask

NUMBERS = np.array([[0, 1, 1], [7, 0, 7]])
COLOURS = np.array([[[255, 0, 0], [0, 0, 255]], [[9, 9, 9], [255, 0, 0]]], np.uint8)


def paletted(path, indices, colours):
    picture = PillowImage.fromarray(np.array(indices, np.uint8), "P")
    picture.putpalette([v for colour in colours for v in colour])
    picture.save(path)
    return path


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i8", "f4"])
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_numbers_of_any_type(tmp_path, dtype, suffix):
    path = tmp_path / f"m{suffix}"
    np.save(path, NUMBERS.astype(dtype)) if suffix == ".npy" else tifffile.imwrite(
        path, NUMBERS.astype(dtype)
    )
    stored = read_class_mask(path)
    assert (stored.values.tolist(), stored.in_colour, stored.palette) == (NUMBERS.tolist(), False, None)
    assert stored.values.dtype.kind in "iu"


def test_volumes_are_numbers(tmp_path):
    volume = np.arange(24).reshape(2, 3, 4)
    np.save(tmp_path / "m.npy", volume)
    assert read_class_mask(tmp_path / "m.npy").values.tolist() == volume.tolist()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_colours(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    PillowImage.fromarray(COLOURS).save(path)
    stored = read_class_mask(path)
    assert (stored.values.tolist(), stored.in_colour) == (COLOURS.tolist(), True)


def test_grey_in_three_channels_is_numbers_unless_colours_are_wanted(tmp_path):
    grey = np.repeat(np.array([[0, 128, 255]], np.uint8)[..., None], 3, axis=-1)
    (tmp_path / "m.png").write_bytes(imagecodecs.png_encode(grey))
    assert read_class_mask(tmp_path / "m.png").values.tolist() == [[0, 128, 255]]
    assert read_class_mask(tmp_path / "m.png", colours=True).values.tolist() == grey.tolist()


def test_one_channel_and_one_bit_are_grey_where_colours_are_wanted(tmp_path):
    PillowImage.fromarray(np.array([[False, True]])).save(tmp_path / "bits.png")
    assert read_class_mask(tmp_path / "bits.png").values.tolist() == [[0, 1]]
    assert read_class_mask(tmp_path / "bits.png", colours=True).values.tolist() == [[[0] * 3, [255] * 3]]
    np.save(tmp_path / "m.npy", np.array([[0, 200]], np.uint8))
    assert read_class_mask(tmp_path / "m.npy", colours=True).values.tolist() == [[[0] * 3, [200] * 3]]


def test_a_palette_is_indices_or_colours(tmp_path):
    path = paletted(tmp_path / "m.png", [[0, 2, 1]], [(0, 0, 0), (1, 2, 3), (255, 0, 0)])
    stored = read_class_mask(path)
    assert stored.values.tolist() == [[0, 2, 1]]
    assert stored.palette[:3].tolist() == [[0, 0, 0], [1, 2, 3], [255, 0, 0]]
    expected = [[[0, 0, 0], [255, 0, 0], [1, 2, 3]]]
    assert read_class_mask(path, colours=True).values.tolist() == expected


def test_jpeg_is_read_as_it_is(tmp_path):
    PillowImage.fromarray(np.full((16, 16), 128, np.uint8)).save(tmp_path / "m.jpg")
    assert np.unique(read_class_mask(tmp_path / "m.jpg").values).tolist() == [128]


def test_opaque_alpha_is_dropped_and_transparency_refused(tmp_path):
    opaque = np.concatenate([COLOURS, np.full((2, 2, 1), 255, np.uint8)], axis=-1)
    (tmp_path / "m.png").write_bytes(imagecodecs.png_encode(opaque))
    assert read_class_mask(tmp_path / "m.png").values.tolist() == COLOURS.tolist()
    opaque[0, 0, 3] = 7
    (tmp_path / "t.png").write_bytes(imagecodecs.png_encode(opaque))
    with pytest.raises(InputError, match=r"t\.png: has transparent pixels"):
        read_class_mask(tmp_path / "t.png")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.array([[0.5, 1]]),
            "or classes of pixels, got float64 with fractions; .* most likely class of each pixel",
        ),
        (
            np.array([[np.nan, 1]]),
            "or classes of pixels, got float64 with NaN .* -1 where nothing is annotated",
        ),
        (np.zeros((2, 2, 2, 2), int), r"2 or 3 dimensions, or in RGB, got shape \(2, 2, 2, 2\)"),
        (np.zeros((0, 2), int), "no pixels"),
        (np.array([[2**60, 0]]), "the class value 1152921504606846976 is too large"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, array, message):
    np.save(tmp_path / "m.npy", array)
    with pytest.raises(InputError, match=message):
        read_class_mask(tmp_path / "m.npy")


def test_a_volume_has_no_colours(tmp_path):
    np.save(tmp_path / "m.npy", np.zeros((2, 4, 5), np.uint8))
    with pytest.raises(InputError, match="expected a mask in RGB or grey like the others"):
        read_class_mask(tmp_path / "m.npy", colours=True)
