"""Scores of the one box of each image against counted pixels."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from stellate.errors import InputError
from stellate.metrics.localization import score_single_boxes
from stellate.results import Boxes

NAMES = ("white", "red")


def box(x1, y1, x2, y2, of=0, names=NAMES, score=None) -> Boxes:
    scores = None if score is None else np.array([score], np.float32)
    return Boxes(np.array([[x1, y1, x2, y2]], np.float32), np.array([of], np.int32), names, scores)


@pytest.fixture
def worked():
    """Boxes of 100 pixels: the same, 80 of 120, 50 of 150 and none in common; 2nd and 4th of the wrong class."""
    truths = [
        box(0, 0, 10, 10),
        box(0, 0, 10, 10),
        box(0, 0, 10, 10, 1),
        box(0, 0, 10, 10, 2, (*NAMES, "odd")),
    ]
    found = [
        box(0, 0, 10, 10, score=0.9),
        box(2, 0, 12, 10, 1, score=0.8),
        box(5, 0, 15, 10, 1, score=0.7),
        box(30, 30, 40, 40, score=0.6),
    ]
    return score_single_boxes(iter(found), iter(truths), names="abcd")


def test_worked_example(worked):
    assert [i.iou for i in worked.images] == [1, 80 / 120, 50 / 150, 0]
    assert worked.mean_iou == pytest.approx((1 + 80 / 120 + 50 / 150) / 4)
    assert worked.class_accuracy == 2 / 4
    assert worked.overall.located(0.5) == 2 / 4
    assert worked.overall.located(0.75) == 1 / 4
    assert worked.overall.both(0.5) == worked.overall.both(0.75) == 1 / 4
    white, red, odd = worked.classes
    assert (white.n_true, white.n_predicted, white.class_accuracy, white.both(0.5)) == (2, 2, 1 / 2, 1 / 2)
    assert (red.n_true, red.n_predicted, red.class_accuracy, red.located(0.5)) == (1, 2, 1, 0)
    assert (odd.n_true, odd.n_predicted, odd.class_accuracy, odd.mean_iou) == (1, 0, 0, 0)
    assert worked.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_worst_are_of_the_wrong_class_and_then_of_low_iou(worked):
    assert worked.worst(9) == [3, 1, 2, 0]
    assert worked.worst(2) == [3, 1]


def test_tables_and_summary(worked):
    summary = json.loads(json.dumps(worked.summary(), allow_nan=False))
    assert summary["n_images"] == 4
    assert (summary["both"], summary["both_75"], summary["located"], summary["located_75"]) == (
        0.25,
        0.25,
        0.5,
        0.25,
    )
    assert summary["class_accuracy"] == 0.5
    assert summary["by_class"]["odd"]["n_predicted"] == 0
    row = worked.image_table()[1]
    assert (row["annotated"], row["found"], row["right"]) == ("white", "red", False)
    assert [row[f"found_{side}"] for side in ("xmin", "ymin", "xmax", "ymax")] == [2, 0, 12, 10]
    assert row["probability"] == pytest.approx(0.8)
    assert [r["class"] for r in worked.table()] == [*NAMES, "odd"]


def test_an_iou_of_exactly_one_half_does_not_exceed_it():
    half = score_single_boxes([box(0, 0, 10, 5)], [box(0, 0, 10, 10)])
    assert half.images[0].iou == 0.5
    assert half.overall.located(0.5) == 0


def test_classes_are_compared_by_name_whatever_their_order():
    metrics = score_single_boxes([box(0, 0, 5, 5, 0, ("red", "white"))], [box(0, 0, 5, 5, 1)])
    assert metrics.class_accuracy == 1
    assert metrics.image_table()[0]["probability"] is None


def test_a_class_that_is_neither_annotated_nor_found_has_no_scores():
    metrics = score_single_boxes([box(0, 0, 5, 5)], [box(0, 0, 5, 5)])
    assert math.isnan(metrics.classes[1].mean_iou)
    assert metrics.table()[1]["both"] is None


TWO = Boxes(np.array([[0, 0, 1, 1], [2, 2, 3, 3]], np.float32), np.zeros(2, np.int32), NAMES)
NONE = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int32), NAMES)


@pytest.mark.parametrize(
    ("found", "of", "message"),
    [
        (box(0, 0, 1, 1), TWO, "annotation has 2 boxes; images with exactly one object are compared here"),
        (NONE, box(0, 0, 1, 1), "prediction has 0 boxes"),
        (box(0, 0, 1, 1, 2), box(0, 0, 1, 1), "prediction has the class 2, but 2 names"),
        (box(0, 0, np.nan, 1), box(0, 0, 1, 1), "its sides have to be numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_name_of_the_image(found, of, message):
    with pytest.raises(InputError, match=f"^cell: .*{message}"):
        score_single_boxes([found], [of], names=["cell"])
