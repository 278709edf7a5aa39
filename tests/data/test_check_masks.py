"""What is found in folders of class masks; see also the tests of the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stellate.data.check import check
from stellate.data.findings import Severity
from stellate.data.mask_options import MaskOptions

Writer = Callable[..., Path]
GREY = np.array([0, 128, 255], dtype=np.uint8)


def two_blocks(classes: np.ndarray, index: int) -> np.ndarray:
    """Objects or classes: nobody can tell."""
    stored = np.zeros_like(classes)
    stored[5:20, 5:20], stored[30:50, 30:50] = 1, 2
    return stored


def test_masks_that_can_be_either_are_looked_over_as_objects(class_masks: Writer, tmp_path: Path) -> None:
    folder = class_masks(tmp_path / "data", count=3, stored=two_blocks)
    report = check(folder, masks=MaskOptions())
    warning = next(f for f in report.findings if f.severity is Severity.WARNING)
    assert "open whether the masks hold classes of pixels or objects" in warning.what
    assert "--masks classes or --masks instances" in warning.remedy
    assert report.masks.startswith("instances: it is open")
    assert report.n_objects == 6
    assert (report.can_train, report.masks_open) == (True, True)
    for kind, names in (("classes", ("class 0", "class 1", "class 2")), ("instances", ())):
        said = check(folder, masks=MaskOptions(kind))
        assert (said.class_names, said.masks_open) == (names, False)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"colour,meaning\n0,ground\n", "line 1: expected a header with the columns value and class"),
        (b"value,class\n0,ground\nred,cell\n", "line 3: 'red' is neither a number from 0 nor a colour"),
        (b"value,class\n\xff\xfe\n", "not a text in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_read_is_an_error(
    class_masks: Writer, tmp_path: Path, content: bytes, what: str
) -> None:
    """Whatever the masks look like: somebody wanted to say what they are."""
    for name, stored in (("open", two_blocks), ("plain", lambda c, k: GREY[c])):
        folder = class_masks(tmp_path / name, count=3, stored=stored)
        (folder / "mask_classes.csv").write_bytes(content)
        report = check(folder, masks=MaskOptions())
        assert (report.can_train, report.masks_open) == (False, False)
        (finding,) = report.findings
        assert (finding.file, finding.severity) == (folder / "mask_classes.csv", Severity.ERROR)
        assert what in finding.what
        assert check(folder, masks=MaskOptions("instances")).can_train


def test_without_a_word_on_masks_they_are_objects(class_masks: Writer, tmp_path: Path) -> None:
    report = check(class_masks(tmp_path / "data", count=3, stored=lambda c, k: GREY[c]))
    assert report.masks == ""
    assert report.n_objects == 6


def test_who_wants_outlines_is_told_what_they_need(class_masks: Writer, tmp_path: Path) -> None:
    folder = class_masks(tmp_path / "data", count=3, stored=lambda c, k: GREY[c])
    note = next(f for f in check(folder, masks=MaskOptions()).findings if f.severity is Severity.NOTE)
    assert "stardist does not" in note.what
    assert "--masks instances" in note.remedy
    said = check(folder, masks=MaskOptions("classes"))
    assert not [f for f in said.findings if "stardist" in f.what]


@pytest.mark.parametrize(("rare", "told"), [(3, True), (200, False)])
def test_rare_classes_are_named(class_masks: Writer, tmp_path: Path, rare: int, told: bool) -> None:
    def stored(classes: np.ndarray, index: int) -> np.ndarray:
        flat = np.zeros(classes.size, dtype=np.uint8)
        flat[:rare] = 2
        flat[2000:] = 1
        return flat.reshape(classes.shape)

    folder = class_masks(tmp_path / "data", count=3, stored=stored)
    found = [f for f in check(folder, masks=MaskOptions("classes")).findings if "of the pixels" in f.what]
    assert bool(found) == told
    if told:
        assert found[0].what == "class 2 has 0.07% of the pixels"


def test_classes_that_a_part_lacks(class_masks: Writer, tmp_path: Path) -> None:
    class_masks(tmp_path / "data" / "train", count=3)
    class_masks(tmp_path / "data" / "val", count=2, stored=lambda c, k: np.minimum(c, 1))
    found = [f.what for f in check(tmp_path / "data", masks=MaskOptions("classes")).findings]
    assert "no pixel of class 2 in val/" in found


def test_masks_that_cannot_be_made_out_hinder_training(class_masks: Writer, tmp_path: Path) -> None:
    folder = class_masks(tmp_path / "data", count=3)
    report = check(folder, masks=MaskOptions(mask_values={"0": "a", "1": "b"}))
    assert not report.can_train
    assert report.class_names == ()
    assert "values of no class: 2" in report.findings[0].what
