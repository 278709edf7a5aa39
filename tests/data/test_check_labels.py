"""What is found in images of classes and with boxes before training."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Picture

from stellate import api
from stellate.data.check import check
from stellate.data.check_labels import check_labels
from stellate.data.findings import CheckReport, Severity
from stellate.data.mask_options import MaskOptions
from stellate.errors import ConfigError, DataError

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def found(report: CheckReport, file: str | None = None) -> list[tuple[Severity, str]]:
    """Severity and text of the findings about one file, or about all the data."""
    return [(f.severity, f.what) for f in report.findings if (f.file.name if f.file else None) == file]


@pytest.fixture
def classes(tmp_path, save_image):
    """Writes so many images of each class of each part: names such as train/a, and numbers. Gives the folder."""

    def write(**numbers: int):
        seed = 0
        for name, count in numbers.items():
            for k in range(count):
                save_image(tmp_path / name.replace("__", "/") / f"{k}.png", seed := seed + 1)
        return tmp_path

    return write


@pytest.fixture
def table(tmp_path, save_image):
    """Writes images a to j and a table of boxes; gives its path."""

    def write(*rows: str, header: str = "image,class,xmin,ymin,xmax,ymax"):
        for seed, name in enumerate("abcdefghij"):
            save_image(tmp_path / f"{name}.png", seed)
        (tmp_path / "boxes.csv").write_text("\n".join([header, *rows]) + "\n")
        return tmp_path / "boxes.csv"

    return write


def test_nothing_to_find(classes):
    report = check_labels(classes(a=10, b=12))
    assert report.findings == ()
    assert (report.can_train, report.kind, report.n_images) == (True, "classes", 22)
    assert report.class_counts == {"a": 10, "b": 12}


def test_folders_whose_names_say_that_they_are_no_classes(classes):
    report = check_labels(classes(a=10, b=10, masked=10, cell_masks=2, test=1))
    assert report.class_names == ("a", "b", "masked")
    assert found(report, report.root.name) == [
        (
            WARNING,
            "images in 'cell_masks', 'test' are not used: such a name is taken for something else than a class",
        )
    ]


def test_classes_that_are_rare_or_alone(classes):
    report = check_labels(classes(a=12, b=3, c=1))
    assert found(report) == [
        (ERROR, "class 'c' has a single image, where one is needed to train on and one to validate on"),
        (WARNING, "class 'b' has 3 images"),
    ]
    assert not report.can_train
    assert "--least-images 2" in report.findings[0].remedy


def test_one_class_only(classes):
    assert found(check_labels(classes(a=12, b=0))) == [(ERROR, "all images are of the class 'a'")]


def test_a_folder_without_images_and_names_that_differ_by_case(classes):
    root = classes(benign=10, Benign=10)
    if len(list(root.iterdir())) < 2:
        pytest.skip("this file system does not tell capitals from small letters")
    (root / "other").mkdir()
    report = check_labels(root)
    assert found(report, "other") == [(ERROR, "the folder of the class 'other' holds no images")]
    assert found(report, "benign") == [
        (ERROR, "the classes 'Benign', 'benign' differ by capitals, blanks or hyphens only")
    ]


def test_classes_that_parts_lack(classes):
    root = classes(train__a=10, val__a=2, val__b=10, train__c=10, test__d=10)
    assert found(check_labels(root)) == [
        (ERROR, "class 'b' is in val/, but not in train/, so that nothing learns it"),
        (WARNING, "class 'c' has no image in val/"),
        (WARNING, "class 'd' is in test/, but not in train/, so that nothing learns it"),
    ]


def test_a_class_of_the_test_alone(classes):
    report = check_labels(classes(train__a=10, train__b=10, test__a=2, test__c=10))
    assert found(report) == [(WARNING, "class 'c' is in test/, but not in train/, so that nothing learns it")]


def test_images_that_cannot_be_read_are_all_named(classes):
    root = classes(a=12, b=12)
    Picture.fromarray(np.zeros((3, 4), np.uint8)).save(root / "loose.png")
    for file in (root / "a" / "0.png", root / "b" / "7.png"):
        file.write_bytes(file.read_bytes()[:60])
    Picture.fromarray(np.full((20, 30), 9, np.uint8)).save(root / "a" / "3.png")
    report = check_labels(root)
    errors = [f for f in report.findings if f.severity is ERROR]
    assert [f.file for f in errors] == [root / "a" / "0.png", root / "b" / "7.png"]
    assert found(report, "3.png") == [(WARNING, "constant: every pixel is 9")]
    assert found(report) == [
        (NOTE, "1 image (loose.png) beside the annotated ones, of which nothing is said")
    ]


def test_copies(classes):
    root = classes(train__a=10, train__b=10, val__a=2, val__b=2)
    whole = {name: (root / "train" / name).read_bytes() for name in ("a/0.png", "b/1.png", "b/2.png")}
    (root / "train" / "a" / "x.png").write_bytes(whole["a/0.png"])
    (root / "train" / "a" / "y.png").write_bytes(whole["b/1.png"])
    (root / "val" / "b" / "z.png").write_bytes(whole["b/2.png"])
    report = check_labels(root)
    assert found(report, "x.png") == [(NOTE, "the same image and class as 0.png")]
    assert found(report, "1.png") == [(WARNING, "the same image as y.png, with another class")]
    assert found(report, "z.png") == [(WARNING, "the same image as 2.png in train/")]


def test_groups_on_both_sides_and_images_on_none(table):
    rows = [f"{name},x,1,1,9,9,{split},{group}" for name, split, group in (
        ("a", "train", "p1"), ("b", "val", "p1"), ("c", "train", "p2"), ("d", "", ""),
    )]  # fmt: skip
    report = check_labels(table(*rows, header="image,class,xmin,ymin,xmax,ymax,split,patient"))
    assert found(report)[-4:] == [
        (WARNING, "1 image (d) of no part, where others are in train, val"),
        (WARNING, "images of one group are in several parts: p1"),
        (WARNING, "class 'x' has 4 boxes"),
        (
            NOTE,
            "6 images (e.png, f.png, g.png, h.png and 2 more) beside the annotated ones, of which nothing is said",
        ),
    ]


def test_boxes(table):
    rows = [f"{name},x,1,1,9,9" for name in "abcdefgh"]
    report = check_labels(
        table(*rows, "a,x,3,3,4,4", "b,y,12,3,12,9", "c,x,20,10,99,12", "i,x,2,2,12,12", "j,,,,,")
    )
    assert report.kind == "boxes"
    assert (report.n_images, report.n_objects, report.class_counts) == (10, 11, {"x": 11, "y": 0})
    assert report.most_objects == 2
    assert found(report, "boxes.csv") == [
        (ERROR, "b.png, line 11 (y): no area (x 12 to 12, y 3 to 9)"),
    ]
    assert found(report) == [
        (WARNING, "1 image (a) with boxes less than 2 pixels across"),
        (NOTE, "1 box reached beyond the image and was cut"),
        (NOTE, "class 'y' has no box; it is listed only"),
        (NOTE, "1 image (j) with no box and 2 images (a, c) with several boxes"),
    ]


def test_no_boxes_and_no_single_ones(table):
    assert (ERROR, "no boxes in any image") in found(check_labels(table("a,,,,,", "b,,,,,")))
    report = check_labels(table("a,x,1,1,2,3", "a,x,1,1,5,5"))
    remedy = next(f.remedy for f in report.findings if f.what == "1 image (a) with several boxes")
    assert remedy.startswith("a localizer cannot be trained on them")


def test_a_class_of_a_single_box(table):
    rows = [f"{name},x,1,1,9,9" for name in "abcdefghi"]
    single = (ERROR, "class 'y' has a single image, where one is needed to train on and one to validate on")
    assert single in found(check_labels(table(*rows, "j,y,1,1,9,9")))
    # where images have several, other boxes of the image can be learned from
    assert (WARNING, "class 'y' has 1 box") in found(check_labels(table(*rows, "j,y,1,1,9,9", "j,x,1,1,8,8")))


def test_the_verbs_take_any_kind(classes, tmp_path):
    root = classes(a=10, b=12)
    assert api.check(root).kind == "classes"
    with pytest.raises(
        ConfigError, match="has classes of images and no masks, so that what masks hold says nothing"
    ):
        api.check(root, masks=MaskOptions(masks="classes"))
    with pytest.raises(ConfigError, match="so that a model's field of view says nothing here; leave it out"):
        api.check(root, model="nuclei")
    assert api.info(root).n_images == 22
    sheet = api.show(root, tmp_path / "out" / "sheet.png")
    assert Picture.open(sheet).size[0] > 300
    with pytest.raises(
        DataError, match=r"expected folders images/ and masks/.*for boxes Pascal VOC, COCO, YOLO or a table"
    ):
        api.check(root / "a")


def test_masks_with_a_table_beside(annotated_folder, tmp_path):
    import shutil

    root = shutil.copytree(annotated_folder, tmp_path / "data")
    (root / "labels.csv").write_text("image,class\n0,x\n1,y\n")
    report = check(root)
    assert found(report, "labels.csv") == [
        (NOTE, "there is a table of classes (labels.csv) as well, which is not looked over here")
    ]
    assert api.check(root / "labels.csv").class_counts == {"x": 1, "y": 1}


def test_real_data(shared_data):
    report = check_labels(shared_data / "bccd")
    assert [f.file.name for f in report.findings if f.severity is ERROR and f.file] == [
        "BloodImage_00338.xml",
        "BloodImage_00343.xml",
    ]
    assert (report.n_objects, report.most_objects) == (3941, 30)
    # each is around one cell, drawn a second time two pixels further up and left
    assert any(
        "6 pairs of boxes of one class around nearly the same: BloodImage_00020 " in f.what
        for f in report.findings
    )
    assert found(report, "BloodImage_00038.jpg") == [
        (WARNING, "nearly the same image as BloodImage_00037.jpg in val/")
    ]
    white = check_labels(shared_data / "wbc_zheng2018" / "class_labels.csv")
    assert white.class_counts == {"1": 176, "2": 53, "3": 48, "4": 22, "5": 1}
    assert found(white, "139.png") == [(NOTE, "the same image and class as 112.png")]
