"""Which images of classes, or with one box, are trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from stellate.data.box_dataset import BoxDataset, BoxRecord
from stellate.data.class_dataset import ClassDataset, ClassRecord
from stellate.errors import DataError
from stellate.models.file import ModelInfo
from stellate.training.settings import TrainSettings
from stellate.training.whole_plan import check_classes, class_ids, drawn_by_class, usable

NAMES = ("a", "b", "c")
Made = Callable[..., ClassDataset]


@pytest.fixture
def classes(tmp_path: Path) -> Made:
    """Images of these classes, perhaps in parts."""

    def make(ids: Sequence[int], splits: Sequence[str | None] = ()) -> ClassDataset:
        records = []
        for k, class_id in enumerate(ids):
            file = tmp_path / f"{k}.tif"
            tifffile.imwrite(file, np.random.default_rng(k).random((6, 7), dtype=np.float32))
            records.append(ClassRecord(str(k), file, class_id, splits[k] if splits else None))
        return ClassDataset(tmp_path, tuple(records), None, NAMES)

    return make


def use(
    dataset: Any, task: str = "classification", start: ModelInfo | None = None, **given: Any
) -> tuple[Any, list]:
    said: list[str] = []
    return usable(dataset, task, TrainSettings(**given), start, say=said.append), said


def names_of(dataset: Any) -> list[str]:
    return [dataset.class_names[k] for k in class_ids(dataset)]


def test_all_that_can_be_used_are(classes: Made) -> None:
    dataset = classes([0, 1, 0, 2, 1, 2])
    found, said = use(dataset)
    assert found.records == dataset.records
    assert said == []


def test_images_that_cannot_be_read_are_told_together(classes: Made, tmp_path: Path) -> None:
    dataset = classes([0, 1] * 8)
    for k in range(2, 12):
        (tmp_path / f"{k}.tif").write_bytes(b"no image")
    array = np.ones((6, 7), dtype=np.float32)
    array[2, 2] = np.nan
    tifffile.imwrite(tmp_path / "1.tif", array)
    with pytest.raises(DataError) as caught:
        use(dataset)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}: 11 of 16 images cannot be used: ")
    assert "1.tif: values that are NaN or infinite" in message
    assert "2.tif" in message
    assert "; and 3 more" in message
    assert message.endswith("or go on without them (skip_unreadable)")
    found, said = use(dataset, skip_unreadable=True)
    assert [r.name for r in found.records] == ["0", "12", "13", "14", "15"]
    assert said[0].startswith("left out: 11 of 16 images cannot be used")


def test_if_no_image_is_left(classes: Made, tmp_path: Path) -> None:
    dataset = classes([0, 1, 0, 1])
    for k in range(4):
        (tmp_path / f"{k}.tif").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"no image is left; 4 of 4 images cannot be used"):
        use(dataset, skip_unreadable=True)


def test_a_class_with_a_single_image(classes: Made) -> None:
    dataset = classes([0, 0, 1, 2, 2, 2])
    with pytest.raises(
        DataError, match=r"there is a single image of b; a class needs two .*\(least_images 2\)"
    ):
        use(dataset)
    found, said = use(dataset, least_images=2)
    assert found.class_names == ("a", "c")
    assert names_of(found) == ["a", "a", "c", "c", "c"]
    assert said == ["left out: b (1), with fewer images than 2"]
    found, _ = use(dataset, least_images=3)
    assert (found.class_names, names_of(found)) == (("c",), ["c"] * 3)
    with pytest.raises(DataError, match=r"no class has 9 images; choose a smaller least_images"):
        use(dataset, least_images=9)


def test_names_of_classes_without_images_are_dropped_and_ids_follow(classes: Made) -> None:
    dataset = classes([2, 2, 1, 1])
    found, _ = use(dataset)
    assert found.class_names == ("b", "c")
    assert names_of(found) == ["c", "c", "b", "b"]


def test_classes_have_the_order_of_the_model_to_start_from(classes: Made) -> None:
    start = ModelInfo("m", "classifier", "classification", {}, class_names=("d", "c", "b", "a"))
    found, _ = use(classes([0, 0, 2, 2]), start=start)
    assert found.class_names == ("d", "c", "b", "a")
    assert names_of(found) == ["a", "a", "c", "c"]
    other = ModelInfo("m", "classifier", "classification", {}, class_names=("a", "x"))
    assert use(classes([0, 0, 2, 2]), start=other)[0].class_names == ("a", "c")


def test_what_is_to_be_tested_on_is_not_looked_at(classes: Made, tmp_path: Path) -> None:
    """A class that is there only is no class to learn, and its single image is no fault."""
    dataset = classes([0, 1, 0, 1, 2], ["train", "train", "val", "val", "test"])
    (tmp_path / "4.tif").write_bytes(b"no image")
    found, said = use(dataset)
    assert found.class_names == ("a", "b")
    assert found.splits == ("train", "val")
    assert said == []


def test_what_is_of_no_part_is_left_out_where_others_are_of_one(classes: Made) -> None:
    """A class that is there only is none to learn."""
    dataset = classes([0, 1, 0, 1, 2, 2], ["train", "train", "val", "val", None, None])
    found, said = use(dataset)
    assert found.class_names == ("a", "b")
    assert names_of(found) == ["a", "b", "a", "b"]
    assert said == ["left out: 2 images of no part (4, 5), where others are of one"]
    assert len(use(dataset, folds=2)[0]) == 6
    assert use(classes([0, 1, 0, 1], [None] * 4))[1] == []


def test_groups_on_both_sides_are_said(classes: Made) -> None:
    dataset = classes([0, 1, 0, 1, 0], ["train", "train", "val", "val", "test"])
    patients = ["p1", "p2", "p1", "p3", "p3"]
    records = [replace(r, group=g) for r, g in zip(dataset.records, patients, strict=True)]
    dataset = replace(dataset, records=tuple(records))
    warning = "warning: images of the group p1 are both trained and validated on; scores will seem too good"
    assert use(dataset)[1] == [warning]
    assert use(dataset, folds=2)[1] == []


def test_a_class_to_validate_on_is_one_to_train_on(classes: Made) -> None:
    dataset = classes([0, 0, 1, 2, 1], ["train", "train", "train", "val", "val"])
    with pytest.raises(DataError, match=r"c is in the images to validate on, but not in those to train on"):
        check_classes(dataset.split("train"), dataset.split("val"))
    check_classes(dataset.split("train"), dataset.subset([4]))


def test_the_same_image_in_two_classes_is_said(classes: Made, tmp_path: Path) -> None:
    dataset = classes([0, 1, 0, 1, 0])
    (tmp_path / "3.tif").write_bytes((tmp_path / "0.tif").read_bytes())
    (tmp_path / "4.tif").write_bytes((tmp_path / "2.tif").read_bytes())  # a copy, of the same class
    found, said = use(dataset)
    assert len(found) == 5
    assert said == [
        f"warning: the same image, annotated differently: {tmp_path / '0.tif'} and {tmp_path / '3.tif'}; keep the "
        "better of the two"
    ]


def test_all_classes_are_drawn_alike(classes: Made) -> None:
    dataset = classes([0, 0, 0, 2])
    chances = drawn_by_class(dataset)
    np.testing.assert_allclose(chances, [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def boxes(folder: Path, *counts: int) -> BoxDataset:
    records = []
    for k, n in enumerate(counts):
        file = folder / f"{k}.tif"
        tifffile.imwrite(file, np.random.default_rng(k).random((6, 7), dtype=np.float32))
        box = np.array([[1, 1, 4 + j, 5] for j in range(n)], dtype=np.float32).reshape(-1, 4)
        records.append(BoxRecord(str(k), file, box, np.full(n, k % 2, dtype=np.int32)))
    return BoxDataset(folder, tuple(records), None, ("a", "b"))


def test_exactly_one_box_in_each_image(tmp_path: Path) -> None:
    dataset = boxes(tmp_path, 1, 1, 2, 1, 0, 1, 1)
    with pytest.raises(DataError, match=r"exactly one box is expected in each image; 2 has 2, 4 has none"):
        use(dataset, "localization")
    found, said = use(dataset, "localization", skip_not_single=True)
    assert [r.name for r in found.records] == ["0", "1", "3", "5", "6"]
    assert names_of(found) == ["a", "b", "b", "b", "a"]
    assert said == ["left out: 2 images without exactly one box"]


def test_boxes_keep_their_classes_by_name(tmp_path: Path) -> None:
    dataset = boxes(tmp_path, 1, 1, 1, 1)
    dataset = replace(dataset, class_names=("unused", "a", "b"))
    records = tuple(replace(r, classes=r.classes + 1) for r in dataset.records)
    found, _ = use(replace(dataset, records=records), "localization")
    assert found.class_names == ("a", "b")
    assert names_of(found) == ["a", "b", "a", "b"]
