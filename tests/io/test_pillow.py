"""Opening pictures with Pillow's readers, against files that Pillow writes and that are then damaged."""

from __future__ import annotations

import struct

import numpy as np
import PIL.Image
import pytest
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from stellate.errors import InputError
from stellate.io import read
from stellate.io.pillow import opened
from stellate.io.png import read_values

ARRAY = np.arange(48, dtype=np.uint8).reshape(6, 8)
READERS = {"BMP": BmpImageFile, "JPEG": JpegImageFile, "PNG": PngImageFile}


def written(path, mode="L"):
    picture = PIL.Image.fromarray(ARRAY).convert(mode)
    if mode == "P":
        picture = PIL.Image.frombytes("P", (8, 6), ARRAY.tobytes())
        picture.putpalette(bytes(range(144)))
    picture.save(path)
    return path


@pytest.mark.parametrize("kind", READERS)
def test_pictures_beyond_the_limit_of_pillow_open(tmp_path, monkeypatch, kind):
    path = written(tmp_path / f"a.{kind.lower()}")
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(PIL.Image.DecompressionBombError):
        PIL.Image.open(path)
    with opened(path, kind, READERS[kind]) as picture:
        assert np.abs(np.array(picture).astype(int) - ARRAY).max() <= 3
    assert read(path).shape == ARRAY.shape


def test_palettes_of_masks_open_beyond_the_limit_too(tmp_path, monkeypatch):
    path = written(tmp_path / "mask.png", "P")
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    np.testing.assert_array_equal(read_values(path), ARRAY)


def test_another_kind_is_named(tmp_path):
    path = written(tmp_path / "a.png").rename(tmp_path / "a.bmp")
    with pytest.raises(InputError, match=r"a\.bmp: the name says BMP, but the content is PNG"):
        opened(path, "BMP", BmpImageFile).__enter__()


@pytest.mark.parametrize(("mode", "side"), [("L", 33_000), ("P", 19_000), ("RGB", 19_000)])
def test_a_size_that_the_file_cannot_hold(tmp_path, mode, side):
    path = written(tmp_path / "bomb.bmp", mode)
    content = bytearray(path.read_bytes())
    content[18:26] = struct.pack("<ii", side, side)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bomb\.bmp: .*declares an image of shape .*damaged or hostile"):
        read(path)


def test_what_goes_wrong_inside_is_the_files_fault(tmp_path):
    path = written(tmp_path / "a.bmp")
    with pytest.raises(InputError, match=r"a\.bmp: cannot be decoded \(odd bytes\)"):  # noqa: SIM117
        with opened(path, "BMP", BmpImageFile):
            raise ValueError("odd bytes")
