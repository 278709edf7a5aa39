import numpy as np
import pytest

from stellate.axes import Image
from stellate.data import blocks as module
from stellate.data.pixels import GREY, Pixels


class Chunked:
    """Basic slicing only, like a chunked file; remembers how many values were read."""

    def __init__(self, array, chunks):
        self.array, self.chunks, self.shape, self.dtype, self.read = (
            array,
            chunks,
            array.shape,
            array.dtype,
            0,
        )

    def __getitem__(self, index):
        assert all(isinstance(i, slice) for i in index)
        self.read += self.array[index].size
        return self.array[index]


@pytest.fixture
def cube():
    return np.random.default_rng(0).integers(0, 1000, (3, 40, 50)).astype(np.uint16)


@pytest.mark.parametrize("axes", ["CYX", "YXC", "YCX", "XYC"])
def test_regions_of_any_axis_order(cube, axes):
    array = np.transpose(cube, ["CYX".index(a) for a in axes])
    for channels in [(0, 1, 2), (2,), (2, 0), (1, 1, 1)]:
        pixels = Pixels(Image(array, axes), channels)
        assert pixels.shape == (len(channels), 40, 50)
        np.testing.assert_array_equal(pixels[:, 5:20, 7:9], cube[list(channels), 5:20, 7:9])
        np.testing.assert_array_equal(pixels[:1, 30:], cube[list(channels)][:1, 30:])


def test_without_a_channel_axis(cube):
    np.testing.assert_array_equal(Pixels(Image(cube[0], "YX"))[:, 3:7, 2:4], cube[:1, 3:7, 2:4])


def test_brightest_along_depth(cube):
    stack = np.stack([cube, cube[::-1]])
    pixels = Pixels(Image(stack, "ZCYX"), (0, 2))
    np.testing.assert_array_equal(pixels[:, 1:3, 4:9], stack.max(axis=0)[[0, 2], 1:3, 4:9])


@pytest.mark.parametrize("axes", ["CZYX", "ZCYX", "ZYXC", "XYZC"])
def test_regions_of_volumes_of_any_axis_order(cube, axes):
    volume = np.stack([cube, 7 * cube[:, ::-1]], axis=1)
    array = np.transpose(volume, ["CZYX".index(a) for a in axes])
    for channels in [(0, 1, 2), (1,), (2, 0)]:
        pixels = Pixels(Image(array, axes), channels, volume=True)
        assert pixels.shape == (len(channels), 2, 40, 50)
        np.testing.assert_array_equal(pixels[:, 1:, 5:20, 7:9], volume[list(channels)][:, 1:, 5:20, 7:9])
        np.testing.assert_array_equal(pixels[:, :1, 30:], volume[list(channels)][:, :1, 30:])


def test_a_volume_without_depth_has_one_plane(cube):
    pixels = Pixels(Image(cube[0], "YX"), volume=True)
    np.testing.assert_array_equal(pixels[:, :5, 3:7, 2:4], cube[:1, np.newaxis, 3:7, 2:4])
    assert pixels.shape == (1, 1, 40, 50)
    assert Pixels(Image(Chunked(cube[0], (8, 50)), "YX"), volume=True).chunks == (1, 1, 8, 50)


def test_grey_is_the_luma_of_bt601(cube):
    pixels = Pixels(Image(np.moveaxis(cube, 0, -1), "YXC"), GREY)
    expected = 0.299 * cube[0] + 0.587 * cube[1] + 0.114 * cube[2]
    np.testing.assert_allclose(pixels[:, 4:8, 5:9][0], expected[4:8, 5:9], rtol=1e-6)
    assert pixels.shape == (1, 40, 50)
    assert pixels.dtype == np.float32


def test_grey_volumes(cube):
    volume = np.stack([cube, cube[::-1]])
    pixels = Pixels(Image(volume, "ZCYX"), GREY, volume=True)
    expected = np.tensordot([0.299, 0.587, 0.114], volume, axes=(0, 1))
    np.testing.assert_allclose(pixels[:, :, 4:8, 5:9][0], expected[:, 4:8, 5:9], rtol=1e-6)


def test_a_single_channel_is_read_alone(cube):
    lazy = Chunked(cube, (1, 8, 50))
    Pixels(Image(lazy, "CYX"), (1,))[:, :8, :10]
    assert lazy.read == 80


def test_blocks_cover_the_image_in_whole_chunks(cube, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 3 * 50 * 17)
    pixels = Pixels(Image(Chunked(cube, (1, 8, 50)), "CYX"), (0, 1, 2))
    blocks = list(pixels.blocks())
    assert [b.shape[1] for b in blocks] == [16, 16, 8]
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), cube)
    assert pixels.chunks == (3, 8, 50)


def test_blocks_of_volumes_are_bounded(cube, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 20 * 50)
    blocks = list(Pixels(Image(cube, "ZYX"), volume=True).blocks())
    assert {b.shape for b in blocks} == {(1, 1, 20, 50)}
    np.testing.assert_array_equal(np.concatenate(blocks, axis=2).reshape(cube.shape), cube)
    chunked = Pixels(Image(Chunked(cube, (2, 8, 50)), "ZYX"), volume=True)
    assert [b.shape for b in chunked.blocks()] == [(1, 2, 8, 50)] * 5 + [(1, 1, 8, 50)] * 5
