from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stellate.errors import ConfigError, InputError
from stellate.metrics.instances import THRESHOLDS, score_instances
from stellate.results import Instances

# Ours by StarDist's names.
NAMES = {
    "tp": "true_positives",
    "fp": "false_positives",
    "fn": "false_negatives",
    "precision": "precision",
    "recall": "recall",
    "f1": "f1",
    "accuracy": "accuracy",
    "mean_matched_score": "mean_matched_iou",
    "panoptic_quality": "panoptic_quality",
}


def row(*ids: int) -> np.ndarray:
    return np.array([ids])


@pytest.fixture(scope="module")
def stardist():
    """Label images and what StarDist 0.9.2 says of them; see make_stardist_matching.py beside it."""
    return json.loads((Path(__file__).parent / "data" / "stardist_matching.json").read_text())


@pytest.fixture(scope="module")
def scored(stardist):
    truths, predictions = (map(np.array, stardist[k]) for k in ("truths", "predictions"))
    return score_instances(predictions, truths, stardist["thresholds"])


def test_agrees_with_stardist_on_each_image(stardist, scored):
    for ours, theirs in zip(scored.images, stardist["single"], strict=True):
        for at, expected in zip(ours.at, theirs, strict=True):
            assert {t: getattr(at, o) for t, o in NAMES.items()} == pytest.approx(expected, abs=1e-6)


def test_agrees_with_stardist_pooled_and_by_image(stardist, scored):
    for at, pooled, by_image in zip(scored.pooled, stardist["pooled"], stardist["by_image"], strict=True):
        assert {t: getattr(at, o) for t, o in NAMES.items()} == pytest.approx(pooled, abs=1e-6)
        ratios = {t: o for t, o in NAMES.items() if t not in ("tp", "fp", "fn")}
        ours = {t: scored.by_image(o, at.threshold) for t, o in ratios.items()}
        assert ours == pytest.approx({t: by_image[t] for t in ratios}, abs=1e-6)


@pytest.fixture
def worked():
    """Two images, worked by hand.

    First: object 1 found with IoU 3/4, object 2 missed, one found where nothing is. Second: found exactly.
    """
    truths = [row(1, 1, 1, 1, 0, 2, 2, 0, 0), row(0, 0, 1, 1, 0, 0, 0, 0, 0)]
    predictions = [row(9, 9, 9, 0, 0, 0, 0, 4, 4), row(0, 0, 3, 3, 0, 0, 0, 0, 0)]
    return score_instances(predictions, truths, names=["first", "second"])


def test_worked_example_at_one_half(worked):
    half = worked.pooled[0]
    assert (half.true_positives, half.false_positives, half.false_negatives) == (2, 1, 1)
    assert half.precision == pytest.approx(2 / 3)
    assert half.recall == pytest.approx(2 / 3)
    assert half.f1 == pytest.approx(2 / 3)
    assert half.accuracy == pytest.approx(2 / 4)
    assert half.mean_matched_iou == pytest.approx(1.75 / 2)
    assert half.panoptic_quality == pytest.approx(1.75 / 3)
    assert worked.by_image("accuracy", 0.5) == pytest.approx((1 / 3 + 1) / 2)


def test_worked_example_over_thresholds(worked):
    # The IoU of 3/4 reaches .5 to .75, that is 6 of 10 thresholds.
    assert worked.images[0].mean_accuracy == pytest.approx(6 / 10 / 3)
    assert worked.mean_accuracy == pytest.approx((0.2 + 1) / 2)
    assert worked.summary()["mean_accuracy"] == pytest.approx((6 * (2 / 4) + 4 * (1 / 5)) / 10)


def test_tables_and_summary_say_the_same(worked):
    rows = worked.table()
    assert [r["threshold"] for r in rows] == list(THRESHOLDS)
    assert rows[0]["accuracy_by_image"] == pytest.approx(2 / 3)
    first, second = worked.image_table()
    assert (first["image"], first["n_true"], first["n_predicted"], first["count_error"]) == ("first", 2, 2, 0)
    assert (first["accuracy_0.75"], first["accuracy_0.8"]) == (pytest.approx(1 / 3), 0.0)
    assert second["mean_accuracy"] == 1.0
    summary = json.loads(json.dumps(worked.summary()))
    assert (summary["n_images"], summary["n_true"], summary["n_predicted"]) == (2, 3, 3)
    assert summary["accuracy_by_image"]["0.5"] == pytest.approx(2 / 3)


def test_counting_error():
    metrics = score_instances([row(1, 2, 3), row(0, 0, 1)], [row(1, 1, 0), row(1, 2, 3)])
    assert [i.count_error for i in metrics.images] == [2, -2]
    assert metrics.mean_absolute_count_error == 2
    assert [i.name for i in metrics.images] == ["1", "2"]


def test_nothing_annotated_and_nothing_found_is_right():
    empty = row(0, 0)
    metrics = score_instances([empty, row(1, 0)], [empty, row(0, 1)])
    assert metrics.by_image("accuracy", 0.5) == 0.5
    assert metrics.pooled[0].accuracy == 0
    theirs = score_instances([empty, row(1, 0)], [empty, row(0, 1)], empty_score=0)
    assert theirs.by_image("accuracy", 0.5) == 0


def test_worst_first_and_of_equals_the_fuller():
    truths = [row(1, 1, 2), row(1, 0, 0), row(1, 2, 3)]
    predictions = [row(1, 1, 2), row(0, 0, 0), row(0, 0, 0)]
    assert score_instances(predictions, truths).worst(2) == [2, 1]


def test_takes_results_and_iterators_and_reports_progress():
    found = Instances(np.array([[1, 0]], dtype=np.int32), scores=np.array([0.9], dtype=np.float32))
    done: list[int] = []
    metrics = score_instances(
        iter([found, found]), iter([row(1, 0), row(0, 1)]), (0.5,), progress=done.append
    )
    assert metrics.pooled[0].true_positives == 1
    assert done == [1, 2]


@pytest.mark.parametrize("extra", ["predictions", "truths"])
def test_different_numbers_of_images(extra):
    given = {"predictions": [row(1)], "truths": [row(1)]}
    given[extra] = given[extra] * 2
    with pytest.raises(InputError, match="differ in number"):
        score_instances(**given)


def test_shapes_that_differ_are_named():
    with pytest.raises(InputError, match=r"cells_7: .*\(1, 1\).*\(1, 2\)"):
        score_instances([row(1, 1)], [row(1)], names=["cells_7"])


def test_too_few_names_and_no_images():
    with pytest.raises(InputError, match="1 names for more images"):
        score_instances([row(1)] * 2, [row(1)] * 2, names=["a"])
    with pytest.raises(InputError, match="no images"):
        score_instances([], [])


@pytest.mark.parametrize(
    ("thresholds", "message"), [((), "no thresholds"), ((0.5, 0), "threshold 0:"), ((1.2,), "1.2")]
)
def test_bad_thresholds(thresholds, message):
    with pytest.raises(ConfigError, match=message):
        score_instances([row(1)], [row(1)], thresholds)


def test_unknown_score_and_threshold(worked):
    with pytest.raises(ConfigError, match="no score is called 'dice'"):
        worked.by_image("dice", 0.5)
    with pytest.raises(ConfigError, match=r"threshold 0\.42; computed were 0\.5"):
        worked.by_image("f1", 0.42)
