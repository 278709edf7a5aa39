"""COCO: ids of any kind, crowds, and that every slip is named with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stellate.errors import InputError
from stellate.io.coco import CocoBoxes, read_coco


def content(**changed: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 7, "file_name": "a.png", "height": 20, "width": 30},
            {"id": 3, "file_name": "b.png"},
        ],
        "annotations": [
            {"id": 1, "image_id": 3, "category_id": 90, "bbox": [1, 2, 3, 4]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0.5, 0, 1, 1], "iscrowd": 0},
        ],
        "categories": [{"id": 90, "name": "mitosis"}, {"id": 1, "name": "cell"}],
        **changed,
    }


def read(path: Path, text: Any) -> CocoBoxes:
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return read_coco(path)


def refused(path: Path, text: Any) -> str:
    with pytest.raises(InputError) as error:
        read(path, text)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value).removeprefix(f"{path}: ")


def annotation(**changed: Any) -> dict[str, Any]:
    return content(annotations=[{"image_id": 3, "category_id": 1, "bbox": [1, 2, 3, 4], **changed}])


def test_classes_count_from_0_in_the_order_of_ids(tmp_path):
    found = read(tmp_path / "a.json", content())
    assert found.class_names == ("cell", "mitosis")
    assert [(i.file, i.size, i.names, i.boxes_xyxy.tolist()) for i in found.images] == [
        ("a.png", (20, 30), ("cell",), [[0.5, 0, 1.5, 1]]),
        ("b.png", None, ("mitosis",), [[1, 2, 4, 6]]),
    ]
    assert found.images[1].places == ("annotation 1",)


def test_crowds_are_left_out_and_counted(tmp_path):
    found = read(tmp_path / "a.json", annotation(iscrowd=1, bbox=None))
    assert (found.n_crowds, [i.names for i in found.images]) == (1, [(), ()])


def test_a_byte_order_mark(tmp_path):
    assert len(read(tmp_path / "a.json", "\ufeff" + json.dumps(content())).images) == 2


def test_files_that_are_none(tmp_path):
    file = tmp_path / "a.json"
    assert refused(file, json.dumps(content())[:-9]).startswith("line 1: no whole JSON (")
    assert refused(file, "[1]").startswith("no list called images, annotations, categories; COCO files have")
    assert refused(file, content(annotations={})).startswith("no list called annotations; ")
    assert refused(file, "[" * 200_000).startswith("nested too deeply to be COCO")
    file.write_bytes("é".encode("utf-16"))
    with pytest.raises(InputError, match="not a text in UTF-8"):
        read_coco(file)
    with pytest.raises(InputError, match=r"b\.json: no such file"):
        read_coco(tmp_path / "b.json")


def test_ids_that_are_none(tmp_path):
    file = tmp_path / "a.json"
    images = content()["images"]
    assert refused(file, content(images=[*images, images[0]])) == (
        "two of kind image have the id 7; export the file again"
    )
    assert refused(file, content(images=[{"id": "7"}])).startswith("image 1 has no id that is a whole number")
    assert refused(file, content(categories=[{"id": True}])).startswith(
        "category 1 has no id that is a whole"
    )
    assert refused(file, content(images=["a.png"])).startswith("image 1 has no id")
    assert refused(file, annotation(image_id=4)) == (
        "annotation 1: of the image 4, which is not in the file; export it again"
    )
    assert refused(file, annotation(category_id=2)).startswith(
        "annotation 1: of the category 2, which is not"
    )
    assert refused(file, content(annotations=[3])) == (
        "annotation 1: expected an object, got 3; export the file again"
    )


def test_names_that_are_none(tmp_path):
    file = tmp_path / "a.json"
    twice = [{"id": 1, "name": "cell"}, {"id": 90, "name": " cell"}]
    assert refused(file, content(categories=twice)).startswith("two categories are called 'cell'; give each")
    assert refused(file, content(categories=[{"id": 1}, {"id": 90, "name": "b"}])).startswith(
        "category 1: no class"
    )
    assert refused(file, content(images=[{"id": 7}, {"id": 3, "file_name": " "}])) == (
        "image 7 has no file_name; export the file again"
    )


@pytest.mark.parametrize(
    ("bbox", "what"),
    [
        (None, "annotation 1: bbox is None, where x, y, width and height are expected"),
        ([1, 2, 3], "annotation 1: bbox is [1, 2, 3], where"),
        ([1, 2, "a", 4], "annotation 1: width is 'a', where a finite number is expected"),
        ([1, 2, 3, float("nan")], "annotation 1: height is nan, where a finite number is expected"),
        ([1, True, 3, 4], "annotation 1: y is True, where a finite number is expected"),
    ],
)
def test_boxes_that_are_none(tmp_path, bbox, what):
    assert refused(tmp_path / "a.json", annotation(bbox=bbox)).startswith(what)
