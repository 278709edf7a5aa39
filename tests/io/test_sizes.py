"""The size of an image is that of the image read whole."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from stellate.errors import InputError
from stellate.io import read
from stellate.io.sizes import image_size


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".npy"])
@pytest.mark.parametrize("shape", [(5, 9), (5, 9, 3)])
def test_every_format(tmp_path, suffix, shape):
    file, array = tmp_path / f"a{suffix}", np.zeros(shape, np.uint8)
    if suffix == ".npy":
        np.save(file, array)
    else:
        Picture.fromarray(array).save(file)
    image = read(file)
    assert image_size(file) == (image.sizes["Y"], image.sizes["X"]) == (5, 9)


def test_axes_that_are_named(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 5, 9), np.uint8), photometric="minisblack")
    assert image_size(tmp_path / "a.tif", axes="XYC") == (5, 3)
    Picture.fromarray(np.zeros((5, 9), np.uint8)).save(tmp_path / "a.png")
    assert image_size(tmp_path / "a.png", axes="XY") == (9, 5)


def test_orientation_notes_are_not_applied(tmp_path):
    picture = Picture.fromarray(np.zeros((5, 9, 3), np.uint8))
    notes = picture.getexif()
    notes[0x0112] = 6  # turned by a quarter
    picture.save(tmp_path / "a.jpg", exif=notes)
    assert image_size(tmp_path / "a.jpg") == read(tmp_path / "a.jpg").shape[:2] == (5, 9)


def test_only_the_beginning_is_read(tmp_path):
    Picture.fromarray(np.random.default_rng(0).integers(0, 255, (90, 80), np.uint8)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    assert image_size(tmp_path / "a.png") == (90, 80)
    with pytest.raises(InputError):
        read(tmp_path / "a.png")


def test_files_that_are_none(tmp_path):
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"a\.png: expected PNG, but this is a text file"):
        image_size(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"b\.jpg: no such file"):
        image_size(tmp_path / "b.jpg")
