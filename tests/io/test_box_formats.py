"""Boxes in every format come back as they were written, and lie where the format says."""

from __future__ import annotations

import json
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellate.errors import InputError
from stellate.io.box_table import read_box_table, write_box_table
from stellate.io.coco import read_coco, write_coco
from stellate.io.image_boxes import ImageBoxes
from stellate.io.voc import read_voc, write_voc
from stellate.io.yolo_text import read_yolo, write_yolo

# names without blanks around them, and none that is brought to a usual form: accents, and 3.0 in tables
NAMES = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12).filter(
    lambda name: name.isprintable() and "." not in name and unicodedata.is_normalized("NFC", name)
)
ONE_PIXEL = ImageBoxes("one.png", np.array([[2, 3, 3, 4]]), ("cell",), size=(5, 6))
"""An object of the pixel in row 3, column 2."""

in_folder = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def image_boxes(draw: st.DrawFn, *, file: str = "a b/cells,1.png", whole: bool = False) -> ImageBoxes:
    """An image of any size with up to six boxes inside it, of whole pixels or not."""
    size = draw(st.integers(1, 3000)), draw(st.integers(1, 3000))
    boxes: list[list[float]] = []
    for _ in range(draw(st.integers(0, 6))):
        (y1, y2), (x1, x2) = (sorted(draw(st.tuples(*[st.integers(0, n - 1)] * 2))) for n in size)
        part = 0.0 if whole else draw(st.floats(0, 0.9))
        boxes.append([x1 + part, y1 + part, x2 + 1.0, y2 + 1.0])
    names = tuple(draw(NAMES) for _ in boxes)
    return ImageBoxes(file, np.array(boxes).reshape(-1, 4), names, size=size)


def same(found: ImageBoxes, given: ImageBoxes) -> None:
    assert (found.file, found.names) == (given.file, given.names)
    np.testing.assert_allclose(found.boxes_xyxy, given.boxes_xyxy, atol=1e-9)


@in_folder
@given(image=image_boxes(whole=True))
def test_voc_keeps_whole_pixels(tmp_path, image):
    write_voc(tmp_path / "a.xml", image)
    found = read_voc(tmp_path / "a.xml")
    same(found, image)
    assert found.size == image.size
    assert found.places == tuple(f"object {k + 1}" for k in range(len(image.names)))


@in_folder
@given(images=st.lists(image_boxes(), min_size=1, max_size=3))
def test_coco_keeps_boxes_names_and_sizes(tmp_path, images):
    images = [ImageBoxes(f"{k}.png", i.boxes_xyxy, i.names, size=i.size) for k, i in enumerate(images)]
    names = tuple(dict.fromkeys(name for i in images for name in i.names))
    write_coco(tmp_path / "a.json", images, names)
    found = read_coco(tmp_path / "a.json")
    assert (found.class_names, found.n_crowds) == (names, 0)
    for one, given_one in zip(found.images, images, strict=True):
        same(one, given_one)
        assert one.size == given_one.size


@in_folder
@given(image=image_boxes())
def test_yolo_keeps_boxes_and_names(tmp_path, image):
    names = ("other", *dict.fromkeys(image.names))
    write_yolo(tmp_path / "a.txt", image, names)
    assert image.size is not None
    found, n_outlines = read_yolo(tmp_path / "a.txt", image.file, image.size, dict(enumerate(names)))
    same(found, image)
    # shares of sides are no whole numbers, but boxes of datasets are float32, and whole pixels are exact there
    whole = image.boxes_xyxy == np.round(image.boxes_xyxy)
    assert np.array_equal(found.boxes_xyxy.astype(np.float32)[whole], image.boxes_xyxy[whole])
    assert (n_outlines, found.places) == (0, tuple(f"line {k + 1}" for k in range(len(image.names))))


@in_folder
@given(
    image=image_boxes(),
    split=st.sampled_from((None, "train", "val")),
    group=st.sampled_from(("", "patient 7")),
)
def test_tables_keep_boxes_names_parts_and_groups(tmp_path, image, split, group):
    image = ImageBoxes(image.file, image.boxes_xyxy, image.names, split=split, group=group)
    write_box_table(tmp_path / "a.csv", [image, ImageBoxes("empty.png")])
    found, empty = read_box_table(tmp_path / "a.csv")
    same(found, image)
    assert np.array_equal(found.boxes_xyxy, image.boxes_xyxy)  # to the last digit
    assert (found.split, found.group) == (split, group)
    assert (empty.file, empty.names) == ("empty.png", ())


