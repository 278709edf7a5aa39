"""Class names and ids are the same after any way from format to format: no background shifts them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from stellate.data.box_dataset import BoxDataset
from stellate.data.folder import open_folder
from stellate.data.opening import open_boxes, open_classes
from stellate.io.box_table import write_box_table
from stellate.io.class_table import ImageClass, write_class_table
from stellate.io.coco import write_coco
from stellate.io.image_boxes import ImageBoxes
from stellate.io.sizes import image_size
from stellate.io.voc import write_voc
from stellate.io.yolo_data import write_yolo_data
from stellate.io.yolo_text import write_yolo

NAMES = ("round", "2", "T cell, CD8+", "Röhre")
"""In an order that is not that of letters; one is a number."""


@pytest.fixture
def masks(tmp_path, save_image) -> Path:
    """Three images with objects of all classes, one of them of a single pixel; files beside the masks state classes."""
    root = tmp_path / "masks data"
    for k in range(3):
        save_image(root / "images" / f"{k}.png", k)
        labels = np.zeros((20, 30), np.uint8)
        for label, corner in enumerate(((0, 0), (0, 10), (12, 0), (12, 20)), start=1):
            height, width = ((1, 1), (4, 3), (5, 8), (8, 10))[(label + k) % 4]
            labels[corner[0] : corner[0] + height, corner[1] : corner[1] + width] = 10 * label
        (root / "masks").mkdir(exist_ok=True)
        Picture.fromarray(labels).save(root / "masks" / f"{k}.png")
        rows = "".join(f'{10 * (c + 1)},"{NAMES[(c + k) % 4]}"\n' for c in range(4))
        (root / "masks" / f"{k}.csv").write_text("label,class\n" + rows, encoding="utf-8")
    (root / "class_names.txt").write_text("\n".join(NAMES), encoding="utf-8")
    return root


def stated(dataset: BoxDataset) -> list[ImageBoxes]:
    return [
        ImageBoxes(
            record.image_path.name,
            record.boxes_xyxy,
            tuple(dataset.class_names[k] for k in record.classes),
            size=image_size(record.image_path),
        )
        for record in dataset
    ]


def write(form: str, dataset: BoxDataset, folder: Path) -> Path:
    shutil.copytree(dataset.root / "images", folder / "images")
    images = stated(dataset)
    if form == "voc":
        for image in images:
            write_voc(folder / "Annotations" / f"{Path(image.file).stem}.xml", image)
    elif form == "coco":
        write_coco(folder / "annotations.json", images, dataset.class_names)
        return folder
    elif form == "yolo":
        for image in images:
            write_yolo(folder / "labels" / f"{Path(image.file).stem}.txt", image, dataset.class_names)
        write_yolo_data(folder / "data.yaml", dataset.class_names, {"train": "images"})
        return folder
    else:
        write_box_table(folder / "boxes.csv", images)
    shutil.copy(dataset.root / "class_names.txt", folder)
    return folder


def test_masks_have_the_same_classes_as_boxes_and_as_objects(masks):
    objects, boxes = open_folder(masks), open_boxes(masks)
    assert objects.class_names == boxes.class_names == NAMES
    for k in range(3):
        assert boxes.annotation(k).classes.tolist() == objects.annotation(k).classes.tolist()
        assert boxes.annotation(k).classes.tolist() == [(c + k) % 4 for c in range(4)]


@pytest.mark.parametrize("form", ["voc", "coco", "table", "yolo"])
def test_boxes_in_every_format(masks, tmp_path, form):
    first = open_boxes(masks)
    # a click, to Pascal VOC, is what an object of a single pixel is
    kept = {"bad_boxes": "drop"} if form == "voc" else {}
    again = open_boxes(write(form, first, tmp_path / form), **kept)
    assert again.class_names == NAMES
    for one, other in zip(first, again, strict=True):
        large = np.ptp(one.boxes_xyxy.reshape(-1, 2, 2), axis=1).min(axis=1) > (1 if form == "voc" else 0)
        assert one.name == other.name
        assert other.classes.tolist() == one.classes[large].tolist()
        assert other.boxes_xyxy.tolist() == one.boxes_xyxy[large].tolist()
    if form == "voc":
        assert again.left_out == {"bad boxes": 3}


def test_folders_and_tables_of_classes(tmp_path, save_image):
    for seed, name in enumerate(NAMES):
        save_image(tmp_path / "folders" / name / f"{seed}.png", seed)
    folders = open_classes(tmp_path / "folders")
    assert folders.class_names == ("2", "round", "Röhre", "T cell, CD8+")
    rows = [
        ImageClass(str(r.image_path.relative_to(tmp_path)), folders.class_names[r.class_id]) for r in folders
    ]
    write_class_table(tmp_path / "labels.csv", rows)
    table = open_classes(tmp_path / "labels.csv")
    assert table.class_names == folders.class_names
    for one, other in zip(folders, table, strict=True):
        assert (one.image_path, one.class_id) == (other.image_path, other.class_id)
        assert other.image_path.parent.name == table.class_names[other.class_id]


def test_pieces_have_the_classes_of_their_boxes(masks):
    boxes, pieces = open_boxes(masks), open_classes(masks, crop_margin=0.0)
    assert pieces.class_names == boxes.class_names
    assert [r.class_id for r in pieces] == [k for r in boxes for k in r.classes.tolist()]
    assert [pieces.annotation(k).probabilities.argmax() for k in range(12)] == [r.class_id for r in pieces]
