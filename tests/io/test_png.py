"""PNG against Pillow and imagecodecs, which write it."""

from __future__ import annotations

import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image as PillowImage

from stellate.errors import InputError
from stellate.io import read
from stellate.io.png import read_values

rng = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("shape", "axes"), [((7, 9), "YX"), ((7, 9, 3), "YXC"), ((1, 1), "YX"), ((3, 1), "YX")]
)
def test_round_trip(tmp_path, dtype, shape, axes):
    array = rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    path = tmp_path / "field.png"
    path.write_bytes(imagecodecs.png_encode(array))
    image = read(path)
    assert (image.axes, image.array.dtype, image.name, image.path) == (axes, dtype, "field", path)
    np.testing.assert_array_equal(image.array, array)


def test_axes_of_the_caller(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(np.zeros((5, 6, 3), np.uint8)))
    assert read(path, axes="yxz").axes == "YXZ"
    with pytest.raises(InputError, match=r"a\.png: axes 'YX' name 2 dimensions, but the array has 3"):
        read(path, axes="YX")


def test_palette_gives_colours_and_masks_its_indices(tmp_path):
    indices = rng.integers(0, 4, (6, 5)).astype(np.uint8)
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 9, 0], [3, 4, 5]], np.uint8)
    picture = PillowImage.fromarray(indices, "P")
    picture.putpalette(palette.tobytes())
    picture.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read(tmp_path / "p.png").array, palette[indices])
    np.testing.assert_array_equal(read_values(tmp_path / "p.png"), indices)


def png_of_bits(rows, depth):
    """A grey PNG of 1, 2 or 4 bits, put together by hand."""
    height, width = len(rows), len(rows[0])
    packed = b""
    for row in rows:
        bits = "".join(f"{value:0{depth}b}" for value in row)
        bits += "0" * (-len(bits) % 8)
        packed += b"\0" + bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(packed)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_are_stretched_for_pictures_and_kept_for_masks(tmp_path, depth):
    values = rng.integers(0, 2**depth, (3, 5))
    path = tmp_path / "few.png"
    path.write_bytes(png_of_bits(values.tolist(), depth))
    np.testing.assert_array_equal(read(path).array, values * (255 // (2**depth - 1)))
    np.testing.assert_array_equal(read_values(path), values)


@pytest.mark.parametrize("samples", [2, 4])
def test_opaque_alpha_is_dropped_and_transparency_refused(tmp_path, samples):
    array = rng.integers(0, 255, (4, 5, samples)).astype(np.uint8)
    array[..., -1] = 255
    path = tmp_path / "alpha.png"
    path.write_bytes(imagecodecs.png_encode(array))
    np.testing.assert_array_equal(read(path).array, array[..., 0] if samples == 2 else array[..., :3])
    array[2, 2, -1] = 254
    path.write_bytes(imagecodecs.png_encode(array))
    with pytest.raises(InputError, match=r"transparent pixels \(an alpha channel\); flatten it"):
        read(path)


def test_exif_orientation_is_not_applied(tmp_path):
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    array = rng.integers(0, 255, (4, 7)).astype(np.uint8)
    for name in ("o.png", "o.jpg"):
        PillowImage.fromarray(array).save(tmp_path / name, exif=exif)
        assert read(tmp_path / name).shape == (4, 7)


@pytest.mark.parametrize("keep", [12, 20, 40, 0.5, 0.9])
def test_truncated(tmp_path, keep):
    whole = imagecodecs.png_encode(rng.integers(0, 255, (64, 64)).astype(np.uint8))
    path = tmp_path / "cut.png"
    path.write_bytes(whole[: keep if keep > 1 else int(len(whole) * keep)])
    with pytest.raises(InputError, match=r"cut\.png: .*(cannot be decoded|damaged)"):
        read(path)


def test_damaged_pixels(tmp_path):
    whole = bytearray(imagecodecs.png_encode(rng.integers(0, 255, (64, 64)).astype(np.uint8)))
    whole[len(whole) // 2] ^= 0xFF
    (tmp_path / "bad.png").write_bytes(whole)
    with pytest.raises(InputError, match="cannot be decoded"):
        read(tmp_path / "bad.png")


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (2**31 - 1, 2**31 - 1), (60_000, 60_000)])
def test_impossible_sizes(tmp_path, width, height):
    whole = bytearray(imagecodecs.png_encode(np.zeros((4, 4), np.uint8)))
    whole[16:24] = struct.pack(">II", width, height)
    whole[29:33] = struct.pack(">I", zlib.crc32(bytes(whole[12:29])))
    (tmp_path / "bomb.png").write_bytes(whole)
    with pytest.raises(InputError, match=r"no pixels|damaged or hostile"):
        read(tmp_path / "bomb.png")
