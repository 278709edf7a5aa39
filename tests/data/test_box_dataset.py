"""Images with boxes: what is refused of boxes, and what they become."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from stellate.data.box_dataset import BoxDataset, BoxRecord
from stellate.data.crops import square_around
from stellate.data.opening import open_boxes
from stellate.errors import ConfigError, DataError

HEADER = "image,class,xmin,ymin,xmax,ymax\n"


@pytest.fixture
def table(tmp_path, save_image):
    """Writes rows of a table of boxes in the images a, b and c of 20 x 30 pixels, and gives its path."""

    def write(*rows: str):
        for seed, name in enumerate("abc"):
            save_image(tmp_path / f"{name}.png", seed)
        (tmp_path / "boxes.csv").write_text(HEADER + "\n".join(rows) + "\n")
        return tmp_path / "boxes.csv"

    return write


def test_boxes_partly_outside_are_cut(table):
    dataset = open_boxes(table("a,x,-5,-1,10,8", "a,x,25,15,31,22.5", "b,x,0,0,30,20"))
    assert [r.boxes_xyxy.tolist() for r in dataset] == [[[0, 0, 10, 8], [25, 15, 30, 20]], [[0, 0, 30, 20]]]
    assert dataset[0].boxes_xyxy.dtype == np.float32


@pytest.mark.parametrize(
    ("sides", "what"),
    [
        ("4,4,4,9", r"line 2 \(x\): no area \(x 4 to 4, y 4 to 9\)"),
        ("4,4,3,9", r"line 2 \(x\): ends before it begins \(x 4 to 3, y 4 to 9\)"),
        ("30,0,33,9", r"line 2 \(x\): outside of the image, which is 30 wide and 20 high \(x 30 to 33"),
        ("-9,0,-1,9", r"line 2 \(x\): outside of the image"),
    ],
)
def test_boxes_that_are_none(table, sides, what):
    file = table(f"a,x,{sides}", "a,x,1,1,2,2")
    with pytest.raises(
        DataError, match=rf"boxes\.csv: a\.png, {what}.*; mend or remove them, or leave them out"
    ):
        open_boxes(file)
    dataset = open_boxes(file, bad_boxes="drop")
    assert dataset[0].boxes_xyxy.tolist() == [[1, 1, 2, 2]]
    assert dataset.left_out == {"bad boxes": 1}


def test_bad_boxes_are_named_together(table):
    file = table(*(f"a,x,{k},4,{k},9" for k in range(12)), "b,x,1,1,2,2", "b,x,1,1,2,2")
    with pytest.raises(
        DataError, match=r"13 faults: boxes\.csv: a\.png, line 2 .*line 9 .* and 5 more; mend"
    ):
        open_boxes(file)
    dropped = open_boxes(file, bad_boxes="drop")
    assert [len(r.boxes_xyxy) for r in dropped] == [0, 1]
    assert dropped.left_out == {"bad boxes": 13}


def test_the_same_box_twice(table):
    with pytest.raises(DataError, match=r"a\.png, line 3 \(x\): the same as line 2"):
        open_boxes(table("a,x,1,1,2,2", "a,x,1,1,2,2"))
    assert len(open_boxes(table("a,x,1,1,2,2", "a,y,1,1,2,2"))[0].boxes_xyxy) == 2  # of another class


def test_an_image_of_another_size(tmp_path, save_voc, save_image):
    save_voc(tmp_path, {"a": [("x", 0, 0, 5, 5)]})
    save_image(tmp_path / "JPEGImages" / "a.png", 0, (30, 20))
    with pytest.raises(
        DataError, match=r"a\.xml: a\.png: 30 x 20 pixels by the annotation, 20 x 30 by its file; "
    ):
        open_boxes(tmp_path)


def test_an_image_that_cannot_be_read_is_left_to_its_reader(table):
    file = table("a,x,1,1,40,40", "b,x,1,1,2,2")
    (file.parent / "a.png").write_bytes(b"broken")
    assert [r.boxes_xyxy.tolist() for r in open_boxes(file)] == [[[1, 1, 40, 40]], [[1, 1, 2, 2]]]


def test_an_image_that_shrank_since(table):
    dataset = open_boxes(table("a,x,1,1,30,20"))
    Picture.fromarray(np.zeros((10, 12), np.uint8)).save(dataset[0].image_path)
    with pytest.raises(
        DataError, match=r"a\.png: boxes reach to x 30, y 20, but the image has 12 x 10 pixels"
    ):
        dataset.pair(0)


def test_a_volume_has_no_boxes(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 20, 30), np.uint8))
    (tmp_path / "boxes.csv").write_text(HEADER + "a,x,1,1,2,2\n")
    with pytest.raises(DataError, match=r"a\.npy: a volume; boxes are for images"):
        open_boxes(tmp_path / "boxes.csv", axes="ZYX").pair(0)


def test_exactly_one_box(table):
    dataset = open_boxes(table("a,x,1,1,2,2", "b,x,1,1,2,2", "b,y,3,3,4,4", "c,,,,,"))
    with pytest.raises(
        DataError, match=r"exactly one box is expected in each image; b has 2, c has none; take these"
    ):
        dataset.single()
    kept = dataset.single(skip=True)
    assert [r.name for r in kept] == ["a"]
    assert kept.left_out == {"images without exactly one box": 2}
    assert kept.single() is kept
    with pytest.raises(DataError, match="none of 2 images has exactly one box"):
        dataset[1:].single(skip=True)


def test_other_class_names(table):
    dataset = open_boxes(table("a,x,1,1,2,2", "a,y,3,3,4,4"))
    turned = dataset.with_class_names(["z", "y", "x"])
    assert (turned.class_names, turned[0].classes.tolist()) == (("z", "y", "x"), [2, 1])
    assert turned.annotation(0).class_names == ("z", "y", "x")
    assert turned[0].classes.dtype == np.int32
    with pytest.raises(DataError, match="of the class x, which is not among y; name the classes alike"):
        dataset.with_class_names(["y"])


def test_crops_are_squares_of_the_box_s_class(table):
    dataset = replace(
        open_boxes(table("a,y,10,5,14,7", "b,x,0,0,4,2", "b,y,28,18,30,20", "c,,,,,")), axes="YX"
    )
    crops = dataset.crops(0.5)
    assert [(r.name, crops.class_names[r.class_id], r.region, r.group) for r in crops] == [
        ("a_1", "y", ((2, 10), (8, 16)), "a.png"),
        ("b_1", "x", ((0, 8), (0, 8)), "b.png"),  # moved into the image
        ("b_2", "y", ((16, 20), (26, 30)), "b.png"),
    ]
    assert crops.axes == "YX"
    image, scores = crops.pair(0)
    whole = dataset.image(0).array
    assert np.array_equal(image.array, whole[2:10, 8:16])
    assert image.array.base is None  # not a window that keeps all of the image
    assert scores.probabilities.tolist() == [0, 1]
    with pytest.raises(
        ConfigError, match=r"margin -0\.1 around boxes: expected a share of their side, at least 0"
    ):
        dataset.crops(-0.1)
    with pytest.raises(DataError, match="no boxes, and so no pieces of images"):
        dataset[2:].crops(0.1)


@given(st.tuples(*[st.integers(1, 40)] * 2), st.data(), st.sampled_from((0.0, 0.1, 0.2, 1.0)))
def test_a_square_holds_its_box_as_far_as_the_image_goes(size, data, margin):
    sides = [
        sorted(data.draw(st.tuples(*[st.integers(0, n)] * 2).filter(lambda s: s[0] != s[1]))) for n in size
    ]
    (y1, y2), (x1, x2) = sides
    (top, bottom), (left, right) = square_around(np.array([x1, y1, x2, y2], np.float32), size, margin)
    wanted = int(np.ceil(round(max(x2 - x1, y2 - y1) * (1 + 2 * margin), 6)))
    assert (bottom - top, right - left) == (min(wanted, size[0]), min(wanted, size[1]))
    assert 0 <= top <= max(y1 - 0, 0)
    assert top <= y1 < y2 <= bottom <= size[0]
    assert 0 <= left <= x1 < x2 <= right <= size[1]


def test_counts_of_no_images(tmp_path):
    assert BoxDataset(tmp_path, (), class_names=("a", "b")).counts().tolist() == [0, 0]
    record = BoxRecord("a", tmp_path / "a.png", np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    assert len(BoxDataset(tmp_path, (record,), class_names=("a",)).annotation(0)) == 0
