"""JPEG against Pillow, which writes it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PillowImage

from stellate.errors import InputError
from stellate.io import read

smooth = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)


@pytest.mark.parametrize(("array", "axes"), [(smooth, "YX"), (np.stack([smooth] * 3, -1), "YXC")])
def test_pixels_and_axes(tmp_path, array, axes):
    PillowImage.fromarray(array).save(tmp_path / "field.jpg", quality=98)
    image = read(tmp_path / "field.jpg")
    assert (image.axes, image.array.dtype) == (axes, np.uint8)
    assert image.shape == array.shape
    assert np.abs(image.array.astype(int) - array).max() <= 3


def test_truncated_is_refused_not_filled_with_grey(tmp_path):
    path = tmp_path / "cut.jpg"
    PillowImage.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"cut\.jpg: cannot be decoded .*truncated"):
        read(path)


def test_cmyk_is_refused(tmp_path):
    PillowImage.new("CMYK", (9, 9)).save(tmp_path / "print.jpg")
    with pytest.raises(InputError, match="a JPEG in CMYK colours; convert it to RGB or grey"):
        read(tmp_path / "print.jpg")
