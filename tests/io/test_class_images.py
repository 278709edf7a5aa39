from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import tifffile

from stellate import io
from stellate.errors import InputError
from stellate.io import tiff_planes
from stellate.io.class_masks import read_class_mask
from stellate.results import Mask

NAMES = ("ground", "cell", "nücleus")


def mask(shape, *, names=NAMES, seed=0, probabilities=True):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, len(names), shape).astype(np.int32)
    maps = rng.random((len(names), *shape)).astype(np.float32) if probabilities else None
    return Mask(classes, names, maps)


def test_classes_are_read_back_with_their_names_and_pixel_size(tmp_path):
    found = mask((31, 47))
    io.write_classes(tmp_path / "a.tif", [found], axes="YX", spacing_um={"Y": 0.5, "X": 0.25})
    np.testing.assert_array_equal(read_class_mask(tmp_path / "a.tif").values, found.classes)
    image = io.read(tmp_path / "a.tif")
    assert (image.axes, image.array.dtype, image.spacing_um) == ("YX", np.uint8, {"Y": 0.5, "X": 0.25})
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.imagej_metadata["Info"] == "0: ground\n1: cell\n2: nücleus"
        assert file.imagej_metadata["max"] == 2


def test_the_smallest_type_that_holds_all_classes_and_none(tmp_path):
    for n_classes, dtype in ((2, np.uint8), (255, np.uint8), (256, np.uint16)):
        names = tuple(map(str, range(n_classes)))
        classes = np.array([[0, n_classes - 1, -1]], np.int32)
        io.write_classes(tmp_path / "a.tif", [Mask(classes, names)], axes="YX")
        values = tifffile.imread(tmp_path / "a.tif")
        assert values.dtype == dtype
        assert values.tolist() == [[0, n_classes - 1, np.iinfo(dtype).max]]
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            assert file.imagej_metadata["Info"].endswith(f"\n{np.iinfo(dtype).max}: not known")


@pytest.mark.parametrize("limit", [tiff_planes._IMAGEJ_LIMIT, 1000])
@pytest.mark.parametrize(
    ("axes", "n_frames", "shape"),
    [
        ("YX", 1, (21, 34)),
        ("ZYX", 1, (4, 21, 34)),
        ("TYX", 3, (21, 34)),
        ("TZYX", 2, (4, 21, 34)),
        ("ZYX", 3, (21, 34)),
    ],
)
def test_frames_and_volumes_keep_their_axes(tmp_path, monkeypatch, limit, axes, n_frames, shape):
    """In ImageJ's files, and in the tiled ones of large images."""
    monkeypatch.setattr(tiff_planes, "_IMAGEJ_LIMIT", limit)
    masks = [mask(shape, seed=k) for k in range(n_frames)]
    spacing = {"Z": 2.0, "Y": 0.5, "X": 0.5}
    io.write_classes(tmp_path / "c.tif", masks, axes=axes, spacing_um=spacing)
    io.write_probabilities(tmp_path / "p.tif", masks, axes=axes, spacing_um=spacing)
    classes, maps = io.read(tmp_path / "c.tif"), io.read(tmp_path / "p.tif")
    stacked = np.stack([m.classes for m in masks]) if n_frames > 1 else masks[0].classes
    assert classes.axes == axes
    np.testing.assert_array_equal(classes.array, stacked)
    assert maps.spacing_um == classes.spacing_um
    assert maps.array.dtype == np.float32
    both = np.stack([m.probabilities for m in masks]) if n_frames > 1 else masks[0].probabilities
    along = ("T" if axes[0] == "T" else "Z" if n_frames > 1 else "") + "C" + axes[-len(shape) :]
    np.testing.assert_array_equal(maps.to_axes(along), both)


@pytest.mark.parametrize(
    ("shape", "axes", "n_frames"),
    [((9, 8), "YX", 1), ((9, 8), "TYX", 2), ((4, 9, 8), "ZYX", 1), ((4, 9, 8), "TZYX", 2)],
)
@pytest.mark.parametrize("of_imagej", [True, False])
def test_channels_of_probabilities_have_the_names_of_classes(
    tmp_path, monkeypatch, shape, axes, n_frames, of_imagej
):
    if not of_imagej:
        monkeypatch.setattr(tiff_planes, "_IMAGEJ_LIMIT", 100)
    io.write_probabilities(tmp_path / "p.tif", [mask(shape)] * n_frames, axes=axes)
    with tifffile.TiffFile(tmp_path / "p.tif") as file:
        assert (file.is_imagej, file.is_ome) == (of_imagej, not of_imagej)
        if of_imagej:
            assert file.imagej_metadata["Labels"] == [*NAMES] * (len(file.pages) // 3)
    assert io.read(tmp_path / "p.tif").channel_names == NAMES
    assert io.open_lazy(tmp_path / "p.tif").channel_names == NAMES


def test_writing_holds_a_plane_at_a_time(tmp_path):
    found = mask((20, 256, 256), probabilities=True)
    tracemalloc.start()
    io.write_classes(tmp_path / "c.tif", [found], axes="ZYX")
    io.write_probabilities(tmp_path / "p.tif", [found], axes="ZYX")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < found.classes.nbytes


@pytest.mark.parametrize(
    ("masks", "axes", "message"),
    [
        ([mask((4, 5)), mask((4, 6))], "TYX", "one shape and with the same classes, got 2 of 2 kinds"),
        ([mask((4, 5)), mask((4, 5), names=("x", "y", "z"))], "TYX", "of 2 kinds"),
        ([mask((4, 5))], "TZYX", r"axes 'TZYX' do not fit masks of shape \(1, 4, 5\)"),
        ([mask((4, 5)), mask((4, 5))], "YX", r"axes 'YX' do not fit masks of shape \(2, 4, 5\)"),
        ([mask((4, 5))], "XY", "expected YX, ZYX, TYX or TZYX"),
    ],
)
def test_refuses(tmp_path, masks, axes, message):
    for write in (io.write_classes, io.write_probabilities):
        with pytest.raises(InputError, match=message):
            write(tmp_path / "a.tif", masks, axes=axes)
    assert list(tmp_path.iterdir()) == []


def test_refuses_probabilities_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"expected probabilities of shape \(3, 4, 5\), got none"):
        io.write_probabilities(tmp_path / "a.tif", [mask((4, 5), probabilities=False)], axes="YX")
