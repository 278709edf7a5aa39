"""Files that are not what their names say."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest
from PIL import Image as PillowImage

from stellate.errors import InputError
from stellate.io import read
from stellate.io.content import check_declared_size, damaged_file_errors, identify


def jpeg_bytes():
    out = io.BytesIO()
    PillowImage.fromarray(np.zeros((8, 8), np.uint8)).save(out, "JPEG")
    return out.getvalue()


def zip_bytes():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", "b")
    return out.getvalue()


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".bmp", ".npy"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"the file is empty \(0 bytes\); copy it again"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"  \n<html>", "a web page"),
        (b"x,y\n1,2\n", "a text file"),
        (b"BMI of the patients: 21", "a text file"),
        (b"\0" * 600, "nothing but zero bytes"),
        (b"%PDF-1.7", "a PDF document"),
        (zip_bytes(), "a ZIP archive"),
        (pickle.dumps([1]), "a Python pickle"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"ZISRAWFILE\0\0", "a Zeiss CZI file"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"\0\0\0\x18ftypheic", "a HEIF picture"),
        (b"<?xml version='1.0'?><svg/>", "an XML or SVG document"),
        (b"\x01\x99\xfe\x03" * 9, "of no kind that stellate knows"),
    ],
)
def test_says_what_the_file_is(tmp_path, suffix, content, message):
    path = tmp_path / f"cells{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_mislabelled_picture_is_told_its_right_name(tmp_path):
    path = tmp_path / "cells.tif"
    path.write_bytes(jpeg_bytes())
    with pytest.raises(InputError, match=r"the name says TIFF, but the content is JPEG; rename it to \.jpeg"):
        read(path)
    path.rename(tmp_path / "cells.dat")
    with pytest.raises(InputError, match=r"files of type \.dat are not read \(this is JPEG\); rename it"):
        read(tmp_path / "cells.dat")


def test_unknown_suffix_lists_the_known_ones(tmp_path):
    path = tmp_path / "cells.czi"
    path.write_bytes(b"ZISRAWFILE")
    with pytest.raises(
        InputError, match=r"a Zeiss CZI file\); export it as TIFF or PNG. Expected one of \.tif"
    ):
        read(path)


@pytest.mark.parametrize("name", ["missing.tif", "missing.xyz"])
def test_missing_file(tmp_path, name):
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / name)


def test_folder_with_the_name_of_an_image(tmp_path):
    (tmp_path / "plate.tif").mkdir()
    with pytest.raises(InputError, match="this is a folder"):
        read(tmp_path / "plate.tif")


def test_image_beyond_the_memory(tmp_path):
    def decode():
        with damaged_file_errors(tmp_path / "large.png"):
            raise MemoryError

    with pytest.raises(InputError, match=r"large\.png: does not fit into memory; save it as a tiled TIFF"):
        decode()


def test_identify_knows_both_byte_orders_and_bigtiff(tmp_path):
    for head in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        (tmp_path / "x").write_bytes(head + b"\0\0\0\0")
        assert identify(tmp_path / "x") == "TIFF"


def test_declared_size(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"1" * 1000)
    check_declared_size(path, (20_000, 20_000), np.uint8)
    with pytest.raises(InputError, match="no pixels"):
        check_declared_size(path, (0, 5), np.uint8)
    with pytest.raises(InputError, match=r"a file of 1,000 bytes declares .* damaged or hostile"):
        check_declared_size(path, (40_000, 40_000), np.uint8)
