"""What a check says of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from stellate.data.check import CheckReport, Severity, check
from stellate.data.folder import open_folder

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def save(root: Path, name: str, count: int, *, ids_from: int = 1) -> None:
    """An image with so many objects of four pixels."""
    labels = np.zeros((10, 60), np.uint16)
    for k in range(count):
        row, col = 3 * (k // 20), 3 * (k % 20)
        labels[row : row + 2, col : col + 2] = ids_from + k
    seed = sum(map(ord, str(root) + name))
    image = np.random.default_rng(seed).integers(0, 250, labels.shape).astype(np.uint8)
    for kind, array in (("images", image), ("masks", labels)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(root / kind / f"{name}.tif", array)


def table(root: Path, name: str, classes: str, *, ids_from: int = 1) -> None:
    """One letter for the class of each object; a blank where it is not known."""
    rows = "".join(f"{ids_from + k},{c.strip()}\n" for k, c in enumerate(classes))
    (root / "masks" / f"{name}.csv").write_text(f"label,class\n{rows}")


def said(report: CheckReport) -> list[tuple[Severity, str | None, str]]:
    return [(f.severity, f.file.name if f.file else None, f.what) for f in report.findings]


@pytest.fixture
def root(tmp_path):
    save(tmp_path, "one", 12, ids_from=100)
    save(tmp_path, "two", 12)
    table(tmp_path, "one", "aaaaaabbbbbb", ids_from=100)
    table(tmp_path, "two", "aaaaaabbbbbb")
    return tmp_path


def test_nothing_to_find(root):
    assert check(root).findings == ()
    assert check(open_folder(root)).findings == ()


def test_few_and_unknown_objects(root):
    table(root, "two", "aaaaaab   bc")
    save(root, "three", 5)
    assert said(check(root)) == [
        (WARNING, None, "class 'b' has 8 objects"),
        (WARNING, None, "class 'c' has 1 object"),
        (NOTE, None, "no file states classes for three.tif"),
        (NOTE, None, "3 objects of 24 without a class in files that state classes"),
    ]
    assert check(root).can_train
    assert said(check(open_folder(root))) == said(check(root))


def test_a_class_that_is_listed_and_never_stated(root):
    (root / "class_names.txt").write_text("a\nb\nc\n")
    assert said(check(root)) == [(WARNING, None, "class 'c' has no objects")]


def test_names_without_classes(root):
    for file in (root / "masks").glob("*.csv"):
        file.unlink()
    (root / "class_names.txt").write_text("a\nb\n")
    what = "lists class names, but no file says which objects they are of"
    assert said(check(root)) == [(WARNING, "class_names.txt", what)]
    assert open_folder(root).class_names == ()


def test_a_table_that_does_not_fit_its_mask(root):
    table(root, "one", "aaaaaabbbbbb", ids_from=104)
    report = check(root)
    assert (ERROR, "one.csv", "line 10: the mask has no label 112 (and 3 more)") in said(report)
    assert not report.can_train


def test_every_file_that_cannot_be_read_is_named(root):
    (root / "masks" / "one.csv").write_text("no table")
    (root / "masks" / "two.csv").write_text("label,class\n1,0\n")
    report = check(root)
    assert [(s, f) for s, f, _ in said(report)] == [(ERROR, "one.csv"), (ERROR, "two.csv")]
    assert report.findings[1].remedy == "number classes from 1, or name them"


def test_a_table_without_a_mask(root):
    table(root, "onne", "ab")
    (root / "images" / "notes.txt").write_text("by hand")
    found = said(check(root))
    assert [(s, f) for s, f, _ in found] == [(WARNING, "onne.csv"), (NOTE, "notes.txt")]
    assert "fits no mask" in found[0][2]


def test_images_of_a_table_that_are_not_there(root):
    (root / "masks" / "two.csv").unlink()
    rows = "".join(f"two,{k},{'ab'[k % 2]}\n" for k in range(1, 13))
    (root / "classes.csv").write_text(f"image,label,class\n{rows}three,1,a\n")
    what = "line 14: names images that are not in this folder: 'three'"
    assert said(check(root)) == [(WARNING, "classes.csv", what)]


def test_a_class_that_one_part_has_not(tmp_path):
    for part, classes in (("train", "a" * 20 + "b" * 20), ("val", "a" * 20 + "c" * 20)):
        save(tmp_path / part, f"x{part}", 40)
        table(tmp_path / part, f"x{part}", classes)
    assert said(check(tmp_path)) == [
        (WARNING, None, "class 'b' has no objects in val/"),
        (WARNING, None, "class 'c' has no objects in train/"),
    ]
