"""What a path is taken for, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from stellate.data.opening import kind_of, open_boxes, open_classes
from stellate.errors import DataError, InputError
from stellate.io.coco import write_coco
from stellate.io.image_boxes import ImageBoxes

BOX = np.array([[2, 3, 8, 9]], dtype=float)
TABLE = "image,class\na,round\nb,long\n"
BOXES = "image,class,xmin,ymin,xmax,ymax\na,round,2,3,8,9\nb,long,1,1,4,4\n"


@pytest.fixture
def images(tmp_path, save_image):
    """A folder with images a and b, of which nothing is said."""
    for seed, name in enumerate("ab"):
        save_image(tmp_path / "images" / f"{name}.png", seed)
    return tmp_path


def save_masks(root: Path, names: str = "ab") -> None:
    labels = np.zeros((20, 30), np.uint8)
    labels[3:9, 2:8] = 1
    labels[12:15, 20:29] = 2
    (root / "masks").mkdir()
    for name in names:
        Picture.fromarray(labels).save(root / "masks" / f"{name}.png")


def classes_of(dataset) -> list[tuple[str, str | None, str]]:
    return [(r.name, r.split, dataset.class_names[r.class_id]) for r in dataset.records]


def test_a_folder_for_each_class(tmp_path, save_image):
    for seed, file in enumerate(("b/2.png", "b/10.tif", "a/2.jpg", "a/x.png")):
        save_image(tmp_path / file, seed)
    (tmp_path / "a" / "notes.txt").write_text("nothing")
    (tmp_path / ".hidden").mkdir()
    assert kind_of(tmp_path) == "classes"
    dataset = open_classes(tmp_path)
    assert dataset.class_names == ("a", "b")
    # two files of one stem are told apart by their folders
    assert classes_of(dataset) == [
        ("a/2", None, "a"),
        ("x", None, "a"),
        ("10", None, "b"),
        ("b/2", None, "b"),
    ]
    assert [r.image_path.parent.name for r in dataset] == ["a", "a", "b", "b"]
    image, scores = dataset.pair(3)
    assert image.shape == (20, 30)
    assert (scores.probabilities.tolist(), scores.class_names) == ([0, 1], ("a", "b"))


def test_parts_with_a_folder_for_each_class(tmp_path, save_image):
    for seed, file in enumerate(("Train/b/1.png", "Train/a/1.png", "valid/b/2.png", "test/a/3.png")):
        save_image(tmp_path / file, seed)
    dataset = open_classes(tmp_path)
    assert dataset.splits == ("train", "val", "test")
    assert [(r.split, dataset.class_names[r.class_id]) for r in dataset] == [
        ("train", "a"),
        ("train", "b"),
        ("val", "b"),
        ("test", "a"),
    ]


def test_names_of_folders_are_sorted_as_numbers_where_they_are(tmp_path, save_image):
    for seed, name in enumerate(("grade 10", "grade 2", "Grade 1")):
        save_image(tmp_path / name / "a.png", seed)
    assert open_classes(tmp_path).class_names == ("Grade 1", "grade 2", "grade 10")


def test_folders_of_classes_that_are_refused(tmp_path, save_image):
    save_image(tmp_path / "a" / "1.png")
    (tmp_path / "b").mkdir()
    with pytest.raises(
        DataError, match=r"/b: the folder of the class 'b' holds no images; put some in, or remove"
    ):
        open_classes(tmp_path)
    save_image(tmp_path / "b" / "1.png")
    save_image(tmp_path / "A_" / "1.png")
    with pytest.raises(
        DataError, match=r"the classes 'a', 'A_' differ by capitals, blanks or hyphens only; write"
    ):
        open_classes(tmp_path)


def test_a_table_in_the_folder_or_by_its_name(images):
    (images / "labels.csv").write_text("Image;Class;split;patient\nb.png;long;val;p1\nA;round;train;\n")
    for path in (images, images / "labels.csv"):
        assert kind_of(path) == "classes"
        dataset = open_classes(path)
        assert classes_of(dataset) == [("b", "val", "long"), ("a", "train", "round")]
        assert [r.group for r in dataset] == ["p1", ""]
        assert (dataset.root, dataset.splits) == (images, ("train", "val"))


def test_several_tables_are_parts_or_one_too_many(images):
    (images / "train.csv").write_text("image,class\na,round\n")
    (images / "val_labels.csv").write_text("image,class\nb,long\n")
    assert classes_of(open_classes(images)) == [("a", "train", "round"), ("b", "val", "long")]
    (images / "other.csv").write_text(TABLE)
    assert len(open_classes(images)) == 2  # nobody expects that name
    (images / "labels.csv").write_text(TABLE)
    with pytest.raises(
        DataError,
        match=r"as a table of classes \(train\.csv, val_labels\.csv\) or as a table of classes \(labels\.csv\); name",
    ):
        open_classes(images)


def test_numbers_of_classes_may_be_named(images):
    (images / "labels.csv").write_text("image,class\na,2\nb,1\n")
    assert open_classes(images).class_names == ("1", "2")
    (images / "class_names.txt").write_text("round\nlong\nstar\n")
    dataset = open_classes(images)
    assert dataset.class_names == ("round", "long", "star")
    assert classes_of(dataset) == [("a", None, "long"), ("b", None, "round")]
    (images / "labels.csv").write_text("image,class\na,0\nb,lng\n")
    with pytest.raises(
        DataError, match=r"2 faults: .*lists no class '0'.*lists no class 'lng'; did you mean 'long'"
    ):
        open_classes(images)


def test_rows_that_fit_no_image(images):
    (images / "labels.csv").write_text("image,class\na,x\nc.png,y\nd,z\n")
    with pytest.raises(
        DataError, match=r"2 faults: labels\.csv: line 3: no image is called 'c\.png', .*; images lie beside"
    ):
        open_classes(images)
    (images / "labels.csv").write_text("image,class\na,x\na.png,y\nb,y\n")
    with pytest.raises(DataError, match=r"labels\.csv: a\.png is annotated twice; keep one of the two"):
        open_classes(images)
    (images / "labels.csv").write_text("image,class\na,\n")
    with pytest.raises(DataError, match=r"labels\.csv: line 2: no class; name it"):
        open_classes(images)


def test_boxes_are_pieces_of_classes(images):
    (images / "boxes.csv").write_text(BOXES)
    dataset = open_classes(images, crop_margin=0.0)
    assert [(r.name, r.region, r.group) for r in dataset] == [
        ("a_1", ((3, 9), (2, 8)), "images/a.png"),
        ("b_1", ((1, 4), (1, 4)), "images/b.png"),
    ]
    assert dataset.image(0).shape == (6, 6)


def test_objects_in_masks_are_boxes(images):
    save_masks(images)
    (images / "classes.csv").write_text("image,label,class\na,1,round\na,2,long\nb,2,round\n")
    assert kind_of(images) == "pixels"
    dataset = open_boxes(images)
    assert dataset.class_names == ("long", "round")
    assert [r.boxes_xyxy.tolist() for r in dataset] == [[[2, 3, 8, 9], [20, 12, 29, 15]], [[20, 12, 29, 15]]]
    assert [r.classes.tolist() for r in dataset] == [[1, 0], [1]]
    assert dataset.left_out == {"objects of unknown class": 1}
    assert [dataset.class_names[r.class_id] for r in open_classes(images)] == ["round", "long", "round"]


def test_masks_without_classes_are_of_one(images):
    save_masks(images)
    dataset = open_boxes(images)
    assert (dataset.class_names, dataset.annotation(0).classes.tolist()) == (("object",), [0, 0])


def test_masks_of_pixels_have_no_boxes(images):
    (images / "masks").mkdir()
    rng = np.random.default_rng(0)
    for name in "ab":
        classes = rng.choice(np.array([0, 128, 255], np.uint8), (20, 30))
        Picture.fromarray(classes).save(images / "masks" / f"{name}.png")
    with pytest.raises(
        DataError, match=r"the masks hold classes of pixels .* and no objects that boxes could be drawn"
    ):
        open_boxes(images)
    for name in "ab":
        Picture.fromarray(np.eye(20, 30, dtype=np.uint8)[::-1] * 255).save(images / "masks" / f"{name}.png")
    assert [len(r.boxes_xyxy) for r in open_boxes(images)] == [1, 1]  # one object, touching at corners
    Picture.fromarray(np.repeat(np.eye(20, 15, dtype=np.uint8) * 255, 2, axis=1)[::2]).resize((30, 20)).save(
        images / "masks" / "a.png"
    )
    pieces = np.zeros((20, 30), np.uint8)
    pieces[2, 2] = pieces[9, 9] = 255
    Picture.fromarray(pieces).save(images / "masks" / "a.png")
    with pytest.raises(
        DataError, match=r"a\.png: a single value in several pieces: a foreground rather than an object"
    ):
        open_boxes(images)


def test_voc_and_its_lists(tmp_path, save_voc):
    save_voc(
        tmp_path, {"a": [("x", 0, 0, 5, 5)], "b": [], "c": [("y", 1, 1, 4, 9)], "d": [("x", 2, 2, 9, 9)]}
    )
    main = tmp_path / "ImageSets" / "Main"
    main.mkdir(parents=True)
    (main / "trainval.txt").write_text("a\nc\n")
    (main / "val.txt").write_text("c\n")
    (main / "test.txt").write_text("d\r\n\r\n")
    for path in (tmp_path, tmp_path / "Annotations"):
        assert kind_of(path) == "boxes"
        dataset = open_boxes(path)
        assert [(r.name, r.split) for r in dataset] == [
            ("a", "train"),
            ("b", None),
            ("c", "val"),
            ("d", "test"),
        ]
        assert [r.boxes_xyxy.tolist() for r in dataset] == [
            [[0, 0, 5, 5]],
            [],
            [[1, 1, 4, 9]],
            [[2, 2, 9, 9]],
        ]
        assert dataset.class_names == ("x", "y")
        assert dataset.root == tmp_path
    (main / "train.txt").write_text("d\n")
    with pytest.raises(DataError, match=r"test\.txt: d is listed for train as well; keep it on one side"):
        open_boxes(tmp_path)


def test_voc_beside_the_images_and_in_parts(tmp_path, save_voc):
    for seed, part in enumerate(("train", "valid")):
        save_voc(tmp_path / part, {f"a{seed}": [("x", 0, 0, 5, 5)]}, folder=".")
        (tmp_path / part / "Annotations" / f"a{seed}.xml").rename(tmp_path / part / f"a{seed}.xml")
        (tmp_path / part / "Annotations").rmdir()
    assert [(r.name, r.split) for r in open_boxes(tmp_path)] == [("a0", "train"), ("a1", "val")]


def test_the_image_of_an_xml_file(tmp_path, save_voc, save_image):
    save_voc(tmp_path, {"a": [("x", 0, 0, 5, 5)]})
    xml = tmp_path / "Annotations" / "a.xml"
    xml.rename(xml.with_name("renamed.xml"))
    assert open_boxes(tmp_path)[0].name == "a"  # by what the file says
    save_image(tmp_path / "JPEGImages" / "renamed.png", 5)
    with pytest.raises(
        DataError, match=r"renamed\.xml: there is an image of its name and another called 'a\.png'"
    ):
        open_boxes(tmp_path)
    (tmp_path / "JPEGImages" / "a.png").unlink()
    assert open_boxes(tmp_path)[0].name == "renamed"
    (tmp_path / "JPEGImages" / "renamed.png").unlink()
    with pytest.raises(DataError, match=r"renamed\.xml: no image is called 'a\.png'"):
        open_boxes(tmp_path)


def test_coco_in_all_its_places(images):
    # ids that are given from 1, a category that no box is of, and one before it
    content = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "images/b.png"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [2, 3, 6, 6]}],
        "categories": [{"id": 2, "name": "z"}, {"id": 1, "name": "y"}],
    }
    for file in ("annotations.json", "annotations/instances_val2017.json"):
        (images / file).parent.mkdir(exist_ok=True)
        (images / file).write_text(json.dumps(content))
        for path in (images, images / file):
            assert kind_of(path) == "boxes"
            dataset = open_boxes(path)
            assert dataset.class_names == ("y", "z")
            assert [(r.name, r.classes.tolist()) for r in dataset] == [("a", [1]), ("b", [])]
            assert dataset.splits == ()  # a single file is no part
        (images / file).unlink()


def test_coco_files_of_parts(images):
    for name, part in (("a", "train"), ("b", "val")):
        boxes = [ImageBoxes(f"{name}.png", BOX, ("z",), size=(20, 30))]
        write_coco(images / "annotations" / f"instances_{part}2017.json", boxes, ["z"])
        (images / "annotations" / f"captions_{part}2017.json").write_text("{}")
    assert [(r.name, r.split) for r in open_boxes(images)] == [("a", "train"), ("b", "val")]
    assert [(r.name, r.split) for r in open_boxes(images / "annotations" / "instances_val2017.json")] == [
        ("b", None)
    ]


def test_coco_in_parts_with_other_ids(tmp_path, save_image):
    for seed, (part, names) in enumerate((("train", ("y", "z")), ("valid", ("z", "w")))):
        save_image(tmp_path / part / f"{seed}.png", seed)
        boxes = ImageBoxes(f"{seed}.png", BOX, ("z",), size=(20, 30))
        write_coco(tmp_path / part / "_annotations.coco.json", [boxes], names)
    dataset = open_boxes(tmp_path)
    assert dataset.class_names == ("y", "z", "w")
    assert [(r.split, r.classes.tolist()) for r in dataset] == [("train", [1]), ("val", [1])]


def test_what_can_be_read_in_two_ways(images, save_voc):
    (images / "labels.csv").write_text(TABLE)
    (images / "boxes.csv").write_text(BOXES)
    with pytest.raises(
        DataError, match=r"as a table of boxes \(boxes\.csv\) or as a table of classes \(labels\.csv\); "
    ):
        kind_of(images)
    assert len(open_classes(images)) == len(open_boxes(images)) == 2  # each has one
    save_voc(images, {"c": [("x", 0, 0, 5, 5)]})
    with pytest.raises(DataError, match=r"as XML files of Pascal VOC.* or as a table of boxes"):
        open_boxes(images)
    # a table of a name that nobody expects does not speak for the folder
    (images / "boxes.csv").rename(images / "my_selection.csv")
    (images / "labels.csv").unlink()
    assert kind_of(images) == "boxes"
    assert [r.name for r in open_boxes(images)] == ["c"]
    assert [r.name for r in open_boxes(images / "my_selection.csv")] == ["a", "b"]


def test_what_is_nothing_of_the_kind(images):
    with pytest.raises(
        DataError, match=r"no annotated boxes; expected XML files of Pascal VOC, a JSON of COCO"
    ):
        open_boxes(images)
    (images / "labels.csv").write_text(TABLE)
    with pytest.raises(
        DataError, match=r"no annotated boxes; it holds a table of classes \(labels\.csv\); expected"
    ):
        open_boxes(images)
    with pytest.raises(DataError, match="there is no such file or folder"):
        open_classes(images / "nowhere")
    with pytest.raises(
        DataError, match=r"a\.png: a \.png, where a folder, a table \(\.csv\), COCO \(\.json\) or YOLO"
    ):
        open_boxes(images / "images" / "a.png")
    (images / "numbers.csv").write_text("image,area\na,3\n")
    with pytest.raises(DataError, match=r"numbers\.csv: line 1: no column for class"):
        open_classes(images / "numbers.csv")
    (images / "empty.csv").write_text("")
    with pytest.raises(InputError, match=r"empty\.csv: no line of headings"):
        open_classes(images / "empty.csv")


def test_a_folder_of_other_images_is_no_class(images, save_image):
    (images / "boxes.csv").write_text(BOXES)
    save_image(images / "thumbnails" / "a.png", 0)
    assert kind_of(images) == "boxes"
    assert open_classes(images).class_names == ("long", "round")
    save_image(images / "more" / "a.png", 0)
    with pytest.raises(
        DataError, match=r"a table of boxes \(boxes\.csv\) or as a folder for each class \(more, thumbnails\)"
    ):
        kind_of(images)


def test_images_outside_of_the_folder(images, save_image):
    far = save_image(images / "far" / "x.png", 7)
    table = images / "here" / "labels.csv"
    table.parent.mkdir()
    (images / "images" / "b.png").rename(table.parent / "b.png")
    table.write_text(f"image,class\n{far},round\nb,long\n")
    dataset = open_classes(table)
    assert dataset.root == images
    assert [r.image_path.relative_to(dataset.root).as_posix() for r in dataset] == ["far/x.png", "here/b.png"]


def test_axes_reach_the_reader(tmp_path):
    (tmp_path / "a").mkdir()
    np.save(tmp_path / "a" / "1.npy", np.zeros((5, 20, 30), np.uint8))
    assert open_classes(tmp_path, axes="CYX").image(0).sizes == {"C": 5, "Y": 20, "X": 30}
    (tmp_path / "boxes.csv").write_text("image,xmin,ymin,xmax,ymax\na/1.npy,0,0,40,40\n")
    assert open_boxes(tmp_path, axes="CYX")[0].boxes_xyxy.tolist() == [[0, 0, 30, 20]]


def test_real_data(shared_data):
    bccd, wbc, nuclei = (shared_data / name for name in ("bccd", "wbc_zheng2018", "dsb2018_nuclei"))
    assert [kind_of(p) for p in (bccd, wbc, nuclei)] == ["boxes", "pixels", "pixels"]
    with pytest.raises(
        DataError, match=r"2 faults: BloodImage_00338\.xml: object 13 \(RBC\): no area.*00343\.xml"
    ):
        open_boxes(bccd)
    cells = open_boxes(bccd, bad_boxes="drop")
    assert (len(cells), cells.class_names, cells.splits) == (
        292,
        ("Platelets", "RBC", "WBC"),
        ("train", "val"),
    )
    assert (cells.counts().tolist(), cells.left_out) == ([292, 3348, 301], {"bad boxes": 2})
    single = open_boxes(bccd / "single_cell.csv").single()
    assert (len(single), [len(single.split(s)) for s in single.splits]) == (277, [192, 85])
    assert single.counts().tolist() == [1, 64, 29, 17, 166]
    white = open_classes(wbc)
    assert (len(white), white.class_names) == (300, ("1", "2", "3", "4", "5"))
    assert [(r.image_path.name, r.class_id) for r in white[:3]] == [
        ("001.png", 1),
        ("002.png", 0),
        ("003.png", 0),
    ]
    boxes = open_boxes(nuclei)
    assert (len(boxes), boxes.class_names, boxes.counts().tolist()) == (482, ("object",), [20453])
