"""The page of images with any number of boxes."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from stellate.axes import Image
from stellate.metrics.detection import score_boxes
from stellate.prediction.evaluation import Evaluation
from stellate.reports.box_agreement import BOX_COLOURS
from stellate.reports.evaluation_page import write_evaluation_page
from stellate.reports.evaluation_report import report_of
from stellate.results import Boxes

NAMES = ("white", "red")
IMAGE = Image(np.full((64, 64), 90, np.uint8), "YX")


def boxes(corners, classes, scores=None, names=NAMES) -> Boxes:
    scores = None if scores is None else np.array(scores, np.float32)
    return Boxes(np.array(corners, np.float32).reshape(-1, 4), np.array(classes, np.int32), names, scores)


TRUTHS = [boxes([[2, 2, 20, 20], [30, 2, 50, 20]], [0, 1]), boxes([[2, 2, 20, 20]], [0])]
FINDINGS = [
    boxes(
        [[2, 2, 20, 20], [30, 2, 50, 20], [30, 40, 50, 60], [2, 40, 20, 60]],
        [0, 0, 1, 1],
        [0.9, 0.8, 0.7, 0.2],
    ),
    boxes([[2, 2, 20, 20]], [0], [0.6]),
]


@pytest.fixture
def metrics():
    return score_boxes(FINDINGS, TRUTHS, names=["a", "b"], score_threshold=0.5)


def test_what_is_said_of_an_image(metrics):
    report = report_of(metrics)
    assert report.in_words(0) == "F1 0.400; 2 annotated: 1 found, 1 of another class, 0 missed; 1 invented"
    assert report.in_words(1) == "F1 1.000; 1 annotated: 1 found, 0 of another class, 0 missed; 0 invented"
    assert report.legend().count("<svg") == 4


def test_boxes_below_the_threshold_are_not_drawn(metrics):
    _, found = report_of(metrics).draw(IMAGE, TRUTHS[0], FINDINGS[0])
    false = np.argwhere((found == np.array(BOX_COLOURS["false"])).all(axis=-1))
    zoom = 768 // 64
    # only that at x = 30 to 50
    assert false[:, 1].min() >= 30 * zoom - 4
    everything = report_of(score_boxes(FINDINGS, TRUTHS)).draw(IMAGE, TRUTHS[0], FINDINGS[0])[1]
    assert np.argwhere((everything == np.array(BOX_COLOURS["false"])).all(axis=-1))[:, 1].min() < 20 * zoom


def test_the_page_has_all_parts(metrics, tmp_path):
    report = report_of(metrics)
    worst = [(metrics.images[k].name, *report.draw(IMAGE, TRUTHS[k], FINDINGS[k])) for k in metrics.worst(9)]
    write_evaluation_page(metrics, worst, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.index(">a</b>") < text.index(">b</b>")  # the worse first
    for words in (
        "mAP at IoU 0.75",
        "Precision and recall</h2>",
        "Boxes from the score 0.5 on count",
        "mean absolute difference",
        "above 96 x 96 pixels",
        "<td>(nothing)</td>",
        "annotated, but nothing found there",
    ):
        assert words in text
    assert text.count('alt="Annotated: ') == text.count('alt="Found: ') == 2


def test_the_page_of_nothing(tmp_path):
    none = score_boxes([boxes([], [], [])], [boxes([], [])], names=["empty"])
    write_evaluation_page(none, [], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "nan" not in text
    assert "Precision and recall</h2>" not in text


def test_many_classes_have_their_tables_in_files_only(tmp_path):
    names = tuple(f"class {k}" for k in range(90))
    metrics = score_boxes(
        [boxes([[0, 0, 9, 9]], [7], [0.5], names)], [boxes([[0, 0, 9, 9]], [7], None, names)]
    )
    write_evaluation_page(metrics, [], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<td>class 3</td>" not in text
    assert "See evaluation_classes.csv" in text
    assert len(report_of(metrics).tables()["classes"]) == 90


def test_files_of_an_evaluation(metrics, tmp_path):
    paths = Evaluation(metrics, "model", "data").save(tmp_path)
    assert {p.name for p in paths.values()} == {
        "evaluation.csv",
        *(f"evaluation_{name}.csv" for name in ("images", "classes", "confusion")),
        "evaluation.json",
        "evaluation.html",
    }
    summary = json.loads(paths["summary"].read_text(encoding="utf-8"))
    assert summary["map"] == metrics.map
    assert summary["by_class"]["red"]["false_negatives"] == 1
    with paths["images"].open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["image"], first["annotated_red"], first["found_red"], first["invented"]) == (
        "a",
        "1",
        "1",
        "1",
    )