def test_one_pixel_in_each_format(tmp_path):
    write_voc(tmp_path / "a.xml", ONE_PIXEL)
    box = ET.parse(tmp_path / "a.xml").find("object/bndbox")
    assert box is not None
    # counted from 1, and the last one included: column 3, row 4
    assert [(e.tag, e.text) for e in box] == [("xmin", "3"), ("ymin", "4"), ("xmax", "3"), ("ymax", "4")]
    write_coco(tmp_path / "a.json", [ONE_PIXEL], ["cell"])
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["annotations"][0]["bbox"] == [2, 3, 1, 1]
    assert content["annotations"][0]["category_id"] == content["categories"][0]["id"] == 1
    write_box_table(tmp_path / "a.csv", [ONE_PIXEL])
    assert (tmp_path / "a.csv").read_text().splitlines()[1] == "one.png,cell,2.0,3.0,3.0,4.0"
    write_yolo(tmp_path / "a.txt", ONE_PIXEL, ["other", "cell"])
    # the centre of column 2 of 6 and of row 3 of 5
    cells = (tmp_path / "a.txt").read_text().split()
    assert cells[0] == "1"
    assert [float(cell) for cell in cells[1:]] == pytest.approx([2.5 / 6, 3.5 / 5, 1 / 6, 1 / 5], rel=1e-15)
    for found in (
        read_yolo(tmp_path / "a.txt", "one.png", (5, 6), {0: "other", 1: "cell"}).boxes,
        read_voc(tmp_path / "a.xml"),
        read_coco(tmp_path / "a.json").images[0],
        read_box_table(tmp_path / "a.csv")[0],
    ):
        same(found, ONE_PIXEL)


def test_voc_writes_all_of_a_pixel_that_a_box_ends_in(tmp_path):
    write_voc(tmp_path / "a.xml", ImageBoxes("a.png", np.array([[1.5, 0.2, 3.1, 2]]), ("cell",), size=(9, 9)))
    assert read_voc(tmp_path / "a.xml").boxes_xyxy.tolist() == [[1, 0, 4, 2]]


def test_what_cannot_be_written(tmp_path):
    unknown = ImageBoxes("a.png", np.array([[0, 0, 1, 1]]), ("cell",))
    with pytest.raises(
        InputError, match=r"a\.png: Pascal VOC states the size of the image, which is not known"
    ):
        write_voc(tmp_path / "a.xml", unknown)
    with pytest.raises(InputError, match=r"a\.png: COCO states the size of each image, which is not known"):
        write_coco(tmp_path / "a.json", [unknown], ["cell"])
    with pytest.raises(InputError, match=r"one\.png: of the class 'cell', which is not among the names"):
        write_coco(tmp_path / "a.json", [ONE_PIXEL], ["nucleus"])
    with pytest.raises(InputError, match=r"a\.png: YOLO has boxes in shares of the image, whose size is not"):
        write_yolo(tmp_path / "a.txt", unknown, ["cell"])
    with pytest.raises(InputError, match=r"one\.png: of the class 'cell', which is not among the names"):
        write_yolo(tmp_path / "a.txt", ONE_PIXEL, ["nucleus"])
    outside = ImageBoxes("a.png", np.array([[0, 0, 1, 6]]), ("cell",), size=(5, 6))
    with pytest.raises(InputError, match=r"a\.png: box 1 is not inside the image; cut or remove it"):
        write_yolo(tmp_path / "a.txt", outside, ["cell"])
    with pytest.raises(InputError, match=r"a\.png: box 1 has no area"):
        write_voc(tmp_path / "a.xml", ImageBoxes("a.png", np.array([[4, 0, 4, 1]]), ("cell",), size=(9, 9)))
    with pytest.raises(
        InputError, match=r"a\.png: boxes of shape \(1, 3\) for 1 classes; expected a row of four"
    ):
        ImageBoxes("a.png", np.array([[0, 0, 1]]), ("cell",))
    assert not list(Path(tmp_path).iterdir())


@pytest.mark.parametrize("form", ["voc", "coco", "table", "yolo"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_read_or_refused_with_their_name(tmp_path, form, data):
    file = tmp_path / f"a.{form}"
    write, read = {
        "voc": (lambda: write_voc(file, ONE_PIXEL), read_voc),
        "coco": (lambda: write_coco(file, [ONE_PIXEL], ["cell"]), read_coco),
        "table": (lambda: write_box_table(file, [ONE_PIXEL]), read_box_table),
        "yolo": (
            lambda: write_yolo(file, ONE_PIXEL, ["cell"]),
            lambda path: read_yolo(path, "a.png", (5, 6), {0: "cell"}),
        ),
    }[form]
    write()
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    file.write_bytes(content)
    said = f"{file}: "
    try:
        read(file)
    except InputError as error:
        said = str(error)
    assert said.startswith(f"{file}: ")
