"""Scores of classes in tables, as `stellate info` shows them."""

from __future__ import annotations

import json

import numpy as np

from stellate import api
from stellate.cli.main import main
from stellate.cli.scores import class_tables
from stellate.metrics.instances import score_instances
from stellate.metrics.masks import score_masks
from stellate.models.file import ModelInfo
from stellate.results import Instances, Mask


def masks_of(n_classes: int) -> dict:
    """Two of four pixels of the first class are found as the second."""
    names = tuple(f"class {k}" for k in range(n_classes))
    truth = np.zeros((2, max(4, n_classes)), np.int32)
    truth[1] = np.arange(truth.shape[1]) % n_classes
    found = truth.copy()
    found[0, :2] = 1
    return score_masks([Mask(found, names)], [Mask(truth, names)]).summary()


def objects() -> dict:
    """Two objects of two classes, one found as the other."""
    labels = np.zeros((9, 20), np.int32)
    labels[2:7, 2:8], labels[2:7, 12:18] = 1, 2
    truth, found = (
        Instances(labels, classes=np.array(of, np.int32), class_names=("a", "b")) for of in ([0, 1], [0, 0])
    )
    return score_instances([found], [truth]).summary()


def test_classes_of_pixels_have_a_table_and_their_confusion() -> None:
    rest, (by_class, confusion) = class_tables(masks_of(2))
    assert by_class.splitlines()[0].split("  ")[0] == "class"
    assert "IoU   Dice  accuracy  boundary F1" in by_class
    assert by_class.splitlines()[1].split()[:4] == ["class", "0", "6", "4"]
    assert confusion.splitlines()[1].split() == ["class", "0", "4", "2"]
    assert rest["n_images"] == 1
    assert not {"by_class", "confusion"} & rest.keys()


def test_objects_have_the_same_of_their_classes() -> None:
    rest, (by_class, confusion) = class_tables(objects())
    assert by_class.splitlines()[0].split() == [
        "class", "annotated", "found", "precision", "recall", "F1", "accuracy", "PQ",
    ]  # fmt: skip
    assert by_class.splitlines()[1].split()[:4] == ["a", "1", "2", "0.500"]
    assert confusion.splitlines()[0].split() == ["annotated", "/", "found", "a", "b", "(nothing)"]
    assert confusion.splitlines()[2].split() == ["b", "1", "0", "0"]
    assert rest["classes"]["class_accuracy"] == 0.5
    assert "by_class" not in rest["classes"]


def test_tables_keep_the_order_of_classes_where_a_file_does_not() -> None:
    names = ("Z", "A", "9")
    truth = np.arange(6, dtype=np.int32).reshape(2, 3) % 3
    summary = score_masks([Mask(truth, names)], [Mask(truth, names)]).summary()
    stored = json.loads(json.dumps(summary, sort_keys=True))
    assert class_tables(stored) == class_tables(summary)
    by_class, confusion = class_tables(stored)[1]
    assert [line.split()[0] for line in by_class.splitlines()] == ["class", *names]
    assert confusion.splitlines()[0].split() == ["annotated", "/", "found", *names]


def test_without_classes_all_stays_as_it_is() -> None:
    scores = {"f1": 0.5, "accuracy": {"0.5": 0.25}}
    assert class_tables(scores) == (scores, [])


def test_many_classes_are_not_shown_against_one_another() -> None:
    _, (by_class, confusion) = class_tables(masks_of(12))
    assert len(by_class.splitlines()) == 13
    assert confusion == "12 classes; which was found as which is too wide to show"


def test_info_shows_tables_below_the_other_scores(capsys, monkeypatch) -> None:
    known = ModelInfo("a", "unet", "segmentation", {}, metrics={"validation": masks_of(3), "note": "as is"})
    monkeypatch.setattr(api, "info", lambda path, axes: known)
    assert main(["info", "a"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("class 1" in line for line in lines) == 3  # a heading, and a row of each table
    start = next(k for k, line in enumerate(lines) if line.startswith("    class"))
    assert lines[start + 4].split("  ")[2:4] == ["annotated / found", "class 0"]
    assert lines[start + 1].startswith("    class 0")
    assert any(line.split() == ["note", "as", "is"] for line in lines)
    assert not any("{" in line for line in lines)
