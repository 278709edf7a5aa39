"""Volumes and masks as programs write them, and axes that contradict one another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from stellate.data.check import check
from stellate.data.folder import Dataset, open_folder
from stellate.errors import DataError, InputError

SHAPE = (5, 6, 7)


def volume(channels: int = 0) -> np.ndarray:
    shape = (channels, *SHAPE) if channels else SHAPE
    return np.random.default_rng(0).integers(0, 1000, shape).astype(np.uint16)


def labels() -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:3, 2:5, 1:6] = 3
    mask[3:, :2, 6] = 9
    return mask


def save(path: Path, array: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        tifffile.imwrite(path, array, **options)


def dataset(root: Path, image: np.ndarray, mask: np.ndarray, **options: object) -> Dataset:
    """A pair of TIFF files, the mask plain."""
    save(root / "images" / "a.tif", image, photometric="minisblack", **options)
    save(root / "masks" / "a.tif", mask, photometric="minisblack")
    return open_folder(root)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".tif", {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2.0, "unit": "um"}}),
        (".ome.tif", {"metadata": {"axes": "ZYX", "PhysicalSizeZ": 2.0, "PhysicalSizeZUnit": "µm"}}),
        (".tif", {}),
        (".npy", {}),
    ],
)
@pytest.mark.parametrize("mask_suffix", [".tif", ".npy"])
def test_volumes_of_all_kinds(tmp_path, suffix, options, mask_suffix):
    save(tmp_path / "images" / f"a{suffix}", volume(), **options)
    save(tmp_path / "masks" / f"a{mask_suffix}", labels())
    found = open_folder(tmp_path)
    assert found.volumes
    image, annotation = found.pair(0)
    assert image.axes == found.image(0).axes == "ZYX"
    np.testing.assert_array_equal(image.array, volume())
    np.testing.assert_array_equal(annotation.labels, np.select([labels() == 3, labels() == 9], [1, 2]))
    assert image.spacing_um.get("Z") == (2.0 if options else None)


@pytest.mark.parametrize("axes", ["CZYX", "ZCYX", "ZYXC"])
def test_channels_of_a_bare_array_are_told_by_the_mask(tmp_path, axes):
    array = np.transpose(volume(2), ["CZYX".index(a) for a in axes])
    save(tmp_path / "images" / "a.npy", array)
    save(tmp_path / "masks" / "a.npy", labels())
    image, _ = open_folder(tmp_path).pair(0)
    assert image.axes == axes
    np.testing.assert_array_equal(image.to_axes("CZYX"), volume(2))


def test_a_bare_array_that_the_mask_does_not_tell_is_asked_about(tmp_path):
    save(tmp_path / "images" / "a.npy", np.zeros((5, 5, 5, 5)))
    save(tmp_path / "masks" / "a.npy", np.zeros((5, 5, 5), np.uint8))
    with pytest.raises(InputError, match=r"a\.npy: .*name its axes"):
        open_folder(tmp_path).pair(0)
    assert open_folder(tmp_path, axes="CZYX").pair(0)[0].sizes["C"] == 5


def test_a_colour_picture_of_three_columns_of_planes_is_none(tmp_path):
    """An array (rows, columns, 3) is a colour picture, unless the mask has that shape."""
    for kind, mask in (("picture", np.zeros((4, 6), np.uint8)), ("volume", np.zeros((4, 6, 3), np.uint8))):
        save(tmp_path / kind / "images" / "a.npy", np.zeros((4, 6, 3), np.uint8))
        save(tmp_path / kind / "masks" / "a.npy", mask)
    assert open_folder(tmp_path / "picture").pair(0)[0].axes == "YXC"
    assert not open_folder(tmp_path / "picture").volumes


def test_pages_are_planes_only_where_the_mask_has_as_many(tmp_path):
    pages = {"metadata": {"axes": "QYX"}}
    image, _ = dataset(tmp_path / "same", volume(), labels(), **pages).pair(0)
    assert image.axes == "ZYX"
    for mask in (labels()[0], labels()[:3]):
        odd = dataset(tmp_path / str(mask.ndim), volume(), mask, **pages)
        assert not odd.volumes
        with pytest.raises(DataError, match=r"a\.tif: several frames \(5 along P\)"):
            odd.pair(0)


def test_one_plane(tmp_path):
    """In a TIFF file it is an image; a bare array keeps its depth."""
    save(tmp_path / "images" / "a.npy", volume()[:1])
    save(tmp_path / "masks" / "a.npy", labels()[1:2])
    image, annotation = open_folder(tmp_path).pair(0)
    assert (image.axes, image.shape, annotation.labels.shape) == ("ZYX", (1, 6, 7), (1, 6, 7))
    assert open_folder(tmp_path).volumes
    image, annotation = dataset(tmp_path / "tif", volume()[:1], labels()[1:2]).pair(0)
    assert (image.axes, annotation.labels.shape) == ("YX", (6, 7))
    named = open_folder(tmp_path / "tif", axes="ZYX")
    image, annotation = named.pair(0)
    assert (image.axes, image.shape, annotation.labels.shape) == ("ZYX", (1, 6, 7), (1, 6, 7))
    assert not [f for f in check(tmp_path / "tif", axes="ZYX").findings if "shape" in f.what]


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            labels().T,
            r"shape \(7, 6, 5\), but .* \(5, 6, 7\) along ZYX; its axes seem to be in another order",
        ),
        (labels()[:, :5], r"shape \(5, 5, 7\), but .* along ZYX; export the mask at the image's size"),
        (labels()[0], r"shape \(6, 7\), but the image has \(5, 6, 7\) along ZYX"),
    ],
)
def test_masks_that_do_not_fit(tmp_path, mask, message):
    found = dataset(tmp_path, volume(), mask, imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(DataError, match=r"masks.a\.tif: the mask has " + message):
        found.pair(0)


def test_planes_that_are_stored_as_channels(tmp_path):
    found = dataset(tmp_path, volume(), labels(), imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(DataError, match=r"but the image has \(6, 7\) along YX; .*e\.g\. axes ZYX for planes"):
        found.pair(0)
    assert open_folder(tmp_path, axes="ZYX").pair(0)[0].axes == "ZYX"


def test_time_is_no_depth(tmp_path):
    found = dataset(tmp_path, volume(), labels(), imagej=True, metadata={"axes": "TYX"})
    with pytest.raises(DataError, match=r"several frames \(5 along T\); .*ZYX"):
        found.pair(0)
    assert open_folder(tmp_path, axes="ZYX").volumes


def test_axes_in_another_order_than_the_mask(tmp_path):
    save(tmp_path / "images" / "a.tif", volume().transpose(1, 2, 0), photometric="minisblack")
    save(tmp_path / "masks" / "a.tif", labels(), photometric="minisblack")
    image, annotation = open_folder(tmp_path, axes="YXZ").pair(0)
    assert image.to_axes("ZYX").shape == annotation.labels.shape
