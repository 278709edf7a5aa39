"""Images of classes: annotations, names, pieces and parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from stellate.data.class_dataset import ClassDataset, ClassRecord
from stellate.errors import DataError


@pytest.fixture
def dataset(tmp_path):
    image = np.arange(3 * 8 * 10, dtype=np.uint16).reshape(3, 8, 10)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    records = (
        ClassRecord("whole", tmp_path / "a.tif", 0, "train"),
        ClassRecord("piece", tmp_path / "a.tif", 2, "val", "a", ((2, 5), (1, 9))),
    )
    return ClassDataset(tmp_path, records, "CYX", ("x", "y", "z"))


def test_an_annotation_is_certain(dataset):
    scores = dataset.annotation(1)
    assert (scores.probabilities.tolist(), scores.probabilities.dtype) == ([0, 0, 1], np.float32)
    assert (dataset.class_of(1), scores.class_names) == (2, ("x", "y", "z"))


def test_a_piece_has_all_channels(dataset):
    whole, piece = dataset.image(0), dataset.image(1)
    assert (piece.axes, piece.sizes) == ("CYX", {"C": 3, "Y": 3, "X": 8})
    assert np.array_equal(piece.array, whole.array[:, 2:5, 1:9])
    one = replace(dataset, channels=(2,)).image(1)
    assert np.array_equal(one.array[0], whole.array[2, 2:5, 1:9])
    assert not dataset.volumes


def test_a_piece_beyond_the_image(dataset):
    record = replace(dataset[1], region=((2, 9), (0, 4)))
    with pytest.raises(
        DataError, match=r"a\.tif: the piece Y 2 to 9 is not inside the image, which has 8 along Y"
    ):
        replace(dataset, records=(record,)).image(0)


def test_names_in_another_order(dataset):
    turned = dataset.with_class_names(("z", "other", "x"))
    assert [turned.class_names[turned.class_of(k)] for k in range(2)] == ["x", "z"]
    with pytest.raises(DataError, match="of the class z, which is not among x, y; name the classes alike"):
        dataset.with_class_names(("x", "y"))


def test_parts_and_slices_keep_everything_else(dataset):
    assert dataset.splits == ("train", "val")
    part = dataset.split("val")
    assert isinstance(part, ClassDataset)
    assert (
        [r.name for r in part]
        == [r.name for r in dataset[1:]]
        == [r.name for r in dataset.subset([1])]
        == ["piece"]
    )
    assert (part.axes, part.class_names) == ("CYX", ("x", "y", "z"))
    with pytest.raises(DataError, match="no part is called 'test'; parts of this folder: train, val"):
        dataset.split("test")


def test_frames_are_refused(tmp_path):
    tifffile.imwrite(
        tmp_path / "film.tif", np.zeros((4, 8, 9), np.uint8), imagej=True, metadata={"axes": "TYX"}
    )
    film = ClassDataset(tmp_path, (ClassRecord("film", tmp_path / "film.tif", 0),), class_names=("x",))
    with pytest.raises(DataError, match=r"film\.tif: several frames \(4 along T\)"):
        film.image(0)
