"""Scores of boxes against a case that was counted by hand, and against one another."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from stellate.errors import ConfigError, InputError
from stellate.metrics.detection import score_boxes
from stellate.results import Boxes

NAMES = ("red", "white")
A, B, C, D = [0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 0, 70, 10]


def boxes(corners=(), classes=(), scores=None, names=NAMES) -> Boxes:
    scores = None if scores is None else np.asarray(scores, np.float32)
    return Boxes(np.array(corners, np.float32).reshape(-1, 4), np.asarray(classes, np.int32), names, scores)


@pytest.fixture
def worked():
    """Four images: one mixed, one with nothing on either side, one without annotation, one where nothing is found.

    In the first, A is found, B as another class, C missed and D invented.
    """
    truths = [boxes([A, B, C], [0, 0, 1]), boxes(), boxes(), boxes([A], [0])]
    found = [
        boxes([A, B, D], [1, 0, 0], [0.9, 0.8, 0.3], ("white", "red")),
        boxes([], [], []),
        boxes([A, B], [1, 1], [0.7, 0.6]),
        boxes([], [], None),
    ]
    return score_boxes(iter(found), iter(truths), names="abcd")


def test_counts_by_class(worked):
    red, white = worked.classes
    assert (red.counts.n_true, red.counts.n_predicted, red.counts.true_positives) == (3, 1, 1)
    assert (red.counts.false_positives, red.counts.false_negatives) == (0, 2)
    assert (red.counts.precision, red.counts.recall, red.counts.f1) == (1, 1 / 3, 2 / 4)
    assert (white.counts.n_true, white.counts.n_predicted, white.counts.true_positives) == (1, 4, 0)
    assert (white.counts.precision, white.counts.recall, white.counts.f1) == (0, 0, 0)
    overall = worked.overall.counts
    assert (overall.true_positives, overall.false_positives, overall.false_negatives) == (1, 4, 3)


def test_errors_of_counts(worked):
    red, white = worked.classes
    # by image: found less annotated
    assert [c.count_error for c in red.by_image] == [1 - 2, 0, 0, -1]
    assert (red.mean_count_error, red.mean_absolute_count_error) == (-2 / 4, 2 / 4)
    assert [c.count_error for c in white.by_image] == [2 - 1, 0, 2, 0]
    assert (white.mean_count_error, white.mean_absolute_count_error) == (3 / 4, 3 / 4)
    # of all classes together, errors of an image may cancel
    assert [c.count_error for c in worked.overall.by_image] == [0, 0, 2, -1]
    assert worked.overall.mean_absolute_count_error == 3 / 4


def test_what_became_of_each_object(worked):
    assert worked.class_names == NAMES
    assert worked.confusion.tolist() == [[1, 1, 1], [0, 0, 1], [0, 3, 0]]
    first = worked.images[0]
    assert (first.missed, first.mistaken, first.invented) == (1, 1, 1)
    assert worked.confusion_table()[-1] == {
        "annotated / found": "(nothing)",
        "red": 0,
        "white": 3,
        "(nothing)": 0,
    }


def test_average_precision_of_classes(worked):
    red, white = worked.classes
    # one of three is found, before anything else: recalls 0 to .33 with precision 1, at all levels
    assert red.ap == red.ap50 == red.ap75 == pytest.approx(34 / 101)
    assert red.average_recall == pytest.approx(1 / 3)
    assert white.ap == white.average_recall == 0
    assert worked.map == worked.map50 == pytest.approx(17 / 101)
    assert worked.overall.average_recall == pytest.approx(1 / 6)


def test_worst_are_of_low_f1_and_then_of_many_objects(worked):
    assert [i.f1 for i in worked.images] == [2 / 6, 1, 0, 0]
    assert worked.worst(9) == [2, 3, 0, 1]
    assert worked.worst(1) == [2]


def test_tables_and_summary(worked):
    row = worked.image_table()[0]
    expected = {
        "n_true": 3,
        "n_predicted": 3,
        "annotated_red": 2,
        "found_red": 1,
        "found_white": 2,
        "missed": 1,
    }
    assert row.items() >= {"image": "a", **expected}.items()
    assert worked.image_table()[1]["precision"] is None
    assert [row["class"] for row in worked.table()] == list(NAMES)
    assert [row["n_true"] for row in worked.size_table()] == [4, 4, 0, 0]
    summary = worked.summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["n_images"] == 4
    assert summary["map"] == worked.map
    assert summary["map_large"] is None
    assert summary["by_class"]["white"]["mean_absolute_count_error"] == 3 / 4
    assert worked.overall_table()[0]["map50"] == worked.map50


def test_boxes_below_the_threshold_count_in_the_average_precision_only():
    truth, found = boxes([A, B], [0, 0]), boxes([A, B, C], [0, 0, 0], [0.9, 0.4, 0.3])
    metrics = score_boxes([found], [truth], score_threshold=0.5)
    assert metrics.map == pytest.approx(1)
    assert (metrics.overall.counts.n_predicted, metrics.overall.counts.recall) == (1, 0.5)
    assert (metrics.images[0].missed, metrics.images[0].invented) == (1, 0)
    assert metrics.summary()["score_threshold"] == 0.5


def test_matching_at_one_score_agrees_with_the_average_precision():
    """Recall at IoU .5 of all boxes is the same number by both ways, and the confusion adds up to the counts."""
    rng = np.random.default_rng(5)
    truths, found = [], []
    for _ in range(6):
        start = rng.uniform(0, 150, (40, 2))
        corners = np.concatenate([start, start + rng.uniform(5, 60, (40, 2))], axis=1)
        truths.append(boxes(corners, rng.integers(0, 2, 40)))
        moved = corners + rng.normal(0, 3, corners.shape)
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2])
        found.append(boxes(moved, rng.integers(0, 2, 40), rng.random(40)))
    metrics = score_boxes(found, truths)
    for k, of in enumerate(metrics.classes):
        assert 0.2 < of.counts.recall < 0.8
        assert of.counts.recall == pytest.approx(metrics.average_precision.recall[0, k, 0])
        assert metrics.confusion[k].sum() == of.counts.n_true
        assert metrics.confusion[:, k].sum() == of.counts.n_predicted
    assert sum(image.mistaken for image in metrics.images) == metrics.confusion[[0, 1], [1, 0]].sum()


def test_classes_of_either_side_only():
    truth, found = boxes([A], [0], names=("odd",)), boxes([A], [0], [0.5], ("new",))
    metrics = score_boxes([found], [truth])
    assert metrics.class_names == ("odd", "new")
    assert metrics.confusion.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    odd, new = metrics.table()
    assert (odd["ap"], odd["recall"], odd["precision"]) == (0, 0, 0)
    assert (new["ap"], new["recall"], new["precision"]) == (None, None, 0)
    assert metrics.map == 0


def test_no_boxes_anywhere():
    metrics = score_boxes([boxes([], [], [])], [boxes()])
    assert math.isnan(metrics.map)
    assert math.isnan(metrics.overall.counts.f1)
    assert metrics.summary()["map50"] is None
    assert metrics.worst(3) == [0]
    assert score_boxes([boxes(names=())], [boxes(names=())]).table() == []


def test_identical_boxes_count_once_each_and_one_pixel_is_enough():
    pixel = [3, 3, 4, 4]
    metrics = score_boxes([boxes([pixel] * 3, [0] * 3, [0.5] * 3)], [boxes([pixel] * 2, [0] * 2)])
    counts = metrics.overall.counts
    assert (counts.true_positives, counts.false_positives, counts.false_negatives) == (2, 1, 0)
    assert metrics.map == pytest.approx(1)


def test_boxes_without_area_are_never_right():
    metrics = score_boxes([boxes([[3, 3, 3, 9]], [0], [0.5])], [boxes([[3, 3, 3, 9]], [0])])
    counts = metrics.overall.counts
    assert (counts.true_positives, counts.false_positives, counts.false_negatives) == (0, 1, 1)
    assert metrics.map == 0


@pytest.mark.parametrize(
    ("found", "truth", "message"),
    [
        (boxes([A], [0], [math.nan]), boxes(), "b: the score of box 1 of the prediction is nan"),
        (boxes([A, B], [0, 0], [0.5, math.inf]), boxes(), "score of box 2 of the prediction is inf"),
        (boxes([A], [0]), boxes(), "have no scores"),
        (boxes([A], [0], [0.1, 0.2]), boxes(), "2 scores for 1 boxes"),
        (boxes([A], [2], [0.5]), boxes(), "the prediction has the class 2, but 2 names"),
        (boxes([], [], []), boxes([A], [-1]), "the annotation has the class -1"),
        (boxes([], [], []), boxes([[0, 0, math.nan, 1]], [0]), "sides have to be numbers"),
        (boxes([], [], []), boxes([A, [9, 0, 3, 1]], [0, 0]), r"box \[9.0, 0.0, 3.0, 1.0\]; x1 <= x2"),
        (boxes([], [], []), boxes([A], [0], names=("red", "red")), "'red'; name them differently"),
        (boxes([], [], []), boxes([A], [0, 1]), r"shape \(1, 4\) and 2 classes"),
    ],
)
def test_refused(found, truth, message):
    good = boxes([A], [0], [0.5])
    with pytest.raises(InputError, match=message):
        score_boxes([good, found], [good, truth], names=["a", "b"])


def test_a_threshold_that_is_no_number_is_refused():
    with pytest.raises(ConfigError, match="threshold is nan"):
        score_boxes([boxes()], [boxes()], score_threshold=math.nan)
