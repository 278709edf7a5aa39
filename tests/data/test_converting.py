"""Boxes from every layout to every other: nothing is shifted, renamed or lost, and nothing is half done."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from stellate import api
from stellate.data.box_dataset import BoxDataset
from stellate.data.opening import open_boxes
from stellate.errors import ConfigError, DataError, InputError, OutputError
from stellate.io.box_table import write_box_table
from stellate.io.image_boxes import ImageBoxes

CLASSES = ("T cell", "Röhre", "2")
"""In an order that is not that of letters; one is a number, and not that of its line."""
APART = {
    "Zelle ä 1.png": ("train", [("Röhre", 0, 0, 4, 3), ("T cell", 10, 5, 30, 20), ("2", 4, 3, 6, 9)]),
    "b.png": ("train", []),
    "c.png": ("val", [("2", 0, 0, 30, 20)]),
    "d.png": ("val", [("T cell", 1, 2, 3, 4), ("T cell", 27, 17, 30, 20)]),
}
"""Boxes in images of 20 rows and 30 columns: touching, at the border, and none."""
OVERLAPPING = {
    **APART,
    "e.png": ("train", [("T cell", 2, 2, 20, 20), ("Röhre", 3, 3, 10, 10), ("2", 2, 2, 20, 20)]),
}
BOX_FORMATS = ("voc", "coco", "yolo", "csv")


@pytest.fixture
def save(tmp_path, save_image) -> Callable[..., Path]:
    """Writes images and a table of boxes, given by file name as the part and the boxes; gives the folder."""

    def write(content: dict, names: tuple[str, ...] = CLASSES, group: str = "") -> Path:
        root = tmp_path / "source"
        stated = []
        for seed, (file, (split, boxes)) in enumerate(content.items()):
            save_image(root / "images" / file, seed)
            array = np.array([box[1:] for box in boxes], dtype=float).reshape(-1, 4)
            stated.append(ImageBoxes(file, array, tuple(box[0] for box in boxes), split=split, group=group))
        write_box_table(root / "boxes.csv", stated)
        (root / "class_names.txt").write_text("\n".join(names), encoding="utf-8")
        return root

    return write


def facts(dataset: BoxDataset) -> dict:
    """What must be the same in every layout."""
    images = {
        r.name: (r.split, r.classes.tolist(), r.boxes_xyxy.tolist(), r.image_path.read_bytes())
        for r in dataset
    }
    return {"names": dataset.class_names, **images}


@pytest.mark.parametrize("first", BOX_FORMATS)
def test_all_pairs_of_formats_of_boxes(save, tmp_path, first):
    source = save(OVERLAPPING)
    expected = facts(open_boxes(source))
    one = api.convert_data(source, tmp_path / "one", first)
    assert (one.n_images, one.n_boxes) == (5, 9)
    assert one.class_counts == {"T cell": 4, "Röhre": 2, "2": 3}
    assert (facts(open_boxes(one.folder)), one.notes) == (expected, ())
    for second in BOX_FORMATS:
        two = api.convert_data(one.folder, tmp_path / f"two {second}", second)
        assert (facts(open_boxes(two.folder)), two.notes) == (expected, ())


@pytest.mark.parametrize("second", BOX_FORMATS)
def test_all_formats_to_masks_and_back(save, tmp_path, second):
    source = save(APART)
    expected = facts(open_boxes(source))
    boxes = api.convert_data(source, tmp_path / "boxes", second).folder
    masks = api.convert_data(boxes, tmp_path / "masks", "masks")
    assert len(masks.notes) == 1
    assert masks.notes[0].startswith("the objects in the masks are filled boxes, and no outlines")
    found = facts(open_boxes(masks.folder))
    assert found == expected
    back = api.convert_data(masks.folder, tmp_path / "back", second)
    assert (facts(open_boxes(back.folder)), back.notes) == (expected, ())
    again = api.convert_data(masks.folder, tmp_path / "again", "masks")
    assert facts(open_boxes(again.folder)) == expected


@pytest.mark.parametrize("to", [*BOX_FORMATS, "masks"])
def test_data_without_parts_have_none_afterwards(save, tmp_path, to):
    source = save({name: (None, boxes) for name, (_, boxes) in APART.items()})
    done = api.convert_data(source, tmp_path / "out", to)
    assert open_boxes(done.folder).splits == ()
    assert facts(open_boxes(done.folder)) == facts(open_boxes(source))


@pytest.mark.parametrize("to", ["coco", "yolo", "csv"])
def test_parts_of_pixels_are_kept(save, tmp_path, to):
    source = save({"a.png": (None, [("2", 0.25, 1 / 3, 7.1, 19.9), ("2", 29.5, 19.5, 30, 20)])})
    done = api.convert_data(source, tmp_path / "out", to)
    assert facts(open_boxes(done.folder)) == facts(open_boxes(source))


def test_whole_pixels_only(save, tmp_path):
    boxes = [("2", 0.25, 0.4, 7.6, 9.9), ("2", 11.9996, 2.0004, 20, 9), ("2", 27.2, 17, 27.8, 19)]
    source = save({"a.png": (None, boxes)})
    voc = api.convert_data(source, tmp_path / "voc", "voc")
    assert voc.notes == (
        "2 boxes ended within a pixel: Pascal VOC has whole pixels, so all of it counts now",
        "1 box of a single pixel's width or height: in Pascal VOC that is a click",
    )
    # what six decimals of a share lose does not widen a box by a pixel
    assert open_boxes(voc.folder, bad_boxes="drop")[0].boxes_xyxy.tolist() == [[0, 0, 8, 10], [12, 2, 20, 9]]
    masks = api.convert_data(source, tmp_path / "masks", "masks")
    assert masks.notes[1] == "2 boxes ended within a pixel: masks have whole pixels, so sides were rounded"
    assert open_boxes(masks.folder)[0].boxes_xyxy.tolist() == [
        [0, 0, 8, 10],
        [12, 2, 20, 9],
        [27, 17, 28, 19],
    ]


def test_masks_hold_filled_boxes_and_no_overlaps(save, tmp_path):
    source = save(OVERLAPPING)
    with pytest.raises(
        DataError,
        match=r"boxes overlap, 3 pairs in 1 of 5 images \(box 1 \(T cell\) and box 2 \(Röhre\) of e\.png\), but",
    ):
        api.convert_data(source, tmp_path / "masks", "masks")
    assert not (tmp_path / "masks").exists()
    shutil.rmtree(source)
    api.convert_data(save(APART), tmp_path / "masks", "masks")
    labels = tifffile.imread(tmp_path / "masks" / "train" / "masks" / "Zelle ä 1.tif")
    expected = np.zeros((20, 30))
    expected[0:3, 0:4], expected[5:20, 10:30], expected[3:9, 4:6] = 1, 2, 3
    assert np.array_equal(labels, expected)


def test_what_has_no_place_in_a_format_is_said(save, tmp_path):
    source = save({"a.png": ("train", []), "b.png": ("train", [("2", 1, 1, 9, 9)])}, group="patient 7")
    groups = "groups (patients, slides) of 2 images (a.png, b.png) have no place in this format"
    part = "all images are of the part 'train', which a single part says no more"
    for to, notes in (("csv", ()), ("voc", (groups,)), ("coco", (groups, part)), ("yolo", (groups, part))):
        done = api.convert_data(source, tmp_path / to, to)
        assert done.notes == notes
    table = open_boxes(tmp_path / "csv")
    assert [(r.split, r.group) for r in table] == [("train", "patient 7")] * 2
    assert open_boxes(tmp_path / "voc").splits == ("train",)


def test_images_of_no_part_beside_others(save, tmp_path):
    source = save({**APART, "f.png": (None, [("2", 1, 1, 9, 9)])})
    for to in ("voc", "coco", "csv"):
        assert facts(open_boxes(api.convert_data(source, tmp_path / to, to).folder)) == facts(
            open_boxes(source)
        )
    for to, why in (
        ("yolo", r"data\.yaml lists the images of parts"),
        ("masks", "masks of parts lie in folders"),
    ):
        with pytest.raises(DataError, match=rf"1 image \(f\.png\) of no part, where others are, but {why}"):
            api.convert_data(source, tmp_path / to, to)


def test_what_the_reader_notes_and_leaves_out_is_said(save, tmp_path):
    source = save({"a.png": (None, [("2", 1, 1, 99, 9), ("2", 5, 5, 5, 9)])})
    with pytest.raises(DataError, match="no area"):
        api.convert_data(source, tmp_path / "out", "coco")
    done = api.convert_data(source, tmp_path / "out", "coco", bad_boxes="drop")
    assert done.notes == ("1 box reached beyond the image and was cut", "left out: 1 bad boxes")


def test_images_of_the_same_name(tmp_path, save_image):
    source = tmp_path / "source"
    for seed, part in enumerate(("train", "val")):
        save_image(source / part / "images" / "a.png", seed)
        save_image(source / part / "images" / "A.jpg", 7 + seed)
        files = [ImageBoxes(f"images/{n}", np.array([[seed, 0, 9, 9]]), ("x",)) for n in ("a.png", "A.jpg")]
        write_box_table(source / part / "boxes.csv", files)
    for to in BOX_FORMATS:
        done = api.convert_data(source, tmp_path / to, to)
        assert done.notes == ("new names for 3 images (A.jpg, a.png, A.jpg), as others have the same",)
        found = open_boxes(done.folder)
        assert {(r.image_path.name, r.split) for r in found} == {
            ("a.png", "train"),
            ("train_images_A.jpg", "train"),
            ("val_images_a.png", "val"),
            ("val_images_A_2.jpg", "val"),
        }
        assert by_pixels(found) == by_pixels(open_boxes(source))


def by_pixels(dataset: BoxDataset) -> dict:
    return {r.image_path.read_bytes(): (r.split, r.boxes_xyxy.tolist()) for r in dataset}


def test_a_class_that_a_table_would_change(save, tmp_path):
    source = api.convert_data(save({"a.png": (None, [("2", 1, 1, 9, 9)])}), tmp_path / "coco", "coco").folder
    file = source / "annotations" / "instances.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"2"', '"3.0"'), encoding="utf-8")
    with pytest.raises(
        DataError, match=r"the class '3\.0' would be read as '3' from a table; rename it, or choose"
    ):
        api.convert_data(source, tmp_path / "csv", "csv")
    for to in ("voc", "yolo", "masks"):
        done = api.convert_data(source, tmp_path / to, to)
        assert facts(open_boxes(done.folder)) == facts(open_boxes(source))


def test_images_are_linked_to_or_left(save, tmp_path):
    source = save(APART)
    linked = api.convert_data(source, tmp_path / "linked", "yolo", images="link")
    assert linked.notes == ("images are links: they are gone when the originals are moved",)
    image = tmp_path / "linked" / "images" / "val" / "c.png"
    assert image.is_symlink()
    assert image.resolve() == source / "images" / "c.png"
    assert facts(open_boxes(linked.folder)) == facts(open_boxes(source))
    # of links, the originals
    api.convert_data(linked.folder, tmp_path / "again", "coco", images="link")
    assert (tmp_path / "again" / "images" / "c.png").readlink() == source / "images" / "c.png"
    left = api.convert_data(source, tmp_path / "left", "masks", images="none")
    assert "images were left where they are: put them into train/images/ or val/images/" in left.notes[-1]
    assert not [*(tmp_path / "left").rglob("*.png")]


def test_nothing_is_half_done(save, tmp_path, monkeypatch):
    source = save(APART)
    old = api.convert_data(source, tmp_path / "out", "csv").folder
    before = {f: f.read_bytes() for f in old.rglob("*") if f.is_file()}

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for folder in ("out", "new"):
        with pytest.raises(KeyboardInterrupt):
            api.convert_data(source, tmp_path / folder, "yolo", overwrite=True, progress=stop)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", full)
        for folder in ("out", "new"):
            with pytest.raises(
                OutputError, match=rf"cannot write {folder}/ into .*: the disk is full; free some"
            ):
                api.convert_data(source, tmp_path / folder, "yolo", overwrite=True)
    assert {f: f.read_bytes() for f in old.rglob("*") if f.is_file()} == before
    assert sorted(f.name for f in tmp_path.iterdir()) == ["out", "source"]


def test_folders_that_are_there(save, tmp_path):
    source, out = save(APART), tmp_path / "out"
    out.mkdir()
    api.convert_data(source, out, "csv")  # an empty one is as none
    with pytest.raises(
        OutputError, match=r"out: is there already, and not empty; name another folder, or replace"
    ):
        api.convert_data(source, out, "yolo")
    api.convert_data(source, out, "yolo", overwrite=True)
    assert sorted(f.name for f in out.iterdir()) == ["data.yaml", "images", "labels"]
    (out / "thesis.docx").write_text("dear")
    with pytest.raises(
        OutputError, match=r"out: holds other files than converted data \(thesis\.docx\), which would"
    ):
        api.convert_data(source, out, "csv", overwrite=True)
    for target in (source, tmp_path):
        with pytest.raises(OutputError, match="the data themselves lie there; name another folder"):
            api.convert_data(source, target, "csv", overwrite=True)
    with pytest.raises(OutputError, match=r"boxes\.csv: is a file; name a folder"):
        api.convert_data(source, source / "boxes.csv", "csv", overwrite=True)
    # linked images lie where they are linked to
    api.convert_data(source, tmp_path / "linked", "csv", images="link")
    with pytest.raises(OutputError, match="the data themselves lie there"):
        api.convert_data(tmp_path / "linked", source, "yolo", overwrite=True)
    assert len(open_boxes(source)) == 4


def test_what_cannot_be_asked_for(save, tmp_path):
    source = save(APART)
    for words in ({"to": "pascal"}, {"to": "voc", "images": "move"}, {"to": "voc", "bad_boxes": "keep"}):
        with pytest.raises(ConfigError, match=rf"{[*words][-1]} '\w+': expected one of"):
            api.convert_data(source, tmp_path / "out", **words)
    with pytest.raises(DataError, match="there is no such file or folder"):
        api.convert_data(tmp_path / "nowhere", tmp_path / "out", "voc")
    (source / "images" / "c.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"c\.png"):
        api.convert_data(source, tmp_path / "out", "voc")
    assert not (tmp_path / "out").exists()
