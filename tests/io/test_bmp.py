"""BMP against Pillow, which writes it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PillowImage

from stellate.errors import InputError
from stellate.io import read

rng = np.random.default_rng(0)


@pytest.mark.parametrize(("shape", "axes"), [((5, 7), "YX"), ((5, 7, 3), "YXC")])
def test_round_trip(tmp_path, shape, axes):
    array = rng.integers(0, 255, shape).astype(np.uint8)
    PillowImage.fromarray(array).save(tmp_path / "a.bmp")
    image = read(tmp_path / "a.bmp")
    assert image.axes == axes
    np.testing.assert_array_equal(image.array, array)


def test_palette_gives_colours(tmp_path):
    indices = rng.integers(0, 3, (6, 5)).astype(np.uint8)
    palette = np.array([[10, 0, 0], [255, 0, 0], [0, 9, 0]], np.uint8)
    picture = PillowImage.fromarray(indices, "P")
    picture.putpalette(palette.tobytes())
    picture.save(tmp_path / "p.bmp")
    np.testing.assert_array_equal(read(tmp_path / "p.bmp").array, palette[indices])


def test_one_bit_is_black_and_white(tmp_path):
    array = rng.integers(0, 2, (6, 5)).astype(bool)
    PillowImage.fromarray(array).save(tmp_path / "b.bmp")
    image = read(tmp_path / "b.bmp")
    assert image.array.dtype == np.uint8
    np.testing.assert_array_equal(image.array, array * 255)


def test_truncated(tmp_path):
    PillowImage.fromarray(rng.integers(0, 255, (50, 50)).astype(np.uint8)).save(tmp_path / "a.bmp")
    (tmp_path / "a.bmp").write_bytes((tmp_path / "a.bmp").read_bytes()[:1500])
    with pytest.raises(InputError, match="cannot be decoded"):
        read(tmp_path / "a.bmp")
