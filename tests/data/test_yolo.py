"""YOLO's data in the folders that programs put them in, and what is wrong with them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from stellate import api
from stellate.data.check_labels import check_labels
from stellate.data.findings import Severity
from stellate.data.opening import kind_of, open_boxes, open_classes
from stellate.errors import DataError

# of an image of 20 rows and 30 columns
BOX, SIDES = "1 0.2 0.25 0.2 0.3", [3, 2, 9, 8]
YAML = "names: [round, T cell]\n"


@pytest.fixture
def save(tmp_path, save_image) -> Callable[..., Path]:
    """Writes files by name: of None an image, else the text. Gives the folder."""

    def write(content: dict[str, str | None]) -> Path:
        for seed, (name, text) in enumerate(content.items()):
            if text is None:
                save_image(tmp_path / name, seed)
            else:
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write


def stated(dataset) -> list[tuple[str, str | None, list]]:
    return [(r.name, r.split, [*r.classes.tolist(), *r.boxes_xyxy.tolist()]) for r in dataset]


def told(root: Path) -> list[tuple[Severity, str]]:
    return [(f.severity, f.what) for f in check_labels(root).findings if "10" not in f.what]


WITH_BOX = [1, pytest.approx(SIDES)]


def test_parts_in_images_and_labels(save):
    root = save(
        {
            "images/train/a.png": None,
            "images/train/deep/b.png": None,
            "images/val/c.png": None,
            "labels/train/a.txt": BOX,
            "labels/train/deep/b.txt": "",
            "labels/val/c.txt": BOX,
            "data.yaml": f"path: .\ntrain: images/train\nval: images\\val\ntest:\n{YAML}",
        }
    )
    for path in (root, root / "data.yaml"):
        assert kind_of(path) == "boxes"
        dataset = open_boxes(path)
        assert dataset.class_names == ("round", "T cell")
        assert stated(dataset) == [("a", "train", WITH_BOX), ("b", "train", []), ("c", "val", WITH_BOX)]
    assert dataset.image(0).shape == (20, 30)
    # without the file the folders say which part it is, and a list what classes are called
    (root / "data.yaml").unlink()
    (root / "labels" / "classes.txt").write_text("round\nT cell\n")
    assert stated(open_boxes(root)) == stated(dataset)


def test_as_roboflow_exports_it(save):
    root = save(
        {
            "train/images/a.png": None,
            "valid/images/c.png": None,
            "train/labels/a.txt": BOX,
            "valid/labels/c.txt": BOX,
            "data.yaml": f"train: ../train/images\nval: ../valid/images\ntest: ../test/images\n{YAML}",
        }
    )
    dataset = open_boxes(root)
    assert stated(dataset) == [("a", "train", WITH_BOX), ("c", "val", WITH_BOX)]
    note = (Severity.NOTE, "test: there is no ../test/images")
    assert note in told(root)
    (root / "data.yaml").unlink()
    (root / "classes.txt").write_text("round\nT cell\n")
    assert stated(open_boxes(root)) == stated(dataset)


def test_texts_beside_images_as_labelimg_saves_them(save):
    root = save(
        {
            "a.png": None,
            "b.png": None,
            "a.txt": BOX,
            "b.txt": "",
            "classes.txt": "round\nT cell\n",
            "notes.txt": "x",
        }
    )
    assert kind_of(root) == "boxes"
    assert stated(open_boxes(root)) == [("a", None, WITH_BOX), ("b", None, [])]
    # without names, texts beside images may be anything
    (root / "classes.txt").unlink()
    with pytest.raises(DataError, match=r"no annotated boxes; expected .* YOLO's data\.yaml or images/"):
        open_boxes(root)


def test_lists_of_images(save):
    root = save(
        {
            "images/a.png": None,
            "images/b.png": None,
            "images/c.png": None,
            "labels/a.txt": BOX,
            "labels/b.txt": BOX,
            "labels/c.txt": BOX,
            "lists/train.txt": "images/a.png\n\n/home/else/data/images/b.png\n",
            "val.txt": "./images/c.png\n",
            "data.yaml": f"train: lists/train.txt\nval: [val.txt]\n{YAML}",
        }
    )
    with pytest.raises(DataError, match=r"lists/train\.txt: line 3: no image is called '/home/else/data"):
        open_boxes(root)
    (root / "lists" / "train.txt").rename(root / "train.txt")
    (root / "data.yaml").write_text(f"train: train.txt\nval: [val.txt]\n{YAML}")
    dataset = open_boxes(root)
    assert [(r.name, r.split) for r in dataset] == [("a", "train"), ("b", "train"), ("c", "val")]
    assert [len(r.boxes_xyxy) for r in dataset] == [1, 1, 1]


def test_a_single_part_is_no_part_and_a_path_of_another_computer_is_said(save):
    root = save(
        {
            "images/a.png": None,
            "labels/a.txt": BOX,
            "data.yaml": f"path: /home/else/cells\ntrain: images\n{YAML}",
        }
    )
    assert stated(open_boxes(root)) == [("a", None, WITH_BOX)]
    note = "the path '/home/else/cells' is not on this computer; the parts are looked for beside the file"
    assert any(str(f).startswith(f"note: {root / 'data.yaml'}: {note}") for f in check_labels(root).findings)
    (root / "cells").mkdir()
    (root / "data.yaml").rename(root / "cells" / "data.yaml")
    (root / "cells" / "data.yaml").write_text(f"path: ..\ntrain: images\n{YAML}")
    assert stated(open_boxes(root / "cells")) == [("a", None, WITH_BOX)]
    assert open_boxes(root / "cells")[0].image_path == root / "images" / "a.png"


def test_names_that_are_written_in_several_ways(save):
    name = unicodedata.normalize("NFD", "Röhre")
    root = save(
        {
            f"images/{name}.png": None,
            "images/b.png": None,
            f"labels/{unicodedata.normalize('NFC', name)}.TXT": BOX,
            "labels/b.txt": "0 .5 .5 1 1",
            "class_names.txt": "round\nT cell",
        }
    )
    assert {len(r.boxes_xyxy) for r in open_boxes(root)} == {1}
    dataset = open_classes(root)
    assert dataset.class_names == ("round", "T cell")
    assert sorted(r.class_id for r in dataset) == [0, 1]


def test_what_is_missing_is_said(save):
    root = save(
        {
            "images/a.png": None,
            "images/b.png": None,
            "images/c.png": None,
            "labels/a.txt": f"{BOX}\n1 .1 .1 .2 .1 .2 .2",
            "data.yaml": f"train: images\n{YAML}",
        }
    )
    assert stated(open_boxes(root))[1:] == [("b", None, []), ("c", None, [])]
    notes = [what for severity, what in told(root) if severity is Severity.NOTE]
    assert "2 images (b.png, c.png) without a text, taken to have no boxes" in notes
    assert "1 outline, of which the boxes around are taken" in notes
    (root / "labels" / "d.txt").write_text(BOX)
    with pytest.raises(DataError, match=r"labels/d\.txt: no image of the same name; add the image, or take"):
        open_boxes(root)


def test_what_is_refused(save):
    root = save(
        {
            "images/train/a.png": None,
            "images/val/b.png": None,
            "labels/train/a.txt": f"{BOX}\n7 .5 .5 .1 .1",
            "labels/val/b.txt": BOX,
            "data.yaml": f"train: images/train\nval: images/val\n{YAML}",
        }
    )
    with pytest.raises(
        DataError, match=r"train/a\.txt: line 2: class 7 has no name \(2 are named, 0 to 1\); name"
    ):
        open_boxes(root)
    (root / "labels" / "train" / "a.txt").write_text(BOX)
    for yaml, what in (
        (
            "train: images/train\nval: images/train\n",
            r"data\.yaml: 1 image \(a\.png\) in both train and val; keep",
        ),
        (
            "train: images/train\nval: images/other\n",
            r"data\.yaml: val: there is no images/other; write the folder",
        ),
        ("train: images/train\nval: labels\n", r"data\.yaml: val: no images in labels; put some in"),
        (
            "train: images/train\nval: data.yaml\n",
            r"data\.yaml: val: data\.yaml is neither a folder nor a text",
        ),
        ("train: images/train\nval: [\n", r"data\.yaml: line 4: no whole YAML \("),
    ):
        (root / "data.yaml").write_text(yaml + YAML)
        with pytest.raises(DataError, match=what):
            open_boxes(root)
    (root / "data.yaml").unlink()
    with pytest.raises(DataError, match=r"no names of classes; put them into classes\.txt"):
        open_boxes(root)
    (root / "classes.txt").write_text("a\nb\n")
    (root / "labels" / "classes.txt").write_text("b\na\n")
    with pytest.raises(DataError, match=r"labels/classes\.txt: names other classes than .*classes\.txt does"):
        open_boxes(root)


def test_names_above_the_data_are_those_of_others(save):
    root = save({"cells/images/a.png": None, "cells/labels/a.txt": BOX, "classes.txt": "dog\ncat\n"})
    with pytest.raises(DataError, match="cells: no names of classes; put them into classes"):
        open_boxes(root / "cells")


def test_texts_of_ome_tiff(save, tmp_path):
    root = save({"images/a.ome.tif": None, "images/b.ome.tif": None, "data.yaml": f"train: images\n{YAML}"})
    # other programs take off one suffix, and people two
    save({"labels/a.ome.txt": BOX, "labels/b.txt": BOX})
    assert stated(open_boxes(root)) == [("a", None, WITH_BOX), ("b", None, WITH_BOX)]
    for to in ("yolo", "voc", "coco", "csv", "masks"):
        done = api.convert_data(root, tmp_path / "out" / to, to)
        assert [(r.image_path.name, len(r.classes)) for r in open_boxes(done.folder)] == [
            ("a.ome.tif", 1),
            ("b.ome.tif", 1),
        ]
    assert (tmp_path / "out" / "yolo" / "labels" / "a.ome.txt").is_file()


def test_one_text_for_two_images(save):
    root = save(
        {
            "images/a.png": None,
            "images/a.jpg": None,
            "labels/a.txt": BOX,
            "data.yaml": f"train: images\n{YAML}",
        }
    )
    with pytest.raises(DataError, match=r"labels/a\.txt: belongs to a\.jpg and to a\.png; rename one"):
        open_boxes(root)


def test_images_that_cannot_be_read_are_left_to_their_reader(save):
    root = save({"images/a.png": None, "labels/a.txt": BOX, "data.yaml": f"train: images\n{YAML}"})
    (root / "images" / "b.png").write_bytes(b"no image")
    (root / "labels" / "b.txt").write_text(BOX)
    assert len(open_boxes(root)) == 2
    errors = [f for f in check_labels(root).findings if f.severity is Severity.ERROR]
    assert [f.file for f in errors] == [root / "images" / "b.png"]


def test_the_verbs_take_it(save, tmp_path):
    files: dict[str, str | None] = {f"images/{k}.png": None for k in range(10)}
    texts: dict[str, str | None] = {f"labels/{k}.txt": f"{k % 2} .5 .5 .2 .2" for k in range(10)}
    root = save({**files, **texts, "data.yaml": f"train: images\n{YAML}"})
    report = api.check(root)
    assert (report.kind, report.n_objects, report.class_counts) == ("boxes", 10, {"round": 5, "T cell": 5})
    assert api.info(root / "data.yaml").n_images == 10
    assert api.show(root / "data.yaml", tmp_path / "sheet.png").is_file()
